"""Files that are there whole or not at all."""

import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PARTIAL = ".effmod-partial-"
_STALE_S = 3600.0  # a picture or a page is written in seconds: what is older is of a process that was killed


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where a file is written that gets its name at the end of the block; what killed processes left beside it goes.

    Raises:
        OSError: it cannot be written; a file of this name that was there before is still what it was.
    """
    with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=path.parent) as name:
        folder = Path(name)
        _sweep(path.parent, folder.stat().st_mtime)
        partial = folder / path.name
        yield partial
        partial.replace(path)


def _sweep(place: Path, now_s: float) -> None:
    """Delete the folders of killed processes.

    Args:
        now_s: by the clock of the file system.
    """
    for folder in place.glob(f"{_PARTIAL}*"):
        with suppress(OSError):  # another process sweeps, too
            status = folder.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_mtime < now_s - _STALE_S:
                shutil.rmtree(folder)
