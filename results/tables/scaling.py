"""A sweep: how latency grows with image size (Figure 8), with width and with kernel size (Figure 9)."""

from collections.abc import Iterator, Sequence

from results.statistics.scaling import Fit, Point, Series, scale
from results.statistics.summary import Measurement
from results.tables.columns import of_measurement
from results.tables.measurements import first_notes, last_notes, settle_measurements
from results.tables.table import Column, Table, main_columns
from results.tables.words import counted, digits

# Columns of measurements that would make the table too wide.
_DETAILS = (
    "published_top1",
    "top1",
    "top1_low",
    "top1_high",
    "mean_ms",
    "p95_ms",
    "p99_ms",
    "run_spread",
    "process_p50_ms",
    "process_p50_low_ms",
    "process_p50_high_ms",
    "published_cpu_e5_2680_4t_ms",
    "paper_ratio",
)
_WORDS = {"image_size": ("image size", " px"), "batch_size": ("batch size", ""), "threads": ("threads", "")}


def scaling_table(
    measurements: Sequence[Measurement], *, along: str, over: str | None = None, title: str | None = None
) -> Table[Point]:
    """Measurements along a sweep, series by series, and under them how the time of each grows.

    Args:
        along: "image_size", "batch_size" or "threads", or the name of an argument in networks' names, such as "dim".
        over: the network that others are set beside at equal arguments, such as "efficientmod_iso".
    """
    series = scale(measurements, along, over=over)
    rows = tuple(point for each in series for point in each.points)
    settled, shared = settle_measurements([row.measurement for row in rows])
    columns = [of_measurement(column, details=_DETAILS) for column in settled]
    after = next(i for i, column in enumerate(columns) if column.key == "p50_ms") + 1
    columns[after:after] = _scaled(along, over)
    measured = [row.measurement for row in rows]
    notes = first_notes(measured, {column.key for column in main_columns(columns, rows)})
    notes += [words for each in series for words in _in_words(each, along)]
    left_out = [m.name for m in measurements if not any(m is row for row in measured)]
    if left_out:
        notes.append(f"Without {_WORDS.get(along, (along, ''))[0]}, and so left out: {', '.join(left_out)}.")
    notes += last_notes(measured)
    return Table(
        rows=rows, columns=tuple(columns), notes=tuple(notes), title=title, subtitle=shared, name=title or "scaling"
    )


def _scaled(along: str, over: str | None) -> list[Column[Point]]:
    word = _WORDS.get(along, (along, ""))[0]
    found: list[Column[Point]] = [
        Column(key="relative", header=f"ms / smallest\n{word}'s", get=lambda row: row.relative, show=digits(2), spare=1)
    ]
    if over is not None:
        found.append(
            Column(key="beside", header=f"ms /\n{over}'s", get=lambda row: row.beside, show=digits(2), spare=1)
        )
    return found


def _in_words(series: Series, along: str) -> Iterator[str]:
    word, unit = _WORDS.get(along, (along, ""))
    if series.power is None:
        return
    timed = [point.x for point in series.points if point.ms]
    yield (
        f"{series.name}: its time grows as {word} to the power {series.power.slope:.2f} ({_between(series.power, 2)}), "
        f"over {counted(len(timed), 'point')} from {timed[0]:g} to {timed[-1]:g}{unit}{_departure(series.power)}."
    )
    if series.by_macs is not None:
        fit = series.by_macs
        yield (
            f"{series.name}: by multiply-adds, {fit.intercept:.3g} ms and {fit.slope:.3g} ms for each 10⁹ "
            f"({_between(fit, 3, significant=True)}){_departure(fit)}."
        )


def _departure(fit: Fit) -> str:
    return f"; a point departs by {100 * fit.largest_departure:.0f} % at most" if fit.interval else ""


def _between(fit: Fit, number: int, *, significant: bool = False) -> str:
    if fit.interval is None:
        return "two points, so without an interval"
    low, high = (f"{end:.{number}{'g' if significant else 'f'}}" for end in fit.interval)
    return f"95 % from {low} to {high}"
