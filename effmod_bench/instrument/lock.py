"""One effmod measures at a time on a machine: two at once would time each other.

They agree by locking one file: `EFFMOD_LOCK`, or one in /tmp, which all users share whatever their TMPDIR is. Where
there is no such folder it is one in the temporary folder: one a user, where the system gives each user his own.
"""

import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument.clock import utc_now
from effmod_bench.instrument.lock_file import LockFile

# How often a waiting process looks: each look takes processor time from what the other one measures.
_LOOK_S = 1.0


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The process that measures; `since` is UTC, ISO 8601."""

    pid: int
    command: str
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command}), since {self.since}"


class BusyError(DeviceUnavailableError):
    """Another process measures on this machine.

    Args:
        holder: who that is, in words.
    """

    def __init__(self, holder: str) -> None:
        super().__init__(f"another effmod measures on this machine: {holder}; leave --no-wait out to wait for its end")
        self.holder = holder


_BEGINS = b'{"pid":'  # a holder, in JSON


def lock_path() -> Path:
    """The file that whoever measures on this machine locks."""
    named = os.environ.get("EFFMOD_LOCK")
    if named:
        return Path(named)
    shared = Path("/tmp")
    usable = os.name == "posix" and shared.is_dir() and os.access(shared, os.W_OK | os.X_OK)
    return (shared if usable else Path(tempfile.gettempdir())) / "effmod-measuring.lock"


@contextmanager
def measuring_alone(*, wait: bool, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the machine for the block's measurements, after whoever holds it now.

    The system takes the lock from a process that ends, however it ends.

    Args:
        wait: False to give up at once.
        on_wait: told, once, for whom it waits.

    Raises:
        BusyError: another process measures, and `wait` is False.
        DeviceUnavailableError: the lock cannot be had at all.
    """
    path = lock_path()
    lock = LockFile(path, begins=_BEGINS)
    try:
        if not lock.acquire():
            holder = _read_holder(lock)
            if not wait:
                raise BusyError(holder)
            on_wait(f"another effmod measures on this machine, waiting for its end: {holder}")
            while not lock.acquire():
                time.sleep(_LOOK_S)
    except OSError as error:
        raise DeviceUnavailableError(
            f"cannot make sure that nobody else measures, by locking {path}: {error.strerror}; name another file in "
            "EFFMOD_LOCK, the same one for everybody who measures on this machine"
        ) from error
    try:
        lock.write(msgspec.json.encode(_this_process()))
        yield
    finally:
        lock.release()


def holder() -> Holder | None:
    """Who holds the machine, as far as the lock's file tells: it says so of one that has let go, too."""
    try:
        return msgspec.json.decode(LockFile(lock_path(), begins=_BEGINS).read(), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None


def holder_now() -> Holder | None:
    """Who measures at this moment; None where nobody does, or where that cannot be seen."""
    lock = LockFile(lock_path(), begins=_BEGINS)
    try:
        if lock.acquire():
            lock.release()
            return None
    except OSError:
        return None
    return holder()


def _this_process() -> Holder:
    return Holder(
        pid=os.getpid(),
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        since=utc_now().isoformat(timespec="seconds"),
    )


def _read_holder(lock: LockFile) -> str:
    try:
        return str(msgspec.json.decode(lock.read(), type=Holder))
    except (OSError, msgspec.DecodeError):  # it has the lock, and is about to say who it is
        return "a process that has just begun"
