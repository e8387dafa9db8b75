"""Text that others wrote, on a page: as a person sees it, without the folders of whoever measured."""

import html
import re
import textwrap
from collections.abc import Collection

from results.tables.visible import visible

# Such as "/home/somebody/" or "C:\Users\somebody\", in a reason that a library gave.
_FOLDERS = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[\\/](?:[^\s'\"\\/:<>|]+[\\/])+")


def seen(text: str) -> str:
    """The text as it may stand on a page that is given to others: each file by its name alone."""
    return visible(_FOLDERS.sub("", text))


def shortened(names: Collection[str], most: int = 12) -> str:
    """Names, of which so many are listed as one reads."""
    more = len(names) - most
    listed = ", ".join(list(names)[:most])
    return f"{listed} and {more} more" if more > 0 else listed


def in_plot(text: str, *, width: int | None = None) -> str:
    """The same for a plot's texts, of which plotly takes some HTML; in lines of at most so many characters."""
    lines = textwrap.wrap(seen(text), width) if width else [seen(text)]
    return "<br>".join(html.escape(line, quote=False) for line in lines)
