"""Whether a cluster can be reached: by a head with a token of its own, as `ray start --head` makes one, and by none."""

import importlib
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from effmod_bench.errors import DeviceUnavailableError, ExitCode
from effmod_bench.fleet import cluster
from effmod_bench.fleet.cluster import NodeLostError
from effmod_bench.fleet.head import Head
from tests.effmod_bench.fleet import asking
from tests.effmod_bench.fleet.asking import NICENESS, FakeRay
from tests.effmod_bench.fleet.raylets import patiently
from tests.effmod_bench.support import EFFMOD, effmod

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray, of effmod's extra cluster, is not installed"
    ),
]
needs_grpc = pytest.mark.skipif(
    importlib.util.find_spec("grpc") is None, reason="grpcio, of effmod's extra cluster, is not installed"
)
_LONG_S = 300.0  # a head that fails takes a minute to say so, and is tried again
_ANSWER_S = 120.0


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """A head whose user has a token, as docs/machines.md starts it: its port, and that for clients."""
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # paths of sockets in it are to be short
    token = folder / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("0123456789abcdef" * 4)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setenv("EFFMOD_LOCK", str(folder / "lock"))
    try:
        ray, port, for_clients = patiently(lambda: _start_head(folder))
        try:
            _wait_until_somebody_listens(for_clients)  # which may be later
            yield port, for_clients
        finally:
            _end(ray)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start_head(folder: Path) -> tuple["subprocess.Popen[str]", int, int]:
    """It, its port, and that for clients.

    Raises:
        RuntimeError: it did not start, with what it says of that.
    """
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
    assert ray.stdout is not None
    said = []
    for line in ray.stdout:
        said.append(line)
        if "Ray runtime started" in line:
            return ray, port, for_clients
    _end(ray)
    raise RuntimeError("".join(said))


def _end(ray: "subprocess.Popen[str]") -> None:
    ray.terminate()
    try:
        ray.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(ray.pid, signal.SIGKILL)
        ray.communicate()


@needs_grpc
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
    monkeypatch.setenv(NICENESS, "7")
    cluster.connect("auto")
    assert (ray.asked, ray.niceness) == (("local",), "7")
    monkeypatch.delenv(NICENESS)
    cluster.connect("auto")
    assert ray.niceness == "0"


@pytest.fixture(scope="module")
def ask() -> Iterator[Callable[..., Any]]:
    """Functions of `asking` are called in a process of their own."""
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-m", asking.__name__], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:

        def ask(function: Callable[..., Any], *arguments: Any) -> Any:
            assert other.stdin is not None
            assert other.stdout is not None
            other.stdin.write(json.dumps([function.__name__, *arguments]) + "\n")
            other.stdin.flush()
            too_long = threading.Timer(_ANSWER_S, other.kill)
            too_long.start()
            answer = other.stdout.readline()
            too_long.cancel()
            assert answer, "it took too long, or what that process says of its end is above"
            return json.loads(answer)

        yield ask


@pytest.mark.parametrize("module", [pytest.param("grpc", marks=needs_grpc), "ray"])
def test_no_process_of_pytest_imports_them(module: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"^{module} is not to be imported"):
        importlib.import_module(module)
    assert module not in sys.modules


def test_ray_tells_nobody_what_is_done_with_it(ask: Callable[..., str]) -> None:
    assert ask(asking.usage_statistics, "1") == "0"


@needs_grpc
@pytest.mark.parametrize(("asks", "shown"), [(True, 1), (False, 0)])
def test_a_token_is_shown_to_the_cluster_that_asks_for_one_alone(
    asks: bool, shown: int, ask: Callable[..., list[Any]]
) -> None:
    assert ask(asking.connected_to_head, asks) == [True, shown]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "Traceback (most recent call last):\n  File\nRuntimeError: no backend! Check x.err\n",
            "RuntimeError: no backend! Check x.err",
        ),
        (
            "Call to `ray.init()` on the server failed with: no GCS\nat all",
            "Call to `ray.init()` on the server failed with: no GCS",
        ),
    ],
)
def test_a_head_that_fails_once_it_is_reached_is_tried_again_and_that_is_said(
    said: str, why: str, ray: FakeRay, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    first = f"the head of the Ray cluster ray://head:10001 failed, and is tried up to 3 times: {why}"
    ray.failures, ray.said = 2, said
    cluster.connect("head:10001", say=told.append)
    assert (told, *capfd.readouterr()) == ([first], "", "")
    assert ray.asked.count("ray://head:10001") == 3
    ray.failures = 3
    monkeypatch.setattr(cluster, "_running_here", lambda: "ray://head:10001")
    done = effmod("cluster", "status", "ray://auto")
    assert done.exit_code == ExitCode.UNAVAILABLE, done.output
    last = f"error: the Ray cluster ray://head:10001 cannot be used, its head failed 3 times: {why}"
    assert done.stderr.splitlines() == [first, last]
    assert ray.asked.count("ray://head:10001") == 6


@pytest.mark.usefixtures("ray")
def test_what_breaks_before_a_head_is_reached_is_no_head_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_running_here", Mock(side_effect=ConnectionAbortedError("it was cut off")))
    with pytest.raises(DeviceUnavailableError, match=r"ray://auto cannot be used: it was cut off$"):
        cluster.connect("auto")


def test_where_nobody_listens_at_what_the_user_names_nothing_is_started_instead(ask: Callable[..., Any]) -> None:
    asked, why = ask(asking.connected_by, f"127.0.0.1:{free_port()}")
    assert re.search(r"nobody listens at 127.0.0.1:\d+, which RAY_ADDRESS names", why)
    assert asked == []


def test_an_address_that_the_user_names_is_local_or_has_a_port(ask: Callable[..., Any]) -> None:
    asked, why = ask(asking.connected_by, "head")
    assert "RAY_ADDRESS is 'head'; it is to be HOST:PORT" in why
    assert asked == []
    assert ask(asking.connected_by, "local") == [["local"], None]


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
def test_of_what_ray_says_a_record_has_why_what_timed_is_gone(said: str, reason: str, ask: Callable[..., str]) -> None:
    assert ask(asking.why_lost, said) == reason


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
    monkeypatch.setattr(Head, "answers_anybody", True)
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
