"""Latency against accuracy, with the front of each group of points that compete with each other."""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from results.plots.front import pareto_front
from results.report.figures import Figure, axis_title, colour_and_symbol, log_ticks, rounded
from results.report.words import in_plot

_LEGEND = 44  # characters in a line
# Names stand to the left of the points, above the front's line.
_ROOM_LEFT, _ROOM_RIGHT = 0.18, 0.06
_CLOSE = 0.04  # of the accuracies' range: names of points that are closer would overlap
_NAMED = 2  # groups: the names of more fronts would hide each other

_CAPTION = (
    "A point is the median of all timed runs; its bar spans the medians of its rounds. The line is the Pareto front: "
    "nothing of its setting is both faster and more accurate over the same images. Accuracy is published, of the "
    "authors' weights, where a point does not say that it was measured here or stated by the user."
)


class Named(StrEnum):
    """Which points have their names beside them."""

    NONE = "names: none"
    FRONT = "front"
    ALL = "all"


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A network's latency and accuracy.

    Attributes:
        hover: what it tells, as plotly takes it.
        low_ms, high_ms: the ends of its bar.
    """

    ms: float
    top1: float
    name: str
    hover: str
    low_ms: float
    high_ms: float


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Points that compete with each other; those that were entered by hand are hollow."""

    name: str
    points: tuple[Point, ...]
    is_by_hand: bool = False

    @property
    def front(self) -> list[int]:
        """Which of the points are on the front."""
        return pareto_front([(point.ms, point.top1) for point in self.points])

    def names(self, named: Named) -> list[str]:
        """The names beside the points."""
        shown = {Named.NONE: [], Named.FRONT: self.front, Named.ALL: range(len(self.points))}[named]
        return [in_plot(point.name) if i in shown else "" for i, point in enumerate(self.points)]


def scatter(groups: Sequence[Group]) -> Figure:
    """The plot of one group or more. Two pairs of buttons: whose names are shown, and the kind of the axis."""
    named = Named.FRONT if len(groups) <= _NAMED else Named.NONE
    log = _log_axis([point for group in groups for point in group.points])
    linear = {"type": "linear", "tickmode": "auto", "autorange": True}
    buttons = [
        _buttons("left", {str(each): _names(groups, each) for each in Named}, "restyle", list(Named).index(named)),
        _buttons("right", {"log": _of_axis(log), "linear": _of_axis(linear)}, "relayout", 0),
    ]
    several = len(groups) > 1
    return Figure(
        traces=tuple(trace for number, group in enumerate(groups) for trace in _traces(number, group, named)),
        layout={
            "xaxis": axis_title("latency of one inference, ms (median)", **log),
            "yaxis": axis_title("top-1, %"),
            "legend": {"orientation": "h", "y": -0.18, "yanchor": "top"},
            "showlegend": several,
            "hovermode": "closest",
            "updatemenus": buttons,
            "margin": {"t": 60},
        },
        label="Scatter plot of latency against accuracy, with the Pareto front of each setting",
        caption=_CAPTION if several else f"{groups[0].name}. {_CAPTION}",
        height=520 + (24 * len(groups) if several else 0),
    )


def _log_axis(points: Sequence[Point]) -> dict[str, Any]:
    """Networks are some percent apart at either end of the scale."""
    low, high = math.log10(min(point.low_ms for point in points)), math.log10(max(point.high_ms for point in points))
    span = max(high - low, 0.1)
    ends = (low - _ROOM_LEFT * span, high + _ROOM_RIGHT * span)
    return {
        **log_ticks(*ends),
        "range": list(map(rounded, ends)),
        "autorange": False,
    }


def _traces(number: int, group: Group, named: Named) -> list[dict[str, Any]]:
    """The front as a line, and the points."""
    colour, symbol = colour_and_symbol(number)
    points, front = group.points, group.front
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": [rounded(points[i].ms) for i in front],
        "y": [points[i].top1 for i in front],
        "line": {"shape": "hv", "color": colour, "width": 2, "dash": "dot" if group.is_by_hand else "solid"},
        "opacity": 0.5,
        "legendgroup": str(number),
        "showlegend": False,
        "hoverinfo": "skip",
    }
    marks = {
        "type": "scatter",
        "mode": "markers+text",
        "name": in_plot(group.name, width=_LEGEND),
        "legendgroup": str(number),
        "x": [rounded(point.ms) for point in points],
        "y": [point.top1 for point in points],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [rounded(point.high_ms - point.ms) for point in points],
            "arrayminus": [rounded(point.ms - point.low_ms) for point in points],
            "color": colour,
            "thickness": 1,
        },
        "text": group.names(named),
        "textposition": _places(points, front),
        "textfont": {"size": 11},
        "cliponaxis": False,
        "hovertext": [point.hover for point in points],
        "hoverinfo": "text",
        "marker": {
            "color": colour,
            "size": [12 if i in front else 9 for i in range(len(points))],
            "symbol": f"{symbol}-open" if group.is_by_hand else symbol,
            "line": {"width": 1.5, "color": colour},
        },
    }
    return [line, marks]


def _places(points: Sequence[Point], front: Sequence[int]) -> list[str]:
    """Where each name stands: above the front, but for that of a point right below the next one's; else below."""
    top1 = [point.top1 for point in points]
    close = _CLOSE * (max(top1) - min(top1))
    places = ["bottom right"] * len(points)
    for i, following in zip(front, [*front[1:], None], strict=True):
        if following is None or top1[following] - top1[i] > close:
            places[i] = "top left"
    return places


def _names(groups: Sequence[Group], named: Named) -> dict[str, Any]:
    """A front's line has none."""
    return {"text": [names for group in groups for names in ([], group.names(named))]}


def _of_axis(settings: dict[str, Any]) -> dict[str, Any]:
    return {f"xaxis.{name}": value for name, value in settings.items()}


def _buttons(side: str, choices: dict[str, dict[str, Any]], method: str, active: int) -> dict[str, Any]:
    return {
        "type": "buttons",
        "active": active,
        "direction": "right",
        "font": {"size": 11},
        "x": 0 if side == "left" else 1,
        "xanchor": side,
        "y": 1.02,
        "yanchor": "bottom",
        "buttons": [{"label": label, "method": method, "args": [values]} for label, values in choices.items()],
    }
