"""Latency against accuracy. Matplotlib is imported when it is drawn."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from results.plots.picture import PlotError, check_ending, save
from results.records.plan import RUNTIME_NAMES, Device
from results.statistics.summary import Measurement
from results.tables.table import Column
from results.tables.visible import visible
from results.tables.words import counted, mode_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

# More points than these need a larger picture.
_FEW = 12

# What else makes a front of its own, and is said in the legend where it differs: the columns of these facts.
_FACTS = ("os", "affinity", "available_cores", "cpu_quota", "versions", "gpu_driver", "warmup_runs")


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other beats in both, by rising latency.

    Args:
        points: (latency, accuracy); lower and higher are better. Of equal points the first counts.
    """
    front: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        if not front or points[i][1] > points[front[-1]][1]:
            front.append(i)
    return front


def plot_tradeoff(measurements: Sequence[Measurement], path: Path) -> list[str]:
    """Draw latency against published top-1 into a file; its ending is the format (.png, .svg, .pdf).

    A point is a network's median over all runs, its bar spans the medians of its rounds. Behind the name of a network
    stands the size of its images where it is another than most of its front's.

    Returns:
        Names of the measurements left out, since they have no published accuracy or no latency.

    Raises:
        PlotError: no measurement has both, or the ending is none that can be drawn.
    """
    drawn = [m for m in measurements if m.latency and m.published and m.published.top1 is not None]
    if not drawn:
        raise PlotError("no measurement has both a latency and a published top-1, so there is nothing to draw")

    check_ending(path)
    from adjustText import adjust_text
    from matplotlib.figure import Figure

    # Labels are placed in pixels: those of the file, or they overlap there.
    figure = Figure(figsize=(11, 7) if len(drawn) > _FEW else (8, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    labels = _draw_points(axes, drawn)
    _label_axes(axes)
    # Names keep off the bars as well as the points.
    x, y = zip(*(point for m in drawn for point in [_point(m), *_along_bar(m)]), strict=True)
    arrow = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.7}
    adjust_text(labels, x=list(x), y=list(y), ax=axes, arrowprops=arrow, expand=(1.1, 1.4))
    save(figure, path)
    return [m.name for m in measurements if m not in drawn]


def _draw_points(axes: "Axes", drawn: Sequence[Measurement]) -> "list[Text]":
    """The points, their bars and the fronts; returns the points' names, which are yet to be moved apart."""
    labels = []
    facts = _differing(drawn)
    settings = [_setting(m, facts) for m in drawn]
    # Latencies of two machines, or of two batch sizes, do not compete: each setting has its own front.
    for i, setting in enumerate(dict.fromkeys(settings)):
        group = [m for m, its in zip(drawn, settings, strict=True) if its == setting]
        names = _names(group)
        points = [_point(m) for m in group]
        x, y = zip(*points, strict=True)
        front = pareto_front(points)
        colour = f"C{i}"
        axes.step([x[j] for j in front], [y[j] for j in front], where="post", color=colour, alpha=0.35, zorder=1)
        bars = [
            [abs(p50 - end) for p50, end in zip(x, ends, strict=True)] for ends in zip(*map(_ends, group), strict=True)
        ]
        axes.errorbar(x, y, xerr=bars, fmt="o", color=colour, elinewidth=1, capsize=2, zorder=2, label=setting)
        labels += [
            axes.text(*point, name, fontsize=8 if len(drawn) > _FEW else 9, parse_math=False)
            for point, name in zip(points, names, strict=True)
        ]
    return labels


def _names(front: Sequence[Measurement]) -> list[str]:
    """Of one front, where images of another size than most are named: the smaller they are, the faster a network is."""
    usual = Counter(m.artifact.image_size for m in front).most_common(1)[0][0]
    sizes = [m.artifact.image_size for m in front]
    return [visible(m.name) + (f" ({size} px)" if size != usual else "") for m, size in zip(front, sizes, strict=True)]


def _label_axes(axes: "Axes") -> None:
    from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter

    axes.set_xlabel("latency of one inference, ms: median, and the range of the rounds' medians")
    axes.set_ylabel("published ImageNet top-1, %")
    axes.set_title("Latency against published accuracy; the line is the Pareto front", fontsize=11)
    # Networks are some percent apart at either end of the scale.
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.margins(x=0.15, y=0.1)
    axes.grid(alpha=0.25)
    for text in axes.legend(loc="lower right", fontsize=8, frameon=False).get_texts():
        text.set_parse_math(False)


def _point(measurement: Measurement) -> tuple[float, float]:
    assert measurement.latency
    assert measurement.published
    assert measurement.published.top1 is not None
    return measurement.latency.p50_ms, measurement.published.top1


def _along_bar(measurement: Measurement) -> list[tuple[float, float]]:
    import numpy as np

    _, top1 = _point(measurement)
    return [(float(x), top1) for x in np.geomspace(*_ends(measurement), num=12)]


def _ends(measurement: Measurement) -> tuple[float, float]:
    assert measurement.latency
    medians = measurement.latency.round_p50_ms
    return min(medians), max(medians)


def _differing(drawn: Sequence[Measurement]) -> list[Column[Measurement]]:
    """The facts in which they differ, of those that are said only then."""
    from results.tables.measurements import settle_measurements  # here: whoever only may fail to draw imports this, too

    columns, _ = settle_measurements(drawn)
    return [column for column in columns if column.key in _FACTS and not column.detail]


def _setting(measurement: Measurement, facts: Collection[Column[Measurement]]) -> str:
    count = measurement.threads
    units = measurement.options.compute_units
    processor = measurement.machine.cpu_model or "CPU"
    parts = (
        (measurement.gpu or "GPU") if measurement.device is Device.CUDA else processor,
        RUNTIME_NAMES[measurement.options.runtime],
        f"compute units: {units}" if units else None,
        mode_in_words(measurement.options),
        counted(count, "thread") if count else None,
        f"batch {measurement.batch_size}",
        f"{measurement.artifact.form} form" if measurement.artifact.form else None,
        *(f"{column.label}: {text}" for column in facts if (text := column.text(measurement))),
    )
    words = visible(", ".join(filter(None, parts)))
    return f" {words}" if words.startswith("_") else words  # matplotlib leaves such a name out of the legend
