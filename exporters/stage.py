"""What is being done with a file, told to whoever listens: of one that hangs or crashes nothing else is known."""

from collections.abc import Callable
from enum import StrEnum


class Stage(StrEnum):
    """What is done with a file; the word says what happens to it."""

    LOADING = "loaded"
    MAKING = "made"
    PROVING = "proved"


_listeners: list[Callable[[Stage], None]] = []


def enter(stage: Stage) -> None:
    """Say that this begins, or goes on with the next of many."""
    for listener in _listeners:
        listener(stage)


def listen(listener: Callable[[Stage], None]) -> None:
    """Be told of every stage from now on."""
    _listeners.append(listener)
