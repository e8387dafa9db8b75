"""The runs of a measurement, in the order in which they ran, and how they are distributed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from results.report.figures import COLOURS, SYMBOLS, Figure, axis_title, binned, rounded
from results.statistics.timed import TimedRound
from results.tables.words import counted, milliseconds

if TYPE_CHECKING:
    from results.statistics.timed import Times

_BINS = 60
_TOP = 99.5  # percent of the runs lie below the plot's upper end, with some room
_NS_PER_MS = 1e6


def runs_figure(rounds: Sequence[TimedRound], points: int, name: str) -> Figure:
    """Left the runs of each round one after another, right as many as lie at each latency, on one axis.

    Args:
        rounds: that came to their end, in the order in which they ran.
        points: to draw, of all rounds together.
    """
    import numpy as np

    every = np.concatenate([each.durations_ns for each in rounds]) / _NS_PER_MS
    low, top = float(every.min()), float(np.percentile(every, _TOP))
    room = max(0.08 * (top - low), 1e-3 * top)
    ends = (low - room, top + room)
    above = int((every > ends[1]).sum())
    size = max(1, -(-len(every) // points))
    middles, counts = binned([float(value) for value in every], *ends, _BINS)
    traces = [*_in_order(rounds, size), _histogram(middles, counts)]
    return Figure(
        traces=tuple(traces),
        layout={
            "xaxis": axis_title("run, round after round", domain=[0, 0.7]),
            "xaxis2": axis_title("runs", domain=[0.74, 1]),
            "yaxis": axis_title("latency, ms", range=[rounded(end) for end in ends]),
            "showlegend": False,
            "bargap": 0.05,
            "hovermode": "closest",
        },
        label=f"Runs of {name} in their order, and their distribution",
        caption=_caption(len(every), size, above, float(every.max())),
        height=340,
    )


def _in_order(rounds: Sequence[TimedRound], size: int) -> list[dict[str, Any]]:
    """A line for each round: medians of so many runs in a row."""
    traces, start = [], 0
    for number, record in enumerate(rounds):
        medians = _medians(record.durations_ns, size)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "x0": start + 1,
                "dx": size,
                "y": medians,
                "line": {"width": 1, "color": COLOURS[number % 2]},
                "marker": {"size": 4, "color": COLOURS[number % 2], "symbol": SYMBOLS[number % 2]},
                "name": f"round {number + 1}",
                "hovertemplate": f"round {number + 1}, run %{{x}}: %{{y}} ms<extra></extra>",
            }
        )
        start += len(record.durations_ns)
    return traces


def _medians(durations_ns: "Times", size: int) -> list[float]:
    import numpy as np

    return [
        rounded(float(np.median(durations_ns[start : start + size])) / _NS_PER_MS)
        for start in range(0, len(durations_ns), size)
    ]


def _histogram(middles: list[float], counts: list[int]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "xaxis": "x2",
        "y": middles,
        "x": counts,
        "marker": {"color": COLOURS[2]},
        "hovertemplate": "%{x} runs at %{y} ms<extra></extra>",
    }


def _caption(runs: int, size: int, above: int, largest: float) -> str:
    drawn = f"Each point is the median of {size} runs in a row" if size > 1 else "Each point is a run"
    beyond = f" {counted(above, 'run')} above the upper end, the slowest {milliseconds(largest)} ms." if above else ""
    return f"{drawn}, colours change with the round; right, how many of all {runs:,} runs took how long.{beyond}"
