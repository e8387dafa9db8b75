"""Artifacts that were made before, by content: the same network, weights, options and versions give the same file.

Where they lie: `EFFMOD_CACHE`, or the platform's cache folder. Each entry is a folder named by a hash over
everything that decides its content; it appears whole or not at all, and the file's own hash is checked
each time it is used.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import filelock
import msgspec
import platformdirs

from exporters.artifact.files import writing
from exporters.artifact.hashes import sha256_of
from exporters.artifact.scratch import scratch, sweep

T = TypeVar("T")
_MAKING = "making-"
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
            with scratch(entry.parent, _MAKING) as work:
                new = work / key
                new.mkdir()
                made = make(new / name)
                new.rename(entry)
    return path, made, False, note


def find(key: str, name: str, *, read: Callable[[Path], T | None]) -> tuple[Path, T] | None:
    """The entry of the cache under a key, as `keep` gives it; None where it would have to be made."""
    path = _entries() / key / name
    found = read(path) if path.exists() else None
    return None if found is None else (path, found)


def find_by_hash(sha256: str) -> Path | None:
    """The file, no package, of this hash that the cache has under whatever key; None where it has none."""
    for sidecar in _entries().glob("*/*.json"):
        path = sidecar.with_name(sidecar.name.removesuffix(".json"))
        if sha256.encode() in sidecar.read_bytes() and path.is_file() and sha256_of(path) == sha256:
            return path
    return None


def sweep_unfinished() -> None:
    """Delete what a killed process was about to put into the cache."""
    sweep(_entries(), _MAKING)


def has_entry(key: str) -> bool:
    """Whether the cache has an entry under a key."""
    return (_entries() / key).exists()


def cache_info() -> CacheInfo:
    """Count what the cache holds."""
    entries = [path for path in _entries().glob("*") if path.is_dir() and not path.name.startswith(_MAKING)]
    return CacheInfo(
        path=str(cache_root()),
        artifacts=len(entries),
        size_bytes=sum(file.stat().st_size for entry in entries for file in entry.rglob("*") if file.is_file()),
    )


def clear_cache() -> CacheInfo:
    """Delete every cached artifact; returns what there was.

    Raises:
        OutputError: the cache cannot be written.
    """
    info = cache_info()
    with writing(cache_root(), elsewhere=_ELSEWHERE):
        for folder in (_entries(), roofs(), brought()):
            if folder.exists():
                shutil.rmtree(folder)
    return info


def roofs() -> Path:
    """Where what machines can do at best is kept, once it was measured."""
    return cache_root() / "roofs"


def brought() -> Path:
    """Where files are kept that a command on another machine has this one time."""
    return cache_root() / "brought"


def _entries() -> Path:
    return cache_root() / "artifacts"
