"""A file that one process at a time locks, whichever user that is and whoever made the file.

filelock refuses a file of another user's in a folder such as /tmp, since its owner could put another one in its place
while it is locked. He could keep everybody out by holding it, too, and more than that he cannot do here: each look
opens the file anew, follows no link, and writes to nothing but what it has locked.
"""

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

# Without O_CREAT: with it, Linux refuses another user's file in such a folder (fs.protected_regular).
_OPEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_MODE = 0o666
_MOST_BYTES = 1 << 16
# Windows lets nobody read what is locked, so what is locked lies beyond what is written.
_FAR = 1 << 30


class LockFile:
    """A lock, and what its holder has written into it. The system takes it from a process that ends.

    Args:
        begins: what is written begins with; a file that holds anything else is none of ours, and is left as it is.
    """

    def __init__(self, path: Path, *, begins: bytes) -> None:
        self.path = path
        self._begins = begins
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Try once; whether it is ours now.

        Raises:
            OSError: the file cannot be made or opened, or it is something else.
        """
        while True:
            descriptor = self._open()
            try:
                if not _lock(descriptor):
                    return False
                if self._is_in_place(descriptor):
                    self._descriptor, descriptor = descriptor, -1
                    return True
            finally:
                if descriptor >= 0:
                    os.close(descriptor)

    def release(self) -> None:
        """Let the next one have it; the file stays, or two could lock two files of its name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def write(self, text: bytes) -> None:
        """Say who holds it; where there is no room for that, it is held all the same."""
        assert self._descriptor is not None
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, text)

    def read(self) -> bytes:
        """What its holder has written.

        Raises:
            OSError: it cannot be opened.
        """
        descriptor = self._open()
        try:
            return os.read(descriptor, _MOST_BYTES)
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        try:
            descriptor = os.open(self.path, _OPEN)
        except FileNotFoundError:
            try:
                descriptor = os.open(self.path, _OPEN | os.O_CREAT | os.O_EXCL, _MODE)
            except FileExistsError:  # somebody was quicker
                descriptor = os.open(self.path, _OPEN)
            else:
                if hasattr(os, "fchmod"):
                    os.fchmod(descriptor, _MODE)  # whatever this user's umask takes away
        try:
            self._check(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _check(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        if status.st_nlink > 1:
            raise OSError(errno.EMLINK, "it is a link to another file")
        if os.read(descriptor, len(self._begins)) not in (b"", self._begins):
            raise OSError(errno.EEXIST, "it is a file of something else")
        os.lseek(descriptor, 0, os.SEEK_SET)

    def _is_in_place(self, descriptor: int) -> bool:
        """Whether nobody has put another file in its place since it was opened."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(self.path))
        except FileNotFoundError:
            return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True
else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
