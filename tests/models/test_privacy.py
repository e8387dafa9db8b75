"""Nobody is told what is measured. A resolver that records says so, in a network that holds nothing else."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from models.privacy import SILENCED, silence
from tests.fakes import write_onnx

# A network of its own, in which all names are asked of this process, a line each; nobody's settings are touched.
RESOLVER = """
import fcntl, socket, struct, subprocess, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(server, 0x8914, struct.pack("16sh", b"lo", 0x41))  # SIOCSIFFLAGS: up, running
server.bind(("127.0.0.1", 53))
with open(sys.argv[1], "w") as file:
    file.write("nameserver 127.0.0.1")
subprocess.run(["mount", "--bind", sys.argv[1], "/etc/resolv.conf"], check=True)
# What is killed is this process alone: its child must not hold the pipe that is read until its end.
subprocess.Popen([sys.executable, "-I", "-c", *sys.argv[2:]], stdout=subprocess.DEVNULL)
while True:
    asked, sender = server.recvfrom(512)
    print(asked[13:].partition(b"\\0")[0].decode(errors="replace"), flush=True)
    server.sendto(asked[:2] + b"\\x81\\x83" + asked[4:6] + b"\\0" * 6 + asked[12:], sender)  # no such name
"""
# What a worker does; then it asks for a name itself, so that one is heard in any case.
USE_ONNXRUNTIME = """
import contextlib, socket, sys
import effmod_bench.instrument.sessions.onnxruntime as sessions
session = sessions.onnxruntime.InferenceSession(sys.argv[1])
sys.stdin.read()
with contextlib.suppress(OSError):
    socket.getaddrinfo("done", 80)
"""


def test_what_a_user_has_set_himself_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SILENCED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    silence()
    assert {name: os.environ[name] for name in SILENCED} == SILENCED | {"ORT_DISABLE_TELEMETRY": "0"}


def test_the_hub_does_as_it_is_told() -> None:
    from huggingface_hub import constants

    assert constants.HF_HUB_DISABLE_TELEMETRY


def _may_make_networks() -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True).returncode == 0


@contextmanager
def _using_onnxruntime(folder: Path, setting: str | None) -> "Iterator[subprocess.Popen[str]]":
    """ONNX Runtime as a worker uses it, with a home of its own; the names that it asks for are on standard output."""
    folder.mkdir()
    write_onnx(folder / "x.onnx")
    environment = {k: v for k, v in os.environ.items() if k not in SILENCED} | {"HOME": str(folder)}
    if setting is not None:
        environment["ORT_DISABLE_TELEMETRY"] = setting
    code = [RESOLVER, str(folder / "resolv.conf"), USE_ONNXRUNTIME, str(folder / "x.onnx")]
    with subprocess.Popen(
        ["unshare", "--mount", "--net", sys.executable, "-I", "-c", *code],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.skipif(not _may_make_networks(), reason="needs a network of its own, which root can make")
def test_onnxruntime_asks_for_no_address_while_one_that_may_report_does(tmp_path: Path) -> None:
    with (
        _using_onnxruntime(tmp_path / "silenced", None) as silenced,
        _using_onnxruntime(tmp_path / "allowed", "0") as allowed,
    ):
        assert silenced.stdin is not None
        assert silenced.stdout is not None
        assert allowed.stdout is not None
        # It takes the one that may report ten seconds: the other, older one has had its time by then.
        patience = threading.Timer(60, allowed.kill)
        patience.start()
        heard = allowed.stdout.readline()
        patience.cancel()
        if not heard:
            pytest.skip("this version of ONNX Runtime reports to nobody, allowed or not")
        assert "microsoft" in heard
        silenced.stdin.close()
        assert silenced.stdout.readline() == "done\n"
    assert sorted(path.name for path in (tmp_path / "silenced").iterdir()) == ["resolv.conf", "x.onnx"]
