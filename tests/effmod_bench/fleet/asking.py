"""What a test asks of Ray or gRPC themselves, for a process of its own, this file run: `tests.conftest` says why.

It reads a line for each question, the name of a function here and its arguments, and writes one with what that gives.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from unittest import mock

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.fleet import cluster
from effmod_bench.fleet.cluster import NodeLostError

NICENESS = "RAY_worker_niceness"


class FakeRay(SimpleNamespace):
    """Ray, as far as connecting to it goes.

    Attributes:
        failures: how often a head is still to fail that was reached.
        said: by it of that.
    """

    asked: tuple[str, ...] = ()
    niceness: str | None = None
    failures: int = 0
    said: str = "see its logs"

    def is_initialized(self) -> bool:
        return False

    def init(self, address: str, **_: Any) -> None:
        self.asked += (address,)
        self.niceness = os.environ.get(NICENESS)
        if self.failures:
            self.failures -= 1
            raise ConnectionAbortedError(f"Initialization failure from server:\n{self.said}")

    def shutdown(self) -> None:
        """Nothing is there."""


def usage_statistics(before: str) -> str:
    """Whether Ray would send them, by its variable, where that was set before Ray is imported."""
    with mock.patch.dict(os.environ, {"RAY_USAGE_STATS_ENABLED": before}):
        cluster._ray()
        return os.environ["RAY_USAGE_STATS_ENABLED"]


def connected_by(ray_address: str) -> tuple[tuple[str, ...], str | None]:
    """What Ray is asked to connect to for "auto" where the user has this RAY_ADDRESS, and why it cannot be."""
    fake, why = FakeRay(), None
    variables = {"RAY_ADDRESS": ray_address, NICENESS: "0"}
    with mock.patch.dict(os.environ, variables), mock.patch.object(cluster, "_ray", return_value=fake):
        try:
            cluster.connect("auto")
        except DeviceUnavailableError as error:
            why = str(error)
        cluster.disconnect()
    return fake.asked, why


def connected_to_head(asks: bool) -> tuple[bool, int]:
    """Whether Ray is asked to connect to a head that asks for a token or for none, and how often one is shown."""
    import grpc

    def answer(_: bytes, context: Any) -> bytes:
        if asks:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
        return b""

    server = grpc.server(ThreadPoolExecutor(1))
    handlers = {"GetClusterId": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("ray.rpc.NodeInfoGcsService", handlers),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    fake = FakeRay()
    with (
        mock.patch.object(cluster, "_ray", return_value=fake),
        mock.patch.object(cluster, "_running_here", return_value=address),
        mock.patch.object(cluster, "_show_token") as shown,
    ):
        server.start()
        try:
            cluster.connect("auto")
        finally:
            server.stop(None)
    return fake.asked == (address,), shown.call_count


def why_lost(said: str) -> str | None:
    """What a record has where Ray raises an error that says this."""
    from ray.exceptions import RayError

    try:
        with cluster._as_lost():
            raise RayError(said)
    except NodeLostError as error:
        return error.reason
    return None


def main() -> None:
    functions = {each.__name__: each for each in (usage_statistics, connected_by, connected_to_head, why_lost)}
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        sys.stdout.write(json.dumps(functions[name](*arguments)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
