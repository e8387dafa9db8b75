"""Small files that are read whole, whoever made them."""

import errno
import os
from pathlib import Path


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """All of a regular file. A pipe would be waited for, and a device may have no end.

    Raises:
        OSError: it cannot be read, is no regular file, or is larger.
    """
    size = path.stat().st_size
    if not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
    if size > most_bytes:
        raise OSError(errno.EFBIG, f"it has {size} bytes, and {most_bytes} are read at most", os.fspath(path))
    return path.read_bytes()
