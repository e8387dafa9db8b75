"""What is said between a command and the process that works for it: pickled, each with its length before it.

Both ends are ours, and of one installation. What is said is read by nobody else, and is never stored.
"""

import pickle
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Protocol, TypeVar

import msgspec

from effmod_bench.errors import DeviceUnavailableError, lacking
from exporters.stage import Stage

T = TypeVar("T")
_LENGTH = struct.Struct(">Q")
# Whose errors are the same at both ends.
_KNOWN = frozenset({"builtins", "models", "exporters", "results", "effmod_bench"})


class ForeignError(RuntimeError):
    """The work raised something that nobody foresaw."""


class Entered(msgspec.Struct, frozen=True):
    """A stage begins, or goes on with the next of many: the time for it begins anew. `what` is as for `enter`."""

    stage: Stage
    what: str | None = None


class Said(msgspec.Struct, frozen=True):
    """What the user is to hear; `how` is the reporter's method."""

    how: str
    text: str


class Tracked(msgspec.Struct, frozen=True):
    """One more of `total` is begun; `done` says that all are through."""

    what: str
    total: int
    done: bool = False


class Done(msgspec.Struct, frozen=True):
    """The work is done, and gave this."""

    value: Any


class Failed(msgspec.Struct, frozen=True):
    """The work raised this; `trace` is the traceback, which an error loses on its way."""

    error: Exception
    trace: str


Message = Entered | Said | Tracked | Done | Failed


class Reporter(Protocol):
    """What work in another process may say to the user. The console is one, and becomes one there."""

    def note(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def say(self, text: str) -> None: ...

    def track(self, items: Iterable[T], total: int, what: str) -> Iterator[T]: ...


class RemoteReporter:
    """The console, seen from the other process."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send

    def note(self, text: str) -> None:
        self._send(Said("note", text))

    def warn(self, text: str) -> None:
        self._send(Said("warn", text))

    def say(self, text: str) -> None:
        self._send(Said("say", text))

    def track(self, items: Iterable[T], total: int, what: str) -> Iterator[T]:
        """The items; that each is begun is told."""
        for item in items:
            self._send(Tracked(what, total))
            yield item
        self._send(Tracked(what, total, done=True))


def write(stream: IO[bytes], content: bytes) -> None:
    """Send one message.

    Raises:
        OSError: nobody listens any more.
    """
    whole = memoryview(_LENGTH.pack(len(content)) + content)
    while whole:
        whole = whole[stream.write(whole) :]
    stream.flush()


def read(stream: IO[bytes]) -> bytes | None:
    """The next message; None where the other end is gone, in the middle of one, too."""
    header = stream.read(_LENGTH.size)
    if len(header) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(header)
    content = stream.read(length)
    return content if len(content) == length else None


def failed(error: BaseException, trace: str) -> bytes:
    """What is sent of an error: itself, or of a stranger's, which could not be read at the other end, its words.

    What this machine or installation lacks is found here: an error loses its cause and its traceback on the way.
    """
    package = type(error).__module__.partition(".")[0]
    if isinstance(error, Exception) and (said := lacking(error)) is not None:
        error = DeviceUnavailableError(said)
    elif not isinstance(error, Exception) or package not in _KNOWN:
        error = ForeignError(f"{type(error).__name__}: {error}")
    return pickle.dumps(Failed(error, trace))
