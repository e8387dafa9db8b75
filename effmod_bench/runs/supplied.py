"""What whoever measures somebody's figures again gives for it: files by their hash, functions and networks by name.

A record of somebody's names files and functions. Nothing of this machine is ever opened or run because a record names
it: what is not of effmod's own zoo, or timm's, must be given here.
"""

import functools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.targets.names import is_file
from exporters import PRETRAINED, OutputError, public_name, sha256_of, writing
from models.zoo.named import split
from models.zoo.spec import is_function
from results import StoreError, TimedArtifact
from results.sharing.archive import looks_like_zip, unpack_files

_CHECKPOINT = re.compile(r"(?P<name>.+) \(sha256 (?P<hash>[0-9a-f]{12})\)")
_MODELS = (".onnx", ".mlpackage")
_WEIGHTS = (".pth", ".pt", ".tar", ".safetensors", ".ckpt")
_MOST_FILES = 20_000


def checkpoint_of(artifact: TimedArtifact) -> Iterator[tuple[str, str]]:
    """The name of the checkpoint whose weights an artifact holds, and the beginning of its hash; none of others."""
    found = _CHECKPOINT.fullmatch(artifact.weights or "")
    if found:
        yield found["name"], found["hash"]


class Supplied(msgspec.Struct, frozen=True, kw_only=True):
    """What was given.

    Attributes:
        files: ONNX files and packages.
        weights: files that may be checkpoints, and arrays and images that may be fed.
        functions: targets such as "path/to/mine.py:net", by their name without the folder.
        networks: names that may be used though they are of a plug-in.
        pretrained: timm's own weights may be fetched.
    """

    files: tuple[Path, ...] = ()
    weights: tuple[Path, ...] = ()
    functions: dict[str, str] = {}
    networks: tuple[str, ...] = ()
    pretrained: bool = False

    def checkpoint(self, beginning: str) -> Path | None:
        """The file whose hash begins so."""
        named = (path for path in self.weights if path.suffix.lower() in _WEIGHTS)
        return next((path for path in named if path.is_file() and _sha256(path).startswith(beginning)), None)

    def fed(self, name: str) -> Path | None:
        """The file of this name that something was fed from."""
        return next((path for path in self.weights if path.name == name), None)

    def like(self, artifact: TimedArtifact) -> list[Path]:
        """The files that may be an artifact: those of its size first, then those of its name."""
        of_size = [path for path in self.files if path.is_file() and path.stat().st_size == artifact.size_bytes]
        of_name = [path for path in self.files if path.name == artifact.name]
        return list(dict.fromkeys((*of_size, *of_name)))

    def function(self, name: str) -> str | None:
        """The function that is called so, with the arguments that the name has."""
        if name in self.functions:
            return self.functions[name]
        base, arguments = split(name)
        return self.functions[base] + arguments if base in self.functions else None


def _sha256(path: Path) -> str:
    state = path.stat()
    return _sha256_once(path, state.st_size, state.st_mtime_ns)


@functools.cache
def _sha256_once(path: Path, _bytes: int, _modified_ns: int) -> str:
    """The hash of a checkpoint, which may have gigabytes, and is asked for by each claim."""
    return sha256_of(path)


def gather(add: Sequence[str], sources: Sequence[Path], checkpoints: Sequence[Path], *, place: Path) -> Supplied:
    """What the options come to.

    Args:
        add: files, functions and networks.
        checkpoints: trained weights, in any order: each is known by its hash.
        sources: folders of files, and zips that bring some.
        place: for what zips bring, each under its hash.

    Raises:
        TargetError: there is no such file or folder.
        StoreError: the zip is refused.
    """
    files, weights, functions, networks = list[Path](), list[Path](), dict[str, str](), list[str]()
    for target in add:
        if is_function(target):
            functions[public_name(target)] = target
        elif is_file(target):
            if not Path(target).exists():
                raise TargetError(f"--add {target}: there is no such file")
            files.append(Path(target))
        else:
            networks.append(target)
    for checkpoint in checkpoints:
        if checkpoint == PRETRAINED:
            continue
        if not checkpoint.is_file():
            raise TargetError(f"--checkpoint {checkpoint}: there is no such file")
        weights.append(checkpoint)
    for source in sources:
        for path in _files_of(source, place):
            (files if path.suffix.lower() in _MODELS else weights).append(path)
    return Supplied(
        files=tuple(files),
        weights=tuple(weights),
        functions=functions,
        networks=tuple(networks),
        pretrained=PRETRAINED in checkpoints,
    )


def _files_of(source: Path, place: Path) -> Sequence[Path]:
    """The files of a folder, or those that a zip brings, which are then in a folder."""
    if source.is_dir():
        return list(_walk(source))
    if not looks_like_zip(source) or not source.exists():
        raise TargetError(f"--files {source}: it is no folder, and no zip that brings files")
    try:
        with writing(place):
            return unpack_files(source, place)
    except OutputError as error:
        if isinstance(error.__cause__, StoreError):  # the zip is refused, and the place has no part in it
            raise error.__cause__ from None
        raise


def _walk(folder: Path) -> Iterator[Path]:
    """The files and packages of a folder and those within it, in an order that is the same each time."""
    count = 0
    for place, folders, names in os.walk(folder):
        packages = [name for name in folders if name.endswith(".mlpackage")]
        folders[:] = sorted(name for name in folders if name not in packages)
        for name in sorted((*packages, *names)):
            count += 1
            if count > _MOST_FILES:
                raise TargetError(
                    f"--files {folder} holds more than {_MOST_FILES} files; give the folder of them alone"
                )
            yield Path(place) / name
