"""Whether a cluster can be reached: by a head with a token of its own, as `ray start --head` makes one, and by none."""

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from effmod_bench.errors import DeviceUnavailableError, ExitCode
from effmod_bench.fleet import cluster
from effmod_bench.fleet.cluster import NodeLostError
from tests.effmod_bench.support import EFFMOD, effmod

pytest.importorskip("ray", reason="Ray, of effmod's extra cluster, is not installed")

pytestmark = pytest.mark.xdist_group("ray")
_NICENESS = "RAY_worker_niceness"
_LONG_S = 120.0


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """A head whose user has a token, as docs/machines.md starts it: its port, and that for clients."""
    pytest.importorskip("grpc", reason="grpcio, of effmod's extra cluster, is not installed")
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # paths of sockets in it are to be short
    token = folder / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("0123456789abcdef" * 4)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setenv("EFFMOD_LOCK", str(folder / "lock"))
    port, for_clients = free_port(), free_port()
    ray = subprocess.Popen(
        [
            *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
            *(f"--port={port}", f"--ray-client-server-port={for_clients}", f"--temp-dir={folder}", "--num-cpus=1"),
            *("--include-dashboard=false", "--object-store-memory=80000000"),
            *("--min-worker-port=0", "--max-worker-port=0"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert ray.stdout is not None
        said = []
        for line in ray.stdout:
            said.append(line)
            if "Ray runtime started" in line:
                break
        else:
            pytest.fail("".join(said))
        _wait_until_somebody_listens(for_clients)  # which may be later
        yield port, for_clients
    finally:
        ray.terminate()
        try:
            ray.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(ray.pid, signal.SIGKILL)
            ray.communicate()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_head_that_asks_for_its_token_is_reached_by_its_nodes_and_from_outside(head: tuple[int, int]) -> None:
    asked = [
        subprocess.Popen(
            [EFFMOD, "cluster", "status", address, "--output-format", "csv"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"RAY_ADDRESS": f"127.0.0.1:{head[0]}"},
        )
        for address in ("ray://auto", f"ray://localhost:{head[1]}")
    ]
    said = [each.communicate(timeout=_LONG_S) for each in asked]
    assert [each.returncode for each in asked] == [ExitCode.OK, ExitCode.OK], said
    nodes = {stdout.splitlines()[1].partition(",")[0] for stdout, _ in said}
    assert len(nodes) == 1
    assert all(re.search(",cpu,(free|busy),", stdout) for stdout, _ in said)  # others may use Ray on this machine


def _wait_until_somebody_listens(port: int) -> None:
    for left in reversed(range(60)):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if not left:
                raise
            time.sleep(0.5)
        else:
            return


class FakeRay(SimpleNamespace):
    """Ray, as far as connecting to it goes."""

    asked: tuple[str, ...] = ()
    niceness: str | None = None

    def is_initialized(self) -> bool:
        return False

    def init(self, address: str, **_: Any) -> None:
        self.asked += (address,)
        self.niceness = os.environ.get(_NICENESS)

    def shutdown(self) -> None:
        """Nothing is there."""


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    monkeypatch.setattr(cluster, "_ray", lambda: fake)
    monkeypatch.setattr(cluster, "_show_token", lambda: None)
    monkeypatch.setattr(cluster, "_running_here", lambda: None)
    return fake


def test_what_a_cluster_that_effmod_starts_runs_gives_way_to_nothing(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(_NICENESS, "7")
    cluster.connect("auto")
    assert (ray.asked, ray.niceness) == (("local",), "7")
    monkeypatch.delenv(_NICENESS)
    cluster.connect("auto")
    assert ray.niceness == "0"


def test_ray_tells_nobody_what_is_done_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    cluster._ray()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize(("asks", "shown"), [(True, 1), (False, 0)])
def test_a_token_is_shown_to_the_cluster_that_asks_for_one_alone(
    asks: bool, shown: int, ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    grpc = pytest.importorskip("grpc", reason="grpcio, of effmod's extra cluster, is not installed")

    def answer(_: bytes, context: Any) -> bytes:
        if asks:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "InvalidAuthToken")
        return b""

    server = grpc.server(ThreadPoolExecutor(1))
    handlers = {"GetClusterId": grpc.unary_unary_rpc_method_handler(answer)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("ray.rpc.NodeInfoGcsService", handlers),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    tokens: list[None] = []
    monkeypatch.setattr(cluster, "_running_here", lambda: address)
    monkeypatch.setattr(cluster, "_show_token", lambda: tokens.append(None))
    try:
        cluster.connect("auto")
    finally:
        server.stop(None)
    assert (ray.asked, len(tokens)) == ((address,), shown)


def test_where_nobody_listens_at_what_the_user_names_nothing_is_started_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeRay()
    monkeypatch.setattr(cluster, "_ray", lambda: fake)
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{free_port()}")
    with pytest.raises(DeviceUnavailableError, match=r"nobody listens at 127.0.0.1:\d+, which RAY_ADDRESS names"):
        cluster.connect("auto")
    assert fake.asked == ()


def test_an_address_that_the_user_names_is_local_or_has_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRay()
    monkeypatch.setattr(cluster, "_ray", lambda: fake)
    monkeypatch.setenv(_NICENESS, "0")
    monkeypatch.setenv("RAY_ADDRESS", "head")
    with pytest.raises(DeviceUnavailableError, match="RAY_ADDRESS is 'head'; it is to be HOST:PORT"):
        cluster.connect("auto")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    cluster.connect("auto")
    assert fake.asked == ("local",)
    cluster.disconnect()


def test_a_cluster_that_was_lost_is_not_replaced_by_one_of_this_machine_alone(ray: FakeRay) -> None:
    cluster.connect("auto")
    cluster.reconnect("auto", say=lambda _: None)
    assert ray.asked == ("local", "local"), "that is what it was"
    cluster.disconnect()
    with pytest.raises(DeviceUnavailableError, match="none runs on this machine"):
        cluster.reconnect("auto", say=lambda _: None)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "The actor died unexpectedly\n\tip: 10.0.0.7\nThe actor is dead because its node has died. Node Id: 5e89",
            "its node has died",
        ),
        ("The actor died unexpectedly\n\tThe actor died because its node has died. Node Id: 5e89", "its node has died"),
        ("...\nThe actor is dead because its worker process has died.", "its worker process has died"),
        ("The worker of 10.0.0.7 ran out of memory\n\tand more", "The worker of 10.0.0.7 ran out of memory"),
    ],
)
def test_of_what_ray_says_a_record_has_why_what_timed_is_gone(said: str, reason: str) -> None:
    from ray.exceptions import RayError

    with pytest.raises(NodeLostError) as lost, cluster._as_lost():
        raise RayError(said)
    assert lost.value.reason == reason


def test_without_grpcio_a_head_elsewhere_is_refused_by_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "grpc" else find(name))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert cluster.parse_address("ray://auto") == "auto"
    missing = r"is reached by grpcio, which is not installed; install it with: .*effmod-bench\[cluster\]"
    with pytest.raises(DeviceUnavailableError, match=missing):
        cluster.parse_address("ray://head:10001")
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(DeviceUnavailableError, match=missing):
        cluster.parse_address("ray://auto")


@pytest.mark.usefixtures("ray")
def test_a_cluster_that_ends_after_it_was_reached_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise NodeLostError("the head is gone")

    monkeypatch.setattr(cluster, "read_nodes", gone)
    monkeypatch.setattr(cluster, "_running_here", lambda: "127.0.0.1:6379")
    for command in (("cluster", "status"), ("bench", "a_network", "--on", "ray://auto")):
        done = effmod(*command)
        assert done.exit_code == ExitCode.UNAVAILABLE, done.output
        assert "error: the Ray cluster ray://auto was lost: the head is gone" in done.stderr


def test_a_function_of_the_users_is_not_run_by_pytorch_on_a_node_and_that_is_said_first() -> None:
    Path("mine.py").write_text("def net():\n    raise AssertionError\n")
    on = ("--on", "ray://auto", "--accelerator", "A", "--store", "records")
    done = effmod("compare", "mine.py:net", "--runtime", "onnxruntime,pytorch", *on)
    assert done.exit_code == ExitCode.USAGE, done.output
    assert "mine.py:net cannot be run by PyTorch on a node, which has no mine.py" in done.stderr
    assert not Path("records").exists()
