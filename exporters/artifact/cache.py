"""Artifacts that were made before, by content: the same network, weights, options and versions give the same file.

Where they lie: `EFFMOD_CACHE`, or the platform's cache folder. Each entry is a folder named by a hash over
everything that decides its content; it appears whole or not at all, and the file's own hash is checked
each time it is used.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import filelock
import msgspec
import platformdirs

from exporters.artifact.files import writing

T = TypeVar("T")
_ELSEWHERE = "name another folder in EFFMOD_CACHE"


class CacheInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The artifact cache: where it is, and how much is in it."""

    path: str
    artifacts: int
    size_bytes: int


def cache_root() -> Path:
    """`EFFMOD_CACHE`, or the platform's cache folder."""
    named = os.environ.get("EFFMOD_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("effmod", appauthor=False)


def keep(
    key: str, name: str, *, read: Callable[[Path], T | None], make: Callable[[Path], T]
) -> tuple[Path, T, bool, str | None]:
    """The entry of the cache under a key: the one that is there, or one made now; whole or not at all.

    Args:
        key: a hash over everything that decides the content.
        name: of the file or package within the entry.
        read: what an entry that is there holds; None where it is not what was written.
        make: writes the file or package.

    Returns:
        The path, what `read` or `make` returned, whether it was there before, and what the user should hear of it.

    Raises:
        OutputError: the cache cannot be written.
    """
    entry = _entries() / key
    path = entry / name
    with writing(cache_root(), free="free some space ('effmod cache clear' does)", elsewhere=_ELSEWHERE):
        entry.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(entry.with_suffix(".lock")):
            note = None
            if entry.exists():
                found = read(path)
                if found is not None:
                    return path, found, True, None
                note = f"the cached {path.name} was changed or cut short since it was made; it is made again"
                shutil.rmtree(entry)
            work = Path(tempfile.mkdtemp(dir=entry.parent, prefix="making-"))
            try:
                made = make(work / name)
                work.rename(entry)
            finally:
                shutil.rmtree(work, ignore_errors=True)  # gone already where all went well
    return path, made, False, note


def has_entry(key: str) -> bool:
    """Whether the cache has an entry under a key."""
    return (_entries() / key).exists()


def cache_info() -> CacheInfo:
    """Count what the cache holds."""
    files = [path for path in _entries().glob("*/**/*") if path.is_file()]
    return CacheInfo(
        path=str(cache_root()),
        artifacts=len({path.relative_to(_entries()).parts[0] for path in files}),
        size_bytes=sum(path.stat().st_size for path in files),
    )


def clear_cache() -> CacheInfo:
    """Delete every cached artifact; returns what there was.

    Raises:
        OutputError: the cache cannot be written.
    """
    info = cache_info()
    with writing(cache_root(), elsewhere=_ELSEWHERE):
        if _entries().exists():
            shutil.rmtree(_entries())
    return info


def _entries() -> Path:
    return cache_root() / "artifacts"
