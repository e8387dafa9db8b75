"""Files that a board keeps, each known by the hash of its bytes, which are looked at there."""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import IO

from effmod_bench.fleet.messages import Bring, Brought, FileThere, Lacking, Refused
from exporters.artifact.hashes import sha256_of

_BLOCK = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def keep(root: Path, asked: Bring, stream: IO[bytes], say: Callable[[Lacking], None]) -> Brought | Refused:
    """Take what is lacking of a folder's files.

    Args:
        stream: gives the bytes of what `say` was told to be lacking.

    Raises:
        EOFError: the command is gone.
        OSError: the stream cannot be read.
    """
    folder = root / asked.folder
    lacking = [each for each in asked.files if not _is_there(folder, each)]
    say(Lacking(names=tuple(each.name for each in lacking)))
    refused = None
    for each in lacking:
        # All bytes are taken, or what comes after them would not be understood.
        refused = _take(folder, each, stream) or refused
    return refused or Brought(path=os.fspath(folder))


def _is_there(folder: Path, file: FileThere) -> bool:
    path = _path(folder, file)
    return path.is_file() and path.stat().st_size == file.size_bytes and sha256_of(path) == file.sha256


def _take(folder: Path, file: FileThere, stream: IO[bytes]) -> Refused | None:
    path = _path(folder, file)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    digest, full = hashlib.sha256(), None
    with contextlib.ExitStack() as left_behind:
        left_behind.callback(_remove, partial)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            out = left_behind.enter_context(partial.open("wb", buffering=0))
        except OSError as error:
            full = error
        for block in _blocks(stream, file.size_bytes):
            digest.update(block)
            if full is None:
                full = _write(out, block)
        if full is not None:
            return Refused(reason=_cannot_keep(folder, file, full))
        if digest.hexdigest() != file.sha256:
            found = digest.hexdigest()[:12]
            return Refused(
                reason=f"{file.name} arrived as another file (sha256 {found}, not {file.sha256[:12]})", again=True
            )
        try:
            os.fsync(out.fileno())
            partial.replace(path)
        except OSError as error:
            return Refused(reason=_cannot_keep(folder, file, error))
    return None


def _blocks(stream: IO[bytes], size_bytes: int) -> Iterator[bytes]:
    """So many bytes.

    Raises:
        EOFError: there are no more.
    """
    left = size_bytes
    while left:
        block = stream.read(min(left, _BLOCK))
        if not block:
            raise EOFError
        left -= len(block)
        yield block


def _write(out: FileIO, block: bytes) -> OSError | None:
    """All of it; what is in the way, where something is."""
    whole = memoryview(block)
    try:
        while whole:
            whole = whole[out.write(whole) :]
    except OSError as error:
        return error
    return None


def _remove(partial: Path) -> None:
    with contextlib.suppress(OSError):
        partial.unlink()


def _cannot_keep(folder: Path, file: FileThere, error: OSError) -> str:
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(nearest).free
    why = (
        f"{file.name} ({file.size_bytes / 1e6:.1f} MB) cannot be kept on the board: {error.strerror or error} "
        f"({free / 1e6:.1f} MB are free)"
    )
    return f"{why}; free some space there, ~/.cache/effmod is effmod's own" if error.errno in _FULL else why


def _path(folder: Path, file: FileThere) -> Path:
    """Where a file lies.

    Raises:
        ValueError: that is outside of the folder.
    """
    parts = PurePosixPath(file.name)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise ValueError(f"{file.name!r} is no name of a file in a folder")
    return folder / parts
