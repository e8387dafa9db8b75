"""What goes wrong with another machine, and is a row of the table, not the end of the command."""

import re
from collections.abc import Iterable

_SHOWN = 80  # characters of an answer


class BoardError(Exception):
    """A board cannot be used; the message says why, and what would help.

    Args:
        reason: as it stands in a record, which names no host and no user.
        advice: what the user is told besides.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason + (f"; {advice}" if advice else ""))
        self.reason = reason


class NonsenseError(BoardError):
    """A board answers what is none of effmod's messages, or not the one that it was to answer.

    Args:
        said: the beginning of it, for the user.
    """

    def __init__(self, said: str) -> None:
        super().__init__("it answers what effmod does not understand", f"it said {said[:_SHOWN]!r}")


class LineCutError(Exception):
    """The connection to a board is gone; another one may be made."""


def without_names(text: str, names: Iterable[str | None]) -> str:
    """What another machine says, as a record may have it: no host, no user, and no folder of his.

    Args:
        names: of the host and the user.
    """
    text = re.sub(r"(?<![\w/])/(?:home|Users)/[^/\s]+|(?<![\w/])/root\b", "~", text)
    for name in filter(None, names):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "...", text, flags=re.IGNORECASE)
    return text
