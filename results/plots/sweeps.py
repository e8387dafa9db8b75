"""Latency along image size, batch size, threads, width or kernel size."""

import itertools
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from results.colours import BLACK, VERMILLION
from results.plots.families import is_efficientmod, is_own
from results.plots.kinds import SWEEPS, Kind, Sweep
from results.plots.legend import Entry, add_legend, add_title, legend_height
from results.plots.picture import PlotError
from results.plots.settings import Stores, by_store, settings_of
from results.plots.style import MARKERS, RED, WIDTH_IN, Look, Page, fit, looks, mark_at
from results.statistics.scaling import Point, Series, scale
from results.statistics.summary import Measurement
from results.tables.visible import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH_IN_NAME = re.compile(r"(\w+_iso)_(\d+)")  # as the zoo names isotropic networks of one width


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a picture.

    Attributes:
        label: the network, and how it was timed where others were timed otherwise.
        points: those that have a latency, two or more.
        is_own: the user's.
        is_strong: to be seen first.
    """

    label: str
    points: tuple[Point, ...]
    power: float | None
    is_own: bool
    is_strong: bool


class Sweeps(msgspec.Struct, frozen=True, kw_only=True):
    """All of them.

    Attributes:
        shared: how all were timed.
        left_out: the names of what is part of no line.
    """

    swept: tuple[Swept, ...]
    shared: str
    left_out: tuple[str, ...]


def sweep(measurements: Stores | Sequence[Measurement], kind: Kind | str, *, width_in: float = WIDTH_IN) -> "Figure":
    """Latency along one thing, a line for each network that was timed at two or more values of it.

    A point is the median over all runs, its bar spans the medians of its rounds. Of batches it is an image's time.

    Args:
        measurements: as `results.read_measurements` gives them; or several such lists by the name that each is to have
            in the picture.
        kind: "resolution", "batch", "threads", "width" (of networks whose argument `dim` or `width` it is, and of the
            zoo's isotropic ones) or "kernel" (of networks with the argument `kernel_size`).
        width_in: of the picture, in inches; its fonts and layout follow.

    Raises:
        PlotError: no network was timed at several values.
    """
    kind = Kind(kind)
    what, page = SWEEPS[kind], Page(width_in)
    found = sweeps_of(by_store(measurements), kind)
    if not found.swept:
        raise PlotError(f"no network was timed at several {what.words}; '{what.command}' does that")
    lines = list(zip(found.swept, _looks(found.swept), strict=True))
    entries = [
        Entry(text=_words(one, what), look=look, marker=look.marker, line="-", is_bold=one.is_strong)
        for one, look in lines
    ]
    height_in = page.width_in * (0.8 if page.is_narrow else 0.55)
    with page.figure(height_in + legend_height(entries, page)) as figure:
        axes = figure.subplots()
        for one, look in lines:
            _draw(axes, one, look, page, per_image=kind is Kind.BATCH)
        _label_axes(axes, found.swept, kind, page)
        add_title(figure, _above(found, what), page)
        add_legend(figure, entries, page)
    return figure


def sweeps_of(stores: Stores, kind: Kind) -> Sweeps:
    """The lines of a picture, store by store."""
    what = SWEEPS[kind]
    named = {store: _as_swept(group, kind) for store, group in stores.items()}
    lines: dict[str, list[Series]] = {}
    for store, group in named.items():
        found = chain.from_iterable(scale(group, along) for along in what.along)
        lines[store] = [one for one in found if len({point.x for point in _timed(one)}) > 1]
    settings = settings_of(
        {store: [one.points[0].measurement for one in own] for store, own in lines.items()},
        besides=[what.of_setting],
        with_size=kind is not Kind.RESOLUTION,
    )
    every = [one for own in lines.values() for one in own]
    drawn = {id(point.measurement) for one in every for point in _timed(one)}
    left = (m.name for group in named.values() for m in group if id(m) not in drawn)
    return Sweeps(
        swept=tuple(_swept(one, own) for one, own in zip(every, settings.own, strict=True)),
        shared=settings.shared,
        left_out=tuple(dict.fromkeys(map(visible, left))),
    )


def _as_swept(measurements: Sequence[Measurement], kind: Kind) -> list[Measurement]:
    """Measurements under the names and settings by which those of one line belong together."""
    if kind is Kind.WIDTH:
        return [_with_width(m) for m in measurements]
    if kind is Kind.BATCH:  # large batches are warmed up less often, as long as each stands for its batch alone
        alike = [msgspec.structs.replace(m, warmup_runs=0) for m in measurements]
        if all(len({p.x for p in s.points}) == len(s.points) for s in scale(alike, "batch_size")):
            return alike
    return list(measurements)


def _with_width(measurement: Measurement) -> Measurement:
    """The zoo's isotropic networks are those of one argument, and named otherwise."""
    found = _WIDTH_IN_NAME.fullmatch(measurement.name)
    return msgspec.structs.replace(measurement, name=f"{found[1]}(dim={found[2]})") if found else measurement


def _timed(series: Series) -> Iterator[Point]:
    return (point for point in series.points if point.measurement.latency)


def _swept(series: Series, setting: str) -> Swept:
    first = series.points[0].measurement
    points, own = tuple(_timed(series)), is_own(first.name, first.artifact)
    return Swept(
        label=", ".join(filter(None, (visible(series.name), setting))),
        points=points,
        power=series.power.slope if series.power and len(points) > 2 else None,
        is_own=own,
        is_strong=own or is_efficientmod(first.name),
    )


def _looks(swept: Sequence[Swept]) -> list[Look]:
    plain, reds = iter(looks(len(swept))), itertools.cycle((VERMILLION, RED))
    markers = itertools.cycle(MARKERS)
    return [Look(BLACK if one.is_own else next(reds), next(markers)) if one.is_strong else next(plain) for one in swept]


def _words(one: Swept, what: Sweep) -> str:
    return one.label + (f" ({one.power:.2f})" if what.is_power and one.power is not None else "")


def _above(found: Sweeps, what: Sweep) -> str:
    if what.is_power and any(one.power is not None for one in found.swept):
        return f"{found.shared}; in brackets the power of the side by which time grows"
    return found.shared


def _draw(axes: "Axes", one: Swept, look: Look, page: Page, *, per_image: bool) -> None:
    xs = [point.x for point in one.points]
    middles, lows, highs = zip(*(_times(point, per_image=per_image) for point in one.points), strict=True)
    axes.errorbar(
        xs,
        middles,
        yerr=[
            [middle - low for middle, low in zip(middles, lows, strict=True)],
            [high - middle for middle, high in zip(middles, highs, strict=True)],
        ],
        fmt=look.marker,
        linestyle="-",
        color=look.colour,
        linewidth=1.6 if one.is_strong else 0.9,
        markersize=page.marker * (1.2 if one.is_strong else 0.9),
        elinewidth=0.8,
        capsize=1.5,
        zorder=3 if one.is_strong else 2,
    )


def _times(point: Point, *, per_image: bool) -> tuple[float, float, float]:
    """The median, and the smallest and the largest one of a round."""
    latency = point.measurement.latency
    assert latency is not None
    images = point.measurement.batch_size if per_image else 1
    return latency.p50_ms / images, min(latency.round_p50_ms) / images, max(latency.round_p50_ms) / images


def _label_axes(axes: "Axes", swept: Sequence[Swept], kind: Kind, page: Page) -> None:
    points = [point for one in swept for point in one.points]
    xs = [point.x for point in points]
    mark_at(axes.xaxis, xs, most=6 if page.is_narrow else 12, log=SWEEPS[kind].is_log)
    fit(
        axes.yaxis,
        [time for point in points for time in _times(point, per_image=kind is Kind.BATCH)],
        narrow=page.is_narrow,
    )
    axes.set_xlabel(SWEEPS[kind].axis)
    of_what = "latency of one image" if kind is Kind.BATCH else "latency of one inference"
    axes.set_ylabel(f"{of_what}, ms")
    axes.grid(visible=True)
