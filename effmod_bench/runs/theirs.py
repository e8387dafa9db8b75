"""Somebody's store, a folder or a zip, opened to be read, and known by what it holds."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from effmod_bench.errors import TargetError
from effmod_bench.screen.console import Console
from exporters import sha256_of
from results import Store, StoreError
from results.sharing.archive import looks_like_zip, unpack_records


def is_store(name: str) -> bool:
    """Whether what is to be reproduced is a store: a folder or a zip, by its path. A bare word is a suite's name."""
    path = Path(name)
    if path.suffix.lower() == ".toml" and not path.is_dir():
        return False
    is_path = "/" in name or "\\" in name or path.suffix.lower() == ".zip"
    return is_path and (path.is_dir() or looks_like_zip(path))


@contextmanager
def opened(console: Console, path: Path) -> Iterator[Store]:
    """The store, to be read; a zip's records lie in a folder of their own as long as the block lasts.

    Raises:
        StoreError: it cannot be read, or is refused.
    """
    if path.is_dir():
        yield Store(path, on_damaged=console.warn)
        return
    with tempfile.TemporaryDirectory(prefix="effmod-") as name:
        folder = Path(name)
        unpack_records(path, folder)

        def of_zip(text: str) -> str:
            return text.replace(f"{folder}/", f"{path}: ")

        try:
            yield Store(folder, on_damaged=lambda text: console.warn(of_zip(text)))
        except StoreError as error:
            raise StoreError(of_zip(str(error))) from error


def digest(path: Path) -> str:
    """A hash over what a store holds.

    Raises:
        StoreError: it cannot be read.
    """
    try:
        if not path.is_dir():
            if path.exists() and not path.is_file():
                raise StoreError(f"{path} is no folder and no regular file, as a store or a zip of one is")
            return sha256_of(path)
        found = hashlib.sha256()
        for file in sorted(each for each in path.glob("*.json") if each.is_file()):
            found.update(f"{file.name}\0{sha256_of(file)}\n".encode(errors="surrogateescape"))
        return found.hexdigest()
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error


def check_apart(path: Path, store: Path) -> None:
    """Refuse to store what is measured among what it is to be compared with.

    Raises:
        TargetError: the two are one folder.
    """
    if path.is_dir() and path.resolve() == store.resolve():
        raise TargetError(
            f"{path} is the store that new records go to, and they would be mixed with those that they are compared "
            "with; name another folder, as in --store again"
        )
