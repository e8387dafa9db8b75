"""What Ray adds to a round, in time and in memory, and how far off a dry run over several nodes is.

Run it with `make check-cluster`; it needs Ray. Two raylets on this machine are the nodes, each with a lock of its own.
The cost is what `Place.time` takes by this process's clock over what the round took by the node's. The dry run is told
by one network on one node, and is of several networks on both; the two nodes share this machine, so that on two cores
with one thread each they disturb each other little, and on fewer much.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import median
from unittest.mock import patch

import psutil

from effmod_bench.fleet import cluster
from effmod_bench.fleet.draw import Drawn
from effmod_bench.fleet.seat import Pool, Seat
from effmod_bench.instrument import rounds
from effmod_bench.instrument.clock import time_once
from effmod_bench.instrument.process.messages import Timed
from effmod_bench.instrument.schedule import Turn
from effmod_bench.instrument.subject import Subject
from effmod_bench.targets.subjects import file_subject
from results import BenchPlan, Round, Store
from tests.benchmarks.boards import command_of, resident_mb
from tests.benchmarks.figures import write_figures
from tests.effmod_bench.fleet.raylets import cluster_of
from tests.fakes import write_onnx

_JOBS, _SETTLED = 1000, 50
_COST_OF = 200
_NETWORKS = ("efficientmod_xxs", "mobilenetv2_100", "edgevit_xxs")
_PROTOCOL = ("--runs", "200", "--rounds", "2", "--threads", "1", "--rewrite", "none")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", action="store_true", help="write the figures beside this script")
    parser.add_argument("--jobs", type=int, default=_JOBS, help="rounds over which memory is looked at")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as name:
        folder = Path(name)
        with cluster_of((None, None), folder, memory_mib=200) as nodes, patch.dict(os.environ):
            os.environ["RAY_ADDRESS"] = nodes.address
            found = [*cost(folder, asked.jobs), *planned(folder)]
    if asked.csv:
        write_figures(__file__, found)


def cost(folder: Path, jobs: int) -> Iterator[dict[str, object]]:
    """What the driver and Ray take over the rounds themselves, and what they hold after many."""
    subject = file_subject(write_onnx(folder / "tiny.onnx"), {}, batch_size=1)
    cluster.connect("auto")
    pool = Pool(Drawn(kinds=("cpu",)), cluster.read_nodes(), {}, command="effmod check-cluster", wait=True, say=print)
    (place,) = pool.seats
    place.open()
    if place.lost:
        sys.exit(f"the node cannot be used: {place.lost}")
    over_ms: list[float] = []
    memory: dict[int, tuple[float, float]] = {}
    try:
        for done in range(1, jobs + 1):
            round_s, wall_ns = time_once(lambda: round_on(place, subject))
            over_ms.append(wall_ns / 1e6 - round_s * 1e3)
            if done in (_SETTLED, jobs):
                memory[done] = resident_mb(psutil.Process()), resident_mb(_post())
    finally:
        place.close()
        cluster.disconnect()
    first = sorted(over_ms[: min(_COST_OF, jobs)])
    grown = [memory[jobs][i] - memory[_SETTLED][i] for i in (0, 1)]
    yield _figure("over a round, median", median(first), "ms", len(first))
    yield _figure("over a round, p99", first[math.ceil(0.99 * len(first)) - 1], "ms", len(first))
    yield _figure("memory of the command grown", grown[0], "MB", jobs)
    yield _figure("memory of what waits on the node", memory[jobs][1], "MB", jobs)
    yield _figure("the same, grown", grown[1], "MB", jobs)


def round_on(place: Seat, subject: Subject) -> float:
    """A round, and how long it took by the clock of the node, in seconds."""
    plan = BenchPlan(runs=5, rounds=1, warmup_runs=0, threads=1)
    job = rounds._job(subject, Turn(subject=0, index=1, runs=5, plan=plan), place)
    watched = place.time(job, [subject], on_warm=lambda _: None, tick=lambda _: None, timeout_s=None)
    if not isinstance(watched.outcome, Timed) or watched.environment.conditions is None:
        sys.exit(f"a round failed: {watched.outcome}")
    return watched.environment.conditions.elapsed_s


def planned(folder: Path) -> Iterator[dict[str, object]]:
    """A dry run over two nodes, told by one network on one, and how long it then took."""
    known, store = folder / "known", folder / "measured"
    on = ("--on", "ray://auto")
    _effmod("bench", _NETWORKS[0], *_PROTOCOL, *on, "--store", str(known))
    for network in _NETWORKS[1:]:
        _effmod("export", network, "--rewrite", "none", "--output", str(folder))
    both = ("bench", *_NETWORKS, *_PROTOCOL, *on, "--nodes", "2")
    rows = json.loads(_effmod(*both, "--store", str(known), "--dry-run", "--output-format", "json"))
    expected_s = sum(row["about_s"] for row in rows)
    _effmod(*both, "--store", str(store))
    took_s = _span_s(Store(store).read_kind(Round))
    yield _figure("dry run over two nodes: expected", expected_s, "s", len(_NETWORKS))
    yield _figure("dry run over two nodes: measured", took_s, "s", len(_NETWORKS))
    yield _figure("dry run over two nodes: expected over measured", expected_s / took_s, "ratio", len(_NETWORKS))


def _span_s(found: list[Round]) -> float:
    began = [datetime.fromisoformat(record.started_at).timestamp() for record in found]
    took = [record.environment.conditions.elapsed_s for record in found if record.environment.conditions]
    return max(start + each for start, each in zip(began, took, strict=True)) - min(began)


def _effmod(*arguments: str) -> str:
    command = Path(sys.executable).with_name("effmod")
    done = subprocess.run([command, *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"effmod {' '.join(arguments)} ended with {done.returncode}")
    return done.stdout


def _post() -> psutil.Process:
    """What waits on the node: Ray names a process by its class."""
    return next(each for each in psutil.process_iter() if "ray::Post" in " ".join(command_of(each)))


def _figure(what: str, value: float, unit: str, count: int) -> dict[str, object]:
    print(f"{what}: {value:.2f} {unit} ({count})")
    return {"what": what, "value": f"{value:.2f}", "unit": unit, "n": count}


if __name__ == "__main__":
    main()
