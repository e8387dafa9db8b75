import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from effmod_bench.instrument.lock_file import LockFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def lock(path: Path) -> LockFile:
    return LockFile(path, begins=b"{")


def test_one_holds_it_and_the_next_reads_who_that_is(path: Path) -> None:
    first, second = lock(path), lock(path)
    assert first.acquire()
    first.write(b"{a long name}")
    assert not second.acquire()
    assert second.read() == b"{a long name}"
    first.release()
    assert second.acquire()
    second.write(b"{short}")
    assert path.read_bytes() == b"{short}"
    second.release()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_everybody_may_lock_what_one_has_made_whatever_his_umask(path: Path) -> None:
    before = os.umask(0o077)
    try:
        assert lock(path).acquire()
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666


@pytest.mark.skipif(sys.platform == "win32", reason="files that are open can be replaced on POSIX")
def test_a_file_that_was_replaced_while_it_was_opened_is_not_what_is_locked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or two would hold two files of one name."""
    path.touch()
    is_in_place = LockFile._is_in_place
    looks: list[bool] = []

    def replaced_first(of: LockFile, descriptor: int) -> bool:
        if not looks:
            path.unlink()
            path.touch()
        looks.append(is_in_place(of, descriptor))
        return looks[-1]

    monkeypatch.setattr(LockFile, "_is_in_place", replaced_first)
    first = lock(path)
    assert first.acquire()
    assert looks == [False, True]
    assert not lock(path).acquire()
    first.release()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_refused_at_once(make: Callable[[Path], None], path: Path) -> None:
    make(path)
    with pytest.raises(OSError, match=r"no file|Is a directory"):
        lock(path).acquire()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk at hand")
def test_a_full_disk_keeps_nobody_from_measuring(path: Path) -> None:
    held = lock(path)
    assert held.acquire()
    full = os.open("/dev/full", os.O_RDWR)
    held._descriptor, mine = full, held._descriptor
    held.write(b"{me}")
    held.release()
    assert mine is not None
    os.close(mine)
