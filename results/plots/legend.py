"""What stands outside of a picture's axes: how all was timed above them, what each look means below."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from results.plots.style import GREY, Look, Page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINE_PT = 1.45  # from one line to the next, in sizes of the font
_HANDLE = 6  # characters that a mark and the room about it take


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A look and what it means.

    Attributes:
        marker: "" for none.
        line: "-" for one; "" for none.
    """

    text: str
    look: Look
    marker: str = ""
    line: Literal["-", ""] = ""
    is_hollow: bool = False
    is_bold: bool = False
    line_width: float = 1.0


def add_title(figure: "Figure", text: str, page: Page) -> None:
    """What holds for all of a picture, in small letters above it."""
    if text:
        lines = "\n".join(textwrap.wrap(text, page.characters(page.small)))
        figure.suptitle(lines, fontsize=page.small, color=GREY, x=0.01, ha="left", parse_math=False)


def add_legend(figure: "Figure", entries: Sequence[Entry], page: Page) -> None:
    """What each look means, below the axes, in as many columns as have room."""
    from matplotlib.lines import Line2D

    if not entries:
        return
    columns = _columns(entries, page)
    handles = [
        Line2D(
            [],
            [],
            color=entry.look.colour,
            marker=entry.marker,
            linestyle=entry.line or "none",
            linewidth=entry.line_width,
            markersize=page.marker,
            markerfacecolor="white" if entry.is_hollow else entry.look.colour,
        )
        for entry in entries
    ]
    texts = [_wrapped(entry.text, columns, page) for entry in entries]
    legend = figure.legend(
        handles,
        texts,
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        columnspacing=1.0,
        handletextpad=0.4,
        handlelength=1.6,
    )
    for text, entry in zip(legend.get_texts(), entries, strict=True):
        text.set(parse_math=False, fontweight="bold" if entry.is_bold else "normal", color=entry.look.ink)


def legend_height(entries: Sequence[Entry], page: Page) -> float:
    """What `add_legend` takes of a picture's height, about, in inches."""
    if not entries:
        return 0.0
    columns = _columns(entries, page)
    lines = [_wrapped(entry.text, columns, page).count("\n") + 1 for entry in entries]
    of_column = -(-len(entries) // columns)
    highest = max(sum(lines[i : i + of_column]) for i in range(0, len(lines), of_column))
    return highest * _LINE_PT * page.small / 72


def _columns(entries: Sequence[Entry], page: Page) -> int:
    longest = max((len(entry.text) for entry in entries), default=1) + _HANDLE
    return max(1, min(len(entries), page.characters(page.small) // longest))


def _wrapped(text: str, columns: int, page: Page) -> str:
    return "\n".join(textwrap.wrap(text, page.characters(page.small) // columns - _HANDLE)) or " "
