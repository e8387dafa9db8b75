"""Real processes and a real lock."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import pytest

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument.lock import lock_path, measuring_alone

HOLD = """
import sys
from effmod_bench.instrument.lock import measuring_alone
sys.argv = ["effmod", "bench", "a b.onnx"]
with measuring_alone(wait=True, on_wait=print):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other() -> "Iterator[subprocess.Popen[str]]":
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def never(said: str) -> None:
    raise AssertionError(said)


def test_nobody_waits_for_nobody() -> None:
    for _ in range(2):
        with measuring_alone(wait=False, on_wait=never):
            pass


def test_the_second_is_told_for_whom_and_waits(other: "subprocess.Popen[str]") -> None:
    said: list[str] = []

    def end_the_other(line: str) -> None:
        said.append(line)
        assert other.poll() is None
        other.kill()

    with measuring_alone(wait=True, on_wait=end_the_other):
        assert other.wait() == -signal.SIGKILL
    (line,) = said
    assert f"process {other.pid} (effmod bench 'a b.onnx'), since 20" in line


def test_the_second_gives_up_where_it_is_not_to_wait(other: "subprocess.Popen[str]") -> None:
    with pytest.raises(DeviceUnavailableError, match=rf"process {other.pid} .*leave --no-wait out"):
        measuring_alone(wait=False, on_wait=never).__enter__()
    other.kill()
    other.wait()
    with measuring_alone(wait=False, on_wait=never):
        pass


def test_an_error_within_gives_the_machine_back() -> None:
    with pytest.raises(ZeroDivisionError), measuring_alone(wait=False, on_wait=never):
        raise ZeroDivisionError
    with measuring_alone(wait=False, on_wait=never):
        pass


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes another user, which root can")
def test_another_user_is_kept_out_and_let_in_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_nobody() -> int:
        child = os.fork()
        if child == 0:
            os.setgid(65534)
            os.setuid(65534)
            try:
                with measuring_alone(wait=False, on_wait=never):
                    os._exit(0)
            except DeviceUnavailableError as error:
                os._exit(3 if "another effmod measures" in str(error) else 4)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    with tempfile.TemporaryDirectory(dir="/tmp") as shared:
        Path(shared).chmod(0o1777)  # as /tmp itself
        monkeypatch.setenv("EFFMOD_LOCK", f"{shared}/lock")
        with measuring_alone(wait=False, on_wait=never):
            assert as_nobody() == 3
        assert as_nobody() == 0
        with measuring_alone(wait=False, on_wait=never):
            pass


@pytest.fixture
def victim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the user's own, in the folder of the lock."""
    monkeypatch.setenv("EFFMOD_LOCK", str(tmp_path / "lock"))
    (tmp_path / "victim").write_text("precious")
    return tmp_path / "victim"


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_link_in_the_locks_place_leaves_what_it_stands_for_as_it_is(
    link: Callable[[Path, Path], None], victim: Path
) -> None:
    link(lock_path(), victim)
    with pytest.raises(DeviceUnavailableError, match=r"nobody else measures.*file in EFFMOD_LOCK, the same"):
        measuring_alone(wait=False, on_wait=never).__enter__()
    assert victim.read_text() == "precious"


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
def test_a_link_that_takes_the_locks_place_is_not_followed_either(
    victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire = filelock.FileLock.acquire

    def replaced_meanwhile(lock: filelock.FileLock, **options: Any) -> Any:
        held = acquire(lock, **options)
        lock_path().unlink()
        lock_path().symlink_to(victim)
        return held

    monkeypatch.setattr(filelock.FileLock, "acquire", replaced_meanwhile)
    with pytest.raises(DeviceUnavailableError, match="cannot make sure that nobody else measures"):
        measuring_alone(wait=False, on_wait=never).__enter__()
    assert victim.read_text() == "precious"


@pytest.mark.skipif(sys.platform == "win32", reason="/tmp is of POSIX")
def test_all_lock_one_file_whatever_their_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EFFMOD_LOCK")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert lock_path() == Path("/tmp/effmod-measuring.lock")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert lock_path() == tmp_path / "effmod-measuring.lock"
