"""A Ray cluster on this machine: a raylet for each node, each with a lock of its own, or they would take turns.

It is made and ended by a process of its own, this file run, and so is whatever else uses Ray in a test: Ray's threads
outlive its shutdown, and one of them ended a process of pytest minutes later, by a segmentation fault.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import psutil

T = TypeVar("T")

_MIB = 2**20
_TRIES = 3  # on a machine with much to do a raylet may take longer than the half minute that Ray waits for it


class Nodes:
    """The cluster, and how its raylets are killed."""

    def __init__(self, *, address: str, raylets: dict[str, int]) -> None:
        self.address = address
        self._raylets = raylets

    def kill(self, node: str) -> None:
        """As if the machine of that number, as records have it, lost its power."""
        (pid,) = (pid for each, pid in self._raylets.items() if each.startswith(node))
        raylet = psutil.Process(pid)
        for process in (raylet, *raylet.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                process.kill()


@contextlib.contextmanager
def cluster_of(
    kinds: Sequence[str | None], folder: Path, *, memory_mib: int = 80, config: Mapping[str, int] | None = None
) -> Iterator[Nodes]:
    """A head without processors, and a node of one processor for each of the kinds.

    Args:
        folder: for what Ray keeps; its path is to be short, since that of a socket in it must be.
        config: of Ray's own.
    """
    asked = json.dumps([*kinds]), str(folder), str(memory_mib), json.dumps(dict(config or {}))
    with subprocess.Popen(
        [sys.executable, "-m", __name__, *asked],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as maker:
        assert maker.stdin is not None
        assert maker.stdout is not None
        told = maker.stdout.readline()
        assert told, "the cluster was not made: what its process says of that is above"
        try:
            yield Nodes(**json.loads(told))
        finally:
            maker.stdin.close()  # which ends it


def main(kinds: str, folder: str, memory_mib: str, config: str) -> None:
    """Make a cluster, say where it is, and end it where nobody listens any more."""
    from ray.cluster_utils import Cluster

    few = {"object_store_memory": int(memory_mib) * _MIB, "include_dashboard": False}
    own = Cluster(shutdown_at_exit=False)
    try:
        patiently(lambda: own.add_node(num_cpus=0, _system_config=json.loads(config), **few))
        raylets = {}
        for number, kind in enumerate(json.loads(kinds)):
            labels = {"shelf": str(number)} | ({"ray.io/accelerator-type": kind} if kind else {})
            locks = {"EFFMOD_LOCK": f"{folder}/lock-{number}"}

            def add(labels: dict[str, str] = labels, locks: dict[str, str] = locks) -> Any:
                return own.add_node(wait=False, labels=labels, env_vars=locks, num_cpus=1, **few)

            node = patiently(add)
            raylets[node.node_id] = node.all_processes["raylet"][0].process.pid
        own.wait_for_nodes()
        sys.stdout.write(json.dumps({"address": own.address, "raylets": raylets}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        own.shutdown()


def patiently(start: Callable[[], T]) -> T:
    """Start something of Ray, again where it was not there in time."""
    for left in reversed(range(_TRIES)):
        try:
            return start()
        except Exception as error:  # Ray raises no other
            if "timed out during startup" not in str(error) or not left:
                raise
    raise AssertionError


if __name__ == "__main__":
    main(*sys.argv[1:])
