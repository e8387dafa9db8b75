"""What is being done with a file, told to whoever listens: of one that hangs or crashes nothing else is known."""

from collections.abc import Callable
from enum import StrEnum


class Stage(StrEnum):
    """What is done with a file; the word says what happens to it."""

    LOADING = "loaded"
    MAKING = "made"
    PROVING = "proved"


Listener = Callable[[Stage, str | None], None]
_listeners: list[Listener] = []


def enter(stage: Stage, what: str | None = None) -> None:
    """Say that this begins, or goes on with the next of many.

    Args:
        what: it is done with, where that is something else than the file in hand.
    """
    for listener in _listeners:
        listener(stage, what)


def listen(listener: Listener) -> None:
    """Be told of every stage from now on."""
    _listeners.append(listener)
