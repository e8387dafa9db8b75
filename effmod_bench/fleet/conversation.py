"""What is said with the process on a board that times: one question after the other, each with its answer."""

from collections.abc import Callable
from typing import TypeVar

from effmod_bench.fleet.errors import NonsenseError
from effmod_bench.fleet.messages import (
    Bring,
    Brought,
    Lacking,
    Refused,
    ToBoard,
    Waiting,
    pack,
    unpack,
)
from effmod_bench.fleet.parcel import Parcel
from effmod_bench.fleet.ssh import Talk
from effmod_bench.instrument.clock import monotonic_s

T = TypeVar("T")
TICK_S = 1.0


class RefusedError(Exception):
    """What a board said that it cannot do."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


class Conversation:
    """From the board's readiness to the end of the line.

    Args:
        say: told what the user should hear.
    """

    def __init__(self, talk: Talk, say: Callable[[str], None]) -> None:
        self._talk, self._say = talk, say
        self._brought: dict[str, str] = {}

    def send(self, message: ToBoard) -> None:
        """Say something.

        Raises:
            LineCutError: the connection is gone, or whoever was there.
        """
        self._talk.send(pack(message))

    def hear(self, kind: type[T], tick: Callable[[float], None] = lambda _: None) -> T:
        """The board's answer, which is to be of this kind.

        Args:
            tick: told the seconds since, about every second.

        Raises:
            LineCutError: the connection is gone, or whoever was there.
            RefusedError: the board says that it cannot be.
            BoardError: it says something else.
        """
        began = monotonic_s()
        while True:
            content = self._talk.hear(TICK_S)
            if content is None:
                tick(monotonic_s() - began)
                continue
            message = unpack(content)
            match message:
                case Waiting():
                    self._say(message.text)
                case Refused():
                    raise RefusedError(message)
                case kind():
                    return message
                case _:
                    raise NonsenseError(content.decode())

    def bring(self, parcel: Parcel) -> str:
        """See to it, once, that files are there; the path of their folder on the board.

        Raises:
            LineCutError: the connection is gone, or whoever was there.
            RefusedError: the board cannot keep them, or they arrived as others.
            BoardError: it says something else.
        """
        if parcel.folder not in self._brought:
            self.send(Bring(folder=parcel.folder, files=parcel.files))
            lacking = self.hear(Lacking).names
            if not parcel.paths.keys() >= set(lacking):
                raise NonsenseError(", ".join(lacking))
            for name in lacking:
                self._talk.send_file(parcel.paths[name])
            self._brought[parcel.folder] = self.hear(Brought).path
            size = sum(each.size_bytes for each in parcel.files if each.name in lacking)
            if size:
                self._say(f"{parcel.what} brought, {max(size, 50_000) / 1e6:.1f} MB")
        return self._brought[parcel.folder]

    def why_it_ended(self) -> str:
        """What the board's process said last."""
        return self._talk.why_it_ended()
