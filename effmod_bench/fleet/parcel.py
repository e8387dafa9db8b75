"""The files of an artifact, and of what it is fed, as they travel to a board, and what a job names there."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

import msgspec

from effmod_bench.fleet.messages import FileThere
from effmod_bench.instrument.process.messages import Job, PairJob, PairMember
from effmod_bench.instrument.subject import Subject
from exporters.artifact.hashes import sha256_of
from exporters.feeds.words import is_file

_FED = "fed"


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """Files that lie in one folder on a board, which is named by what is in them.

    Attributes:
        what: they are of, in words.
        paths: here, by their names there.
        main: the name of the artifact itself.
        fed: names there of the files that are fed, by their paths here.
    """

    what: str
    folder: str
    files: tuple[FileThere, ...]
    paths: Mapping[str, Path]
    main: str
    fed: Mapping[str, str]


def parcel(subject: Subject) -> Parcel:
    """What a subject needs on a board: the file, the weights that it keeps in others, and files that it is fed.

    Raises:
        OSError: one of them cannot be read.
    """
    words = dict.fromkeys(each for feeds in subject.feeds.values() for each in feeds if is_file(each))
    fed = {each: f"{_FED}/{number}-{Path(each).name}" for number, each in enumerate(words)}
    beside = [each.path for each in subject.stamps if os.fspath(each.path) not in words and each.path != subject.path]
    folder = subject.path.parent.resolve()  # as that of weights in other files is
    paths = {subject.path.name: subject.path}
    paths |= {path.resolve().relative_to(folder).as_posix(): path for path in beside}
    paths |= {name: Path(each) for each, name in fed.items()}
    files = tuple(
        FileThere(name=name, sha256=_sha256(path), size_bytes=path.stat().st_size) for name, path in paths.items()
    )
    digest = hashlib.sha256("\n".join(f"{each.name}\0{each.sha256}" for each in files).encode()).hexdigest()
    return Parcel(
        what=subject.artifact.name, folder=digest[:32], files=files, paths=paths, main=subject.path.name, fed=fed
    )


def _sha256(path: Path) -> str:
    """Of a file that is looked at before each job, once for as long as it is not changed."""
    status = path.stat()
    return _hashed(path.absolute(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1000)
def _hashed(path: Path, _size_bytes: int, _modified_ns: int) -> str:
    return sha256_of(path)


def job_there(
    job: Job | PairJob, subjects: Sequence[Subject], folders: Sequence[tuple[Parcel, str]]
) -> tuple[Job | PairJob, dict[str, str]]:
    """A job by the paths that its files have on a board, and the folder of each.

    Args:
        folders: of each subject its parcel, and the path of the folder there.
    """
    there = {subject.address: each for subject, each in zip(subjects, folders, strict=True)}

    def moved(part: Job | PairMember) -> Job | PairMember:
        files, folder = there[part.session.path]
        session = msgspec.structs.replace(part.session, path=_path(folder, files.main))
        feeds = {
            name: tuple(_path(folder, files.fed[each]) if each in files.fed else each for each in words)
            for name, words in part.feeds.items()
        }
        return msgspec.structs.replace(part, session=session, feeds=feeds)

    of_main = {_path(folder, files.main): folder for files, folder in there.values()}
    if isinstance(job, Job):
        return moved(job), of_main  # type: ignore[return-value]
    members = {letter: moved(member) for letter, member in job.members.items()}
    return msgspec.structs.replace(job, members=members), of_main


def _path(folder: str, name: str) -> str:
    return os.fspath(PurePosixPath(folder) / name)
