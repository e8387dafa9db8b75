"""What is said between a command and the process on a board that times for it: JSON, each with its length before it."""

import struct
from typing import IO, TypeVar

import msgspec

from effmod_bench.fleet.errors import NonsenseError
from effmod_bench.instrument.process.messages import Broken, Job, PairJob, PairTimed, Timed
from results import Environment, Machine

MARK = b"--effmod--\n"
"""Comes first: a shell that greets its user has said what it had to say before."""
LENGTH = struct.Struct(">Q")
LONGEST = 1 << 28
"""Bytes of a message of ours at most: some ten million durations. What says that it is longer is something else."""

T = TypeVar("T")


class FileThere(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is to be on a board, by its name below a folder."""

    name: str
    sha256: str
    size_bytes: int


class Bring(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """These are to be in one folder; the board answers with `Lacking`, takes their bytes, and answers `Brought`."""

    folder: str
    files: tuple[FileThere, ...]


class Errand(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Time this, of which all files are there; the board answers with `Watched`.

    Attributes:
        folder: by the path of each artifact in the job, the folder whose files are not to have changed meanwhile.
    """

    job: Job | PairJob
    folders: dict[str, str]
    timeout_s: float | None


class Ready(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Nobody else measures on the board from now on.

    Attributes:
        cores: as `Place.cores`.
        remarks: what the user should hear of it.
    """

    machine: Machine
    cores: tuple[tuple[int, ...], ...] | None
    remarks: tuple[str, ...] = ()


class Waiting(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Somebody else measures on the board; in words."""

    text: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The board cannot be used, or cannot keep what it was sent.

    Attributes:
        again: it is worth another try.
    """

    reason: str
    again: bool = False


class Lacking(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The board waits for the bytes of these, one after the other."""

    names: tuple[str, ...]


class Brought(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """All files are there, and are what they should be, in the folder of this path."""

    path: str


class Watched(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """As `instrument.watch.Watched`, but for the date: a board without a network may have a wrong one."""

    outcome: Timed | PairTimed | Broken
    environment: Environment
    disturbed: bool


ToBoard = Bring | Errand
FromBoard = Ready | Waiting | Refused | Lacking | Brought | Watched

_to_board: msgspec.json.Decoder[ToBoard] = msgspec.json.Decoder(ToBoard)
_from_board: msgspec.json.Decoder[FromBoard] = msgspec.json.Decoder(FromBoard)


def told(message: ToBoard | FromBoard) -> bytes:
    """A message where something else says how long it is."""
    return msgspec.json.encode(message)


def asked(content: bytes) -> ToBoard:
    """What a command said, as `told` wrote it."""
    return _to_board.decode(content)


def pack(message: ToBoard | FromBoard) -> bytes:
    """A message as it goes over the wire."""
    content = told(message)
    return LENGTH.pack(len(content)) + content


def unpack(content: bytes) -> FromBoard:
    """What a board said.

    Raises:
        BoardError: it is none of ours.
    """
    return _understood(content, _from_board)


def unpack_as(content: bytes, kind: type[T]) -> T:
    """What a board's Python said where none of ours ran yet.

    Raises:
        BoardError: it is no such thing.
    """
    return _understood(content, msgspec.json.Decoder(kind))


def _understood(content: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NonsenseError(content.decode(errors="replace")) from error


def read(stream: IO[bytes]) -> ToBoard | None:
    """The next message of the command; None where it is gone, in the middle of one, too."""
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(header)
    content = stream.read(length)
    return _to_board.decode(content) if len(content) == length else None
