"""What plotly draws, as it takes it: traces and a layout, without colours of the page, which its script adds."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from results.colours import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from results.report.rendering import render
from results.report.words import in_plot

COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)  # black is not seen on a page that is dark
GREY = "#7f7f7f"
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "pentagon")

_FEWEST_TICKS = 2

Trace = dict[str, Any]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A plot.

    Attributes:
        label: what it shows, for who does not see it.
        caption: how it is to be read.
        height: in pixels.
    """

    traces: tuple[Trace, ...]
    layout: dict[str, Any]
    label: str
    caption: str
    height: int

    def html(self, *, is_hidden: bool = False) -> str:
        """The place where the page's script draws it.

        Args:
            is_hidden: in a section that is closed at first: it is drawn when somebody opens that.
        """
        figure = {"data": self.traces, "layout": {**self.layout, "height": self.height}}
        return render("figure.html", figure=figure, label=self.label, caption=self.caption, is_hidden=is_hidden)


def colour_and_symbol(number: int) -> tuple[str, str]:
    """Of one group after another: colours repeat only with other symbols."""
    return COLOURS[number % len(COLOURS)], SYMBOLS[number % len(SYMBOLS)]


def rounded(value: float) -> float:
    """To five digits, which is more than anybody sees."""
    return float(f"{value:.5g}")


def hover(name: str, lines: Sequence[str]) -> str:
    """What a point tells: its name, and lines below it."""
    return "<br>".join([f"<b>{in_plot(name)}</b>", *map(in_plot, lines)])


def log_ticks(low: float, high: float) -> dict[str, Any]:
    """A logarithmic axis whose ticks say what they are: plotly's own leave the powers of ten out.

    Args:
        low, high: the ends of what it shows, as powers of ten.
    """
    steps: Sequence[float] = (1, 1.5, 2, 3, 5, 7) if high - low < 1.5 else (1, 2, 5) if high - low < 3 else (1,)
    ticks = [x * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for x in steps]
    seen = [tick for tick in ticks if low <= math.log10(tick) <= high]
    if len(seen) < _FEWEST_TICKS:  # points that are close together may lie between two of them
        ticks = _close_ticks(10**low, 10**high)
    return {"type": "log", "tickmode": "array", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def _close_ticks(low: float, high: float) -> list[float]:
    """Two to six round numbers, as far apart as their neighbours are."""
    power = 10.0 ** math.floor(math.log10((high - low) / 2))
    step = next(step * power for step in (1, 2, 5) if high - low <= 6 * step * power or step == 5)
    return [rounded(number * step) for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def axis_title(text: str, *, width: int | None = None, **more: Any) -> dict[str, Any]:
    """An axis with a title, in lines of at most so many characters."""
    return {"title": {"text": in_plot(text, width=width), "font": {"size": 13}}, "automargin": True, **more}


def binned(values: Sequence[float], low: float, high: float, bins: int) -> tuple[list[float], list[int]]:
    """A histogram between two values: the middle of each bin, and how many lie in it."""
    import numpy as np

    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    return [rounded(float(x)) for x in (edges[1:] + edges[:-1]) / 2], [int(count) for count in counts]
