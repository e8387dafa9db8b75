"""Accuracy against latency, multiply-adds or parameters."""

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from results.colours import BLACK
from results.plots.families import family_of, is_efficientmod
from results.plots.front import pareto_front
from results.plots.kinds import Across
from results.plots.labels import Name, Segment, place_names
from results.plots.legend import add_legend, add_title, legend_height
from results.plots.picture import PlotError
from results.plots.scheme import Scheme, legend_of, scheme_of
from results.plots.settings import Stores, by_store
from results.plots.spots import TOP1, Spot, spots_of
from results.plots.style import GREY, WIDTH_IN, Look, Page, fit
from results.records.by_hand import HandEntry
from results.statistics.summary import Measurement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_UNITS = {Across.MACS: 1e9, Across.PARAMS: 1e6}
_LATENCY = "latency of one inference, ms"
_AXES = {Across.MACS: "multiply-adds, 10⁹", Across.PARAMS: "parameters, 10⁶"}
_LEAST_SPAN = 3.0  # points of accuracy that an axis shows
_MOST_SETTINGS, _MOST_NAMES = 50, 150  # more do not look different, or have no room
_PLACES = 3  # so many points of a network are tried for its name
_BESIDE = 0.75  # of a panel's height, which a line beside its axis may fill
_FEW = 12  # more names than these need a higher picture


def tradeoff(
    measurements: Stores | Sequence[Measurement],
    by_hand: Sequence[HandEntry] = (),
    *,
    across: Across | str | None = None,
    width_in: float = WIDTH_IN,
) -> "Figure":
    """Accuracy against latency, or against what is counted of a network.

    A point is a network's median over all runs, its bar spans the medians of its rounds, a thin line joins the sizes of
    a family, and the steps are the Pareto front. What was timed in different ways has a look and a front each; a
    network's name then stands once, and a dotted line joins its points. Figures that were entered by hand are hollow. A
    network of the user's own of whose accuracy nobody says anything is marked at the lower edge. An accuracy that is
    not the paper's says so beside the name. Detectors and segmenters have panels of their own, and so have accuracies
    over other images than ImageNet's.

    Args:
        measurements: as `results.read_measurements` gives them; or several such lists by the name that each is to have
            in the picture.
        across: "cpu" or "gpu", the latency there; "macs" or "params"; None for the latency on whatever device.
        width_in: of the picture, in inches; its fonts and layout follow.

    Raises:
        PlotError: nothing has both figures.
    """
    along = None if across is None else Across(across)
    found = spots_of(by_store(measurements), by_hand, across=along)
    measures = list(dict.fromkeys(spot.measure for spot in found.spots if spot.accuracy is not None))
    if not measures:
        raise PlotError(_nothing(along))
    _check_count(found.spots)
    page, unit = Page(width_in), _UNITS.get(along, 1.0) if along else 1.0
    spots = [msgspec.structs.replace(s, x=s.x / unit, low=s.low / unit, high=s.high / unit) for s in found.spots]
    scheme = scheme_of(spots, page)
    entries = legend_of(spots, scheme, page)
    proportion = _proportion(spots, page)
    height_in = page.width_in * proportion * len(measures)
    with page.figure(height_in + legend_height(entries, page)) as figure:
        add_title(figure, "; ".join(filter(None, (found.shared, _whose_in_words(spots)))), page)
        add_legend(figure, entries, page)
        panels: list[_Panel] = []
        for axes, measure in zip(figure.subplots(len(measures), squeeze=False).flat, measures, strict=True):
            axes.set_xlabel(_AXES.get(along, _LATENCY) if along else _LATENCY)
            label = _measure_in_words(measure, spots)
            axes.set_ylabel(textwrap.fill(label, int(_BESIDE * proportion * page.characters(page.font))))
            # What has no accuracy stands in the first panel alone.
            own = [s for s in spots if s.measure == measure or (not panels and s.measure not in measures)]
            panels.append(_Panel(axes, own, scheme, page))
        for panel in panels:
            panel.name_points()
    return figure


def _measure_in_words(measure: str, spots: Sequence[Spot]) -> str:
    """What stands beside the axis: who says so, only where it is the paper of all."""
    if any(spot.whose for spot in spots if spot.measure == measure):
        return "top-1, %" if measure == TOP1 else measure
    return f"published {measure}"


def _whose_in_words(spots: Sequence[Spot]) -> str:
    """What is said above where names alone say whose an accuracy is."""
    sources = {bool(spot.whose) for spot in spots if spot.measure == TOP1 and spot.accuracy is not None}
    return "top-1 is ImageNet's as published, where no name says otherwise" if len(sources) > 1 else ""


def _nothing(across: Across | None) -> str:
    lacking = {
        Across.CPU: "a latency on a CPU",
        Across.GPU: "a latency on a GPU",
        Across.MACS: "multiply-adds",
        Across.PARAMS: "parameters",
    }
    what = lacking[across] if across else "a latency"
    advice = "'effmod plot --kind distribution' draws the times alone"
    if across is Across.GPU:
        advice = "'effmod bench --device cuda' adds some"
    return f"no measurement has both {what} and an accuracy, so there is nothing to draw; {advice}"


def _check_count(spots: Sequence[Spot]) -> None:
    settings, names = len({spot.setting for spot in spots}), len({spot.name for spot in spots})
    if names > _MOST_NAMES:
        raise PlotError(f"{names} networks are more than the {_MOST_NAMES} that a picture names; choose with --select")
    if settings > _MOST_SETTINGS:
        raise PlotError(
            f"networks were timed in {settings} ways, more than the {_MOST_SETTINGS} that look different; take fewer "
            "stores, or choose networks with --select"
        )


def _proportion(spots: Sequence[Spot], page: Page) -> float:
    """The height of a panel for its width: names need room."""
    many = len({spot.name for spot in spots}) > _FEW
    if page.is_narrow:
        return 1.25 if many else 0.85
    return 0.72 if many else 0.55


class _Panel:
    """One measure of accuracy: points with their bars, families, fronts, and the names that are yet to be placed."""

    def __init__(self, axes: "Axes", spots: Sequence[Spot], scheme: Scheme, page: Page) -> None:
        self._axes, self._scheme, self._page = axes, scheme, page
        narrow = page.is_narrow
        accuracies = [spot.accuracy for spot in spots if spot.accuracy is not None]
        fit(axes.xaxis, [end for spot in spots for end in (spot.low, spot.high)], narrow=narrow)
        fit(axes.yaxis, accuracies, narrow=narrow, least=_LEAST_SPAN, may_be_log=False)
        axes.grid(visible=True)
        self._floor = axes.get_ylim()[0]
        self._spots = spots
        self._lines: list[Segment] = []
        self._thin: list[Segment] = []
        by_setting: dict[str, list[Spot]] = defaultdict(list)
        for spot in spots:
            by_setting[spot.setting].append(spot)
        # Latencies of two machines, or of two batch sizes, do not compete: each setting has its own front.
        for group in by_setting.values():
            placed = [spot for spot in group if spot.accuracy is not None]
            self._front(placed)
            self._families(placed)
        for spot in spots:
            self._point(spot)
        self._join_settings()

    def name_points(self) -> None:
        """Each network's name, once, beside any of its points."""
        names = [
            Name(
                text=self._scheme.text(spot),
                at=tuple(self._place(each) for each in self._spots if each.name == spot.name)[:_PLACES],
                look=self._scheme.look(spot) if self._is_of_one(spot.name) else Look(GREY, ""),
                is_bold=_is_strong(spot),
            )
            for spot in {spot.name: spot for spot in reversed(self._spots)}.values()
        ]
        place_names(
            self._axes,
            names[::-1],
            lines=self._lines,
            thin=self._thin,
            points=[self._place(spot) for spot in self._spots],
            font=self._page.small,
            marker=self._page.marker,
        )

    def _place(self, spot: Spot) -> tuple[float, float]:
        return spot.x, self._floor if spot.accuracy is None else spot.accuracy

    def _is_of_one(self, name: str) -> bool:
        return len({spot.setting for spot in self._spots if spot.name == name}) == 1

    def _front(self, spots: Sequence[Spot]) -> None:
        points = [self._place(spot) for spot in spots]
        front = [points[i] for i in pareto_front(points)]
        if len(front) < 2:
            return
        corners = [front[0]]
        for (_, y), (x, higher) in pairwise(front):
            corners += [(x, y), (x, higher)]
        colour = GREY if self._scheme.is_one else self._scheme.look(spots[0]).colour
        self._axes.plot(*zip(*corners, strict=True), color=colour, alpha=0.3, linewidth=2.5, zorder=1)
        self._lines += pairwise(corners)

    def _families(self, spots: Sequence[Spot]) -> None:
        families: dict[str, list[Spot]] = defaultdict(list)
        for spot in spots:
            families[family_of(spot.name)].append(spot)
        for family, members in families.items():
            points = sorted(map(self._place, members))
            look, strong = self._scheme.look(members[0]), is_efficientmod(family)
            width, alpha = (1.6, 0.9) if strong else (0.8, 0.55)
            self._axes.plot(*zip(*points, strict=True), color=look.colour, linewidth=width, alpha=alpha, zorder=2)
            self._thin += pairwise(points)

    def _point(self, spot: Spot) -> None:
        look, (x, y) = self._scheme.look(spot), self._place(spot)
        strong = _is_strong(spot)
        self._axes.errorbar(
            x,
            y,
            xerr=None if spot.low == spot.high else [[spot.x - spot.low], [spot.high - spot.x]],
            fmt=look.marker,
            color=look.colour,
            markersize=self._page.marker * (1.3 if strong else 1),
            markerfacecolor="white" if spot.by_hand else look.colour,
            elinewidth=0.8,
            capsize=1.5,
            zorder=4 if strong else 3,
            clip_on=False,
        )
        self._lines.append(((spot.low, y), (spot.high, y)))

    def _join_settings(self) -> None:
        """The points of a network that was timed in several ways, whose name stands at one of them."""
        for name in dict.fromkeys(spot.name for spot in self._spots):
            points = sorted(self._place(spot) for spot in self._spots if spot.name == name)
            if not self._is_of_one(name):
                self._axes.plot(*zip(*points, strict=True), color=BLACK, linewidth=0.6, linestyle=":", zorder=2)
                self._lines.append((points[0], points[-1]))


def _is_strong(spot: Spot) -> bool:
    return spot.is_own or is_efficientmod(spot.name)
