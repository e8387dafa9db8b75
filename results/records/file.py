"""One file of a store, read: a record, or what is wrong with it."""

import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from results.records.base import SCHEMA_VERSION, Record
from results.records.older import with_threads

_OLDEST_VERSION = 1
_LARGEST_BYTES = 1 << 26  # some millions of runs: a round that long is none of ours, nor is what has no end

R = TypeVar("R", bound=Record)


class StoreError(OSError):
    """The store cannot be read or written; what it holds stays as it is."""


class DamagedRecordError(StoreError):
    """One file of the store cannot be read, or contradicts another one."""


class _Envelope(msgspec.Struct):
    """What shows whether a file is one to decode."""

    schema_version: int
    kind: str = "round"


def read_record(path: Path, kinds: Iterable[type[R]]) -> R | None:
    """The record in a file; None where it is of no kind asked for.

    Raises:
        StoreError: its version is none that can be read.
        DamagedRecordError: it is no regular file of bounded size, cannot be read, or is no record.
    """
    try:
        content = _content(path)
        envelope = msgspec.json.decode(content, type=_Envelope)
        if not _OLDEST_VERSION <= envelope.schema_version <= SCHEMA_VERSION:
            # Of a later one there may be many, which nobody wants left out; an earlier one there never was.
            refusal = StoreError if envelope.schema_version > SCHEMA_VERSION else DamagedRecordError
            raise refusal(
                f"{path} has schema version {envelope.schema_version}, and this effmod reads versions "
                f"{_OLDEST_VERSION} to {SCHEMA_VERSION}; use the effmod that wrote it, or another folder"
            )
        for kind in kinds:
            if envelope.kind == kind.__struct_config__.tag:
                content = with_threads(content) if envelope.schema_version == 1 else content
                return msgspec.json.decode(content, type=kind, dec_hook=_decode_path)
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedRecordError(f"{path} is not a record of effmod: {error}; move it out of the store") from error
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise DamagedRecordError(f"cannot read {path}: {error.strerror}") from error


def _content(path: Path) -> bytes:
    """All of a file. A pipe would be waited for, and a device may have no end."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise DamagedRecordError(f"{path} is no regular file, as records are; move it out of the store")
    if found.st_size > _LARGEST_BYTES:
        raise DamagedRecordError(
            f"{path} is no record of effmod: it has {found.st_size} bytes, and none has more than {_LARGEST_BYTES}; "
            "move it out of the store"
        )
    return path.read_bytes()


def _decode_path(kind: type[Path], text: str) -> Path:
    return kind(text)
