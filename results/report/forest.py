"""A forest plot: ratios with their intervals, one below the other, and a line at 1."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from results.report.figures import COLOURS, GREY, SYMBOLS, Figure, axis_title, hover, log_ticks, rounded
from results.report.words import in_plot
from results.statistics.estimate import Estimate

NO_INTERVAL = "no interval"

_COLOURS = {"faster": COLOURS[0], "slower": COLOURS[1]}
_LABEL = 32  # characters in a line
_WIDE = 2.5
_WIDEST = 4.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One ratio.

    Attributes:
        ratio: where there is no estimate, that of a single process.
        verdict: rows of one share a colour.
        lines: what it tells besides.
    """

    label: str
    ratio: float
    estimate: Estimate | None
    verdict: str
    lines: tuple[str, ...]


def forest(rows: Sequence[Row], *, axis: str, label: str, caption: str, limits: Iterable[float] = ()) -> Figure:
    """Rows from the top.

    Args:
        axis: what the ratio is.
        label, caption: of the figure.
        limits: of gates, as ratios.
    """
    verdicts = list(dict.fromkeys(row.verdict for row in rows))
    return Figure(
        traces=tuple(_trace(number, verdict, rows) for number, verdict in enumerate(verdicts)),
        layout={
            "xaxis": axis_title(axis, width=_LABEL, **_scale(rows)),
            "yaxis": {
                "tickvals": list(range(len(rows))),
                "ticktext": [in_plot(row.label, width=_LABEL) for row in rows],
                "range": [len(rows) - 0.5, -0.5],
                "automargin": True,
            },
            "shapes": [_upright(1.0, "solid"), *(_upright(limit, "dash") for limit in sorted(set(limits)))],
            "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom"},
            "showlegend": True,
        },
        label=label,
        caption=caption,
        height=140 + 28 * len(rows),
    )


def _scale(rows: Sequence[Row]) -> dict[str, Any]:
    """Where ratios or intervals lie far apart, a logarithmic axis: twice and half are equally far from 1 there."""
    ratios = [1.0, *(row.ratio for row in rows)]
    ends = [end for row in rows if row.estimate for end in (row.estimate.low, row.estimate.high)]
    # The interval of two processes may reach beyond all measure; it leaves the plot.
    low = max(min(ratios) / _WIDEST, min([*ratios, *ends]))
    high = min(max(ratios) * _WIDEST, max([*ratios, *ends]))
    if high < _WIDE * low:
        return {}
    room = 0.03 * math.log10(high / low)
    shown = (math.log10(low) - room, math.log10(high) + room)
    return {**log_ticks(*shown), "range": list(map(rounded, shown)), "autorange": False}


def _trace(number: int, verdict: str, rows: Sequence[Row]) -> dict[str, Any]:
    own = [(y, row) for y, row in enumerate(rows) if row.verdict == verdict]
    colour = _COLOURS.get(verdict, GREY)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": in_plot(verdict),
        "x": [rounded(row.ratio) for _, row in own],
        "y": [y for y, _ in own],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [rounded(row.estimate.high - row.ratio) if row.estimate else 0 for _, row in own],
            "arrayminus": [rounded(row.ratio - row.estimate.low) if row.estimate else 0 for _, row in own],
            "color": colour,
        },
        "marker": {"color": colour, "size": 9, "symbol": SYMBOLS[number % len(SYMBOLS)]},
        "hovertext": [hover(row.label, [ratio_in_words(row), *row.lines]) for _, row in own],
        "hoverinfo": "text",
    }


def ratio_in_words(row: Row) -> str:
    """Such as "0.981, 95 % from 0.975 to 0.987"."""
    if row.estimate is None:
        return f"{row.ratio:.3f}, {NO_INTERVAL}"
    return f"{row.ratio:.3f}, 95 % from {row.estimate.low:.3f} to {row.estimate.high:.3f}"


def _upright(x: float, dash: str) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": x,
        "x1": x,
        "y0": 0,
        "y1": 1,
        "layer": "below",
        "line": {"width": 2, "dash": dash, "color": GREY},
    }
