"""Whatever a test run has started ends soon after it, also where it was killed in the middle."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

ROOT = Path(__file__).resolve().parent.parent
# A measurement that goes on for an hour, and a program in a session of its own that knows nothing of its parents.
ENDLESS = """
import subprocess, sys
from pathlib import Path
from tests.fakes import write_onnx

def test_without_end(tmp_path, artifact_cache):
    artifact_cache.mkdir(exist_ok=True)
    write_onnx(tmp_path / "x.onnx", shape=(1, 64, 256, 256), nodes=8)
    subprocess.Popen(["sleep", "3600"], start_new_session=True)
    effmod = Path(sys.executable).with_name("effmod")
    subprocess.run([effmod, "bench", "x.onnx", "--runs", "1000000", "--rounds", "1"], check=True)
"""


@pytest.fixture
def name() -> str:
    """In the environment of whatever belongs to the run that is killed."""
    return f"KILLED_{uuid.uuid4().hex}"


def commands_with(name: str) -> list[str]:
    """The command lines of all processes that have this name in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if name in process.environ() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:  # it has ended, or is another user's
            continue
    return found


def wait_until(true: Callable[[list[str]], bool], name: str, *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not true(commands := commands_with(name)):
        assert time.monotonic() < deadline, commands
        time.sleep(0.1)


def all_run(commands: list[str]) -> bool:
    programs = ("effmod bench x.onnx", "effmod_bench.instrument.process.worker", "sleep 3600", "reaper.py")
    return all(any(program in command for command in commands) for program in programs)


def none_runs(commands: list[str]) -> bool:
    return not commands


@pytest.mark.parametrize(("killed", "workers"), [("pytest", "0"), ("pytest", "2"), ("make", "2")])
def test_kill_9_leaves_no_process_behind_for_ten_seconds_and_no_cache(
    killed: str, workers: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "test_endless.py").write_text(ENDLESS)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    run = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-n", workers]
    run += ["--config-file", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), str(tmp_path)]
    if killed == "make":
        run = ["sh", "-c", 'EFFMOD_TEST_ENDS_WITH=$$ "$@"; exit', "sh", *run]
    # It is a run of its own, though it may be started by a worker of another one.
    outside = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    with subprocess.Popen(
        run,
        cwd=ROOT,
        env=outside | {name: "", "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_until(all_run, name, timeout_s=120)
            (folder,) = temporary.glob("pytest-of-*/pytest-0")
            shared = {folder / each for each in ("cache", "home", "tmp", ".lock")}
            assert shared <= set(folder.iterdir())
        finally:
            process.kill()
    wait_until(none_runs, name, timeout_s=10)
    assert not shared & set(folder.iterdir())
