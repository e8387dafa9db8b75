"""Hashes and sizes of files and packages."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from exporters.errors import ArtifactError


def sha256_of(*paths: Path) -> str:
    """The hash of the bytes of a file, or of several one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def package_sha256(path: Path) -> str:
    """The hash of a Core ML package: the names and bytes of the files under `Data/`, the model and its weights.

    The manifest beside it names the same files by identifiers that are drawn anew each time a package is saved.

    Raises:
        ArtifactError: the folder is no package.
        OSError: a file in it cannot be read.
    """
    data = path / "Data"
    if not (path / "Manifest.json").is_file() or not data.is_dir():
        raise ArtifactError(f"{path} is not a Core ML package: it has no Manifest.json, or no Data")
    digest = hashlib.sha256()
    for file in sorted(_files(data), key=lambda file: file.relative_to(data).as_posix()):
        name = file.relative_to(data).as_posix()
        digest.update(f"{name}\0{file.stat().st_size}\0{sha256_of(file)}\n".encode())
    return digest.hexdigest()


def size_bytes(path: Path) -> int:
    """The size of a file, or of all files of a package."""
    return sum(file.stat().st_size for file in _files(path))


def _files(path: Path) -> Iterator[Path]:
    return (file for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
