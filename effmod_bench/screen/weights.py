"""Whose weights the networks of a command have."""

from collections.abc import Iterable
from typing import Protocol

from results.tables.words import counted

_NAMED = 3


class Says(Protocol):
    """A console, or what is one in another process."""

    def say(self, text: str) -> None: ...


def say_weights(console: Says, weights: Iterable[tuple[str, str | None]]) -> None:
    """Say it in a line for all, or one for each kind; with `--quiet`, too, for a file of other weights is another file.

    Args:
        weights: of each network, after its name, in words; None for a file of which nothing is known.
    """
    names: dict[str, list[str]] = {}
    for name, each in dict.fromkeys(weights):
        if each is not None:
            names.setdefault(each, []).append(name)
    for each, having in names.items():
        whose = ", ".join(having) if len(having) <= _NAMED else counted(len(having), "network")
        console.say(f"weights: {each}" if len(names) == 1 else f"weights of {whose}: {each}")
