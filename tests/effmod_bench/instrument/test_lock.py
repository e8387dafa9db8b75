"""Real processes and a real lock."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument.lock import lock_path, measuring_alone
from effmod_bench.instrument.lock_file import LockFile

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


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes other users, which root can")
@pytest.mark.parametrize(("first", "second"), [(0, 65534), (65534, 0), (65534, 65533), (65534, 65534)])
def test_users_share_the_lock_whoever_made_it(first: int, second: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(child: int) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    with tempfile.TemporaryDirectory(dir="/tmp") as shared:
        Path(shared).chmod(0o1777)  # as /tmp itself
        monkeypatch.setenv("EFFMOD_LOCK", f"{shared}/lock")
        may_end, end = os.pipe()
        began, begin = os.pipe()

        def hold() -> None:
            os.write(begin, b"x")
            os.read(may_end, 1)

        holder = as_user(first, hold)
        os.close(begin)  # or a holder that ends early would leave it open
        os.read(began, 1)
        made_by = lock_path().stat().st_uid
        meanwhile = ended(as_user(second, lambda: None))
        os.write(end, b"x")
        assert (made_by, meanwhile, ended(holder)) == (first, 3, 0)
        for uid in (second, first, second):
            assert ended(as_user(uid, lambda: None)) == 0
        for descriptor in (may_end, end, began):
            os.close(descriptor)


def as_user(uid: int, do: Callable[[], None]) -> int:
    """A process of another user that measures; it ends with 3 where somebody else does, with 4 where it may not."""
    child = os.fork()
    if child:
        return child
    try:
        os.umask(0o077)
        os.setgid(uid)
        os.setuid(uid)
        with measuring_alone(wait=False, on_wait=never):
            do()
        os._exit(0)
    except DeviceUnavailableError as error:
        os._exit(3 if "another effmod measures" in str(error) else 4)
    finally:
        os._exit(5)


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
def test_what_takes_the_locks_place_meanwhile_is_left_as_it_is(victim: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acquire = LockFile.acquire

    def replaced_meanwhile(lock: LockFile) -> bool:
        held = acquire(lock)
        lock_path().unlink()
        lock_path().symlink_to(victim)
        return held

    monkeypatch.setattr(LockFile, "acquire", replaced_meanwhile)
    with measuring_alone(wait=False, on_wait=never):
        assert victim.read_text() == "precious"


def test_a_file_of_something_else_is_no_lock(victim: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFFMOD_LOCK", str(victim))
    with pytest.raises(DeviceUnavailableError, match="victim: it is a file of something else; name another file"):
        measuring_alone(wait=False, on_wait=never).__enter__()
    assert victim.read_text() == "precious"


@pytest.mark.skipif(sys.platform == "win32", reason="/tmp is of POSIX")
def test_all_lock_one_file_whatever_their_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EFFMOD_LOCK")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert lock_path() == Path("/tmp/effmod-measuring.lock")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert lock_path() == tmp_path / "effmod-measuring.lock"
