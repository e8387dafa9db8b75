"""How latency grows along a sweep: by image size, by width, by kernel size."""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean, linear_regression

import msgspec

from results.statistics.arguments import argument_of, taken_apart, without
from results.statistics.estimate import ERROR
from results.statistics.summary import Measurement


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """A straight line by least squares.

    Attributes:
        points: that it was laid through.
        interval: of the slope, 95 %, by Student's t: of the points' scatter about the line, as if that were chance.
            None for two points, which leave none.
        largest_departure: of a point from the line, as a share of the line's value; of a power, of the power's.
    """

    points: int
    slope: float
    intercept: float
    interval: tuple[float, float] | None
    largest_departure: float


def fit_line(xs: Sequence[float], ys: Sequence[float]) -> Fit | None:
    """y = intercept + slope x; None for fewer than two different x."""
    if len(set(xs)) < 2:
        return None
    from scipy.special import stdtrit  # scipy.stats would take a second to import

    slope, intercept = linear_regression(xs, ys)
    lines = [intercept + slope * x for x in xs]
    interval, freedom = None, len(xs) - 2
    if freedom > 0:
        scatter = math.sqrt(sum((y - line) ** 2 for y, line in zip(ys, lines, strict=True)) / freedom)
        mean = fmean(xs)
        half = float(stdtrit(freedom, 1 - ERROR / 2)) * scatter / math.sqrt(sum((x - mean) ** 2 for x in xs))
        interval = slope - half, slope + half
    departures = [abs(y / line - 1) for y, line in zip(ys, lines, strict=True) if line]
    return Fit(
        points=len(xs),
        slope=slope,
        intercept=intercept,
        interval=interval,
        largest_departure=max(departures, default=0.0),
    )


def fit_power(xs: Sequence[float], ys: Sequence[float]) -> Fit | None:
    """y = a x^b, a line in logarithms: `slope` is b, `intercept` the logarithm of a. None as of `fit_line`.

    Raises:
        ValueError: a number is not above zero.
    """
    logs = [math.log(x) for x in xs], [math.log(y) for y in ys]
    found = fit_line(*logs)
    if found is None:
        return None
    departures = [abs(math.expm1(y - found.intercept - found.slope * x)) for x, y in zip(*logs, strict=True)]
    return msgspec.structs.replace(found, largest_departure=max(departures))


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A measurement as a point of a sweep.

    Attributes:
        x: where it stands: an image size, or a network's argument.
        relative: its median time over that of the smallest x in its series.
        beside: its median time over that of the network that the series are set beside, with the same arguments.
    """

    measurement: Measurement
    x: float
    relative: float | None = None
    beside: float | None = None

    @property
    def ms(self) -> float | None:
        """The median of all runs; None where every round failed."""
        return self.measurement.latency.p50_ms if self.measurement.latency else None


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The points that differ in one thing alone, from the smallest on.

    Attributes:
        name: the network's, without that.
        power: of time by x; None where fewer than two points were measured.
        by_macs: milliseconds by multiply-adds of an inference, in units of 10^9.
    """

    name: str
    points: tuple[Point, ...]
    power: Fit | None
    by_macs: Fit | None


def scale(measurements: Sequence[Measurement], along: str, *, over: str | None = None) -> list[Series]:
    """Measurements as series along one thing, in the order in which each has its first point.

    What has no value of it, or none that is a number above zero, is left out.

    Args:
        along: "image_size", "batch_size" or "threads", or the name of an argument in networks' names.
        over: the network beside which each other one is set where both have the same arguments.
    """
    groups: dict[bytes, list[Point]] = defaultdict(list)
    for each in measurements:
        x = _place(each, along)
        if isinstance(x, int | float) and x > 0:
            groups[_identity(each, without(each.name, [along]), along)].append(Point(measurement=each, x=x))
    theirs = {
        _identity(each, _arguments(each)): each.latency.p50_ms
        for each in measurements
        if each.latency and taken_apart(each.name)[0] == over
    }
    return [_series(points, along, theirs) for points in groups.values()]


def _series(points: Sequence[Point], along: str, theirs: dict[bytes, float]) -> Series:
    in_order = sorted(points, key=lambda point: point.x)
    first = in_order[0].ms
    placed = tuple(
        msgspec.structs.replace(
            point,
            relative=point.ms / first if point.ms and first else None,
            beside=_over(point, theirs.get(_identity(point.measurement, _arguments(point.measurement)))),
        )
        for point in in_order
    )
    timed = [(point.x, ms, point.measurement) for point in placed if (ms := point.ms)]
    giga = [(m.artifact.macs * m.batch_size / 1e9, ms) for _, ms, m in timed if m.artifact.macs]
    return Series(
        name=without(points[0].measurement.name, [along]),
        points=placed,
        power=fit_power([x for x, *_ in timed], [ms for _, ms, _ in timed]),
        by_macs=fit_line([x for x, _ in giga], [ms for _, ms in giga]),
    )


def _over(point: Point, theirs: float | None) -> float | None:
    return point.ms / theirs if point.ms and theirs else None


def _place(measurement: Measurement, along: str) -> str | int | float | None:
    of_its_own = {
        "image_size": measurement.artifact.image_size,
        "batch_size": measurement.batch_size,
        "threads": measurement.threads,
    }
    return of_its_own[along] if along in of_its_own else argument_of(measurement.name, along)


def _arguments(measurement: Measurement) -> str:
    """Of a network, without its name."""
    base, arguments = taken_apart(measurement.name)
    return without(measurement.name, []).removeprefix(base) if arguments else ""


def _identity(measurement: Measurement, who: str, along: str = "") -> bytes:
    """What the points of a series have in common, and those of two networks that are set side by side."""
    m = measurement
    sizes = {"image_size": m.artifact.image_size, "batch_size": m.batch_size, "threads": m.threads}
    sizes.pop(along, None)
    of_file = who, m.artifact.form, m.artifact.format
    setting = of_file, m.warmup_runs, m.device, m.options, m.machine.stable, m.place, m.gpu, m.gpu_driver
    return msgspec.json.encode((setting, sizes), order="sorted")
