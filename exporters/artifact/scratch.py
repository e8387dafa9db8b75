"""Folders for what is not finished yet: gone at the end of a block, or swept by the next where a process was killed.

Each holds a file that its process has locked. The system takes a lock from a process that ends, however it ends; the
number of a process would be used again, and is another one in a container or on another machine.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

_OWNER = ".owner"


def _leave_nothing(_: Path) -> None:
    pass


@contextmanager
def scratch(place: Path, prefix: str, *, rescue: Callable[[Path], None] = _leave_nothing) -> Iterator[Path]:
    """A new folder for the block. Those of the same prefix that no living process owns are deleted before.

    Args:
        place: where it lies.
        prefix: of its name.
        rescue: as of `sweep`.

    Raises:
        OSError: it cannot be made.
    """
    sweep(place, prefix, rescue=rescue)
    folder, lock = _own_folder(place, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def sweep(place: Path, prefix: str, *, rescue: Callable[[Path], None] = _leave_nothing) -> None:
    """Delete the folders of killed processes.

    Args:
        place: where they lie; it need not exist.
        prefix: of their names.
        rescue: takes out of such a folder what must not be lost.
    """
    for owner in place.glob(f"{prefix}*/{_OWNER}"):
        lock = filelock.FileLock(owner)
        try:
            lock.acquire(blocking=False)
        except (filelock.Timeout, OSError):  # someone works in it, or it is another user's
            continue
        rescue(owner.parent)
        shutil.rmtree(owner.parent, ignore_errors=True)
        lock.release()


def _own_folder(place: Path, prefix: str) -> tuple[Path, filelock.BaseFileLock]:
    while True:
        folder = Path(tempfile.mkdtemp(dir=place, prefix=prefix))
        lock = filelock.FileLock(folder / _OWNER)
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            continue  # somebody has taken it for a dead one's, between its making and its locking
        if os.path.lexists(lock.lock_file):
            return folder, lock
        lock.release()
