"""A file to time, known by its hash for as long as it is not changed."""

import os
from pathlib import Path

import msgspec

from models import Preprocessing
from results import AccuracyRecord, Remarks, StatedAccuracy, Subnormals, TimedArtifact


class FileStamp(msgspec.Struct, frozen=True, kw_only=True):
    """What shows that a file is no longer the one that was hashed; None for one that is not there."""

    path: Path
    size_bytes: int | None
    modified_ns: int | None


def stamp(*files: Path) -> tuple[FileStamp, ...]:
    """What the files look like now."""
    found = []
    for path in files:
        try:
            stat = path.stat()
        except OSError:
            found.append(FileStamp(path=path, size_bytes=None, modified_ns=None))
        else:
            found.append(FileStamp(path=path, size_bytes=stat.st_size, modified_ns=stat.st_mtime_ns))
    return tuple(found)


def has_changed(stamps: tuple[FileStamp, ...]) -> bool:
    """Whether a file no longer looks as it did."""
    return stamp(*(before.path for before in stamps)) != stamps


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A file to time, and what the record says of it.

    Attributes:
        stamps: of every file that the record's hash is of, taken before they were hashed, and of those that are fed.
        feeds: what each input is fed, by name, in words, with the paths of files; several where they are taken in turn.
        subnormals: how many of its numbers are subnormal; None where they were not counted.
        remarks: what a reader of its latency should know.
        accuracies: what is known of its accuracy before it is timed.
        failure: why there is no such file: its record says so, and it is not timed. None where there is one.
    """

    path: Path
    artifact: TimedArtifact
    preprocessing: Preprocessing
    stamps: tuple[FileStamp, ...]
    feeds: dict[str, tuple[str, ...]] = {}
    subnormals: Subnormals | None = None
    remarks: Remarks = Remarks()
    accuracies: tuple[AccuracyRecord | StatedAccuracy, ...] = ()
    failure: str | None = None

    @property
    def address(self) -> str:
        """Where a worker finds it. A link stays one: what was checked and hashed are the weights beside the link."""
        return os.fspath(self.path.absolute())

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the inputs that are fed, by name."""
        return {tensor.name: tensor.shape for tensor in self.artifact.inputs}

    def has_changed(self) -> bool:
        """Whether a file is no longer the one whose hash is recorded."""
        return has_changed(self.stamps)
