"""Files under their final names whole or not at all, and what is said where one cannot be written."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from exporters.artifact.accuracy import Accuracy
from exporters.artifact.scratch import scratch, sweep
from exporters.artifact.sidecar import describes, sidecar_path
from exporters.errors import OutputError

_PARTIAL = ".partial-"
_ASIDE = "aside"


def deliver(path: Path, folder: Path) -> Path:
    """Copy an artifact and its sidecar into a folder, which is made if need be; returns the artifact's new path.

    Both are copied before either gets its name: a file under its final name is complete.

    Raises:
        OutputError: the folder cannot be written.
    """
    target = folder / path.name
    with arriving(target) as new:
        for source, copy in ((sidecar_path(path), sidecar_path(new)), (path, new)):
            if source.exists():
                _copy(source, copy)
    return target


@contextmanager
def arriving(target: Path) -> Iterator[Path]:
    """A place for an artifact and its sidecar in a folder, which is made if need be; both get their names at the end.

    An artifact that no sidecar was written for takes the place of one that had one, too.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = target.parent
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with scratch(folder, _PARTIAL, rescue=_bring_back) as partial:
            new = partial / target.name
            yield new
            for source, final in ((sidecar_path(new), sidecar_path(target)), (new, target)):
                if source.exists():
                    move_into_place(source, final)
                else:
                    _remove(final)


def keep_accuracy(path: Path, sha256: str, accuracy: Sequence[Accuracy]) -> bool:
    """Put what was measured of an artifact into its sidecar, of whatever kind; whether it has one that is of this file.

    Raises:
        OutputError: the sidecar cannot be written; it is still what it was.
    """
    if not describes(path, sha256):
        return False
    sidecar = sidecar_path(path)
    with writing(sidecar), scratch(path.parent, _PARTIAL) as partial:
        facts: dict[str, object] = dict(msgspec.json.decode(sidecar.read_bytes(), type=dict[str, msgspec.Raw]))
        new = partial / sidecar.name
        new.write_bytes(msgspec.json.format(msgspec.json.encode(facts | {"accuracy": tuple(accuracy)}), indent=2))
        new.replace(sidecar)
    return True


def sweep_partial(folder: Path) -> None:
    """Delete from a folder what a killed process was about to put into it."""
    sweep(folder, _PARTIAL, rescue=_bring_back)


def _bring_back(partial: Path) -> None:
    """The old package, where the process was killed just before the new one took its name."""
    for old in (partial / _ASIDE).glob("*"):
        if not os.path.lexists(partial.parent / old.name):
            old.rename(partial.parent / old.name)


def move_into_place(partial: Path, final: Path) -> None:
    """Give a whole artifact its final name, in the place of one that has it.

    A folder cannot replace another in one step: the old one steps aside first, into the folder that the new one lies
    in, and comes back if the new one fails.
    """
    if not partial.is_dir():
        partial.replace(final)
        return
    aside = partial.parent / _ASIDE / final.name
    aside.parent.mkdir()
    replaced = final.exists() or final.is_symlink()
    if replaced:
        final.rename(aside)
    try:
        partial.rename(final)
    except BaseException:
        if replaced:
            aside.rename(final)
        raise
    _remove(aside)


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copyfile(source, target)
        return
    target.mkdir()
    for entry in source.iterdir():
        _copy(entry, target / entry.name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def writing(place: Path, *, free: str = "free some space", elsewhere: str | None = None) -> Iterator[None]:
    """Turn a failure to write into an `OutputError` that names the place, the cause and the next step.

    Args:
        free: how there can be space again.
        elsewhere: how to write somewhere else, where the command has no option for it.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                advice = f"{free}, or {elsewhere or 'choose another disk'}"
            case errno.EFBIG:
                advice = f"raise the limit on the size of a file ('ulimit -f'), or {elsewhere or 'choose another disk'}"
            case _:
                advice = elsewhere or "choose a folder that you can write"
        raise OutputError(f"cannot write {place}: {error.strerror or error}; {advice}") from error
