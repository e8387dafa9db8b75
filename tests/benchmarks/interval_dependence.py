"""How often `--until 1%` stops at an interval that misses the truth, where successive processes depend on each other.

Run it with `make check-dependence`: a minute, since it times nothing. The processes are drawn: their logarithms are
normal, and each has a correlation with the next of 0, 0.6 or 0.76 (an autoregressive process of first order). Each
comparison is stopped as effmod stops it, and as it did before: Student's t, from six processes on, the error of look k
being 0.05 / (k (k + 1)).

It writes `tests/benchmarks/interval_dependence.csv`, and ends with 1 where at a correlation of 0.6 more than 8 % miss,
or, where processes scatter by 2 %, more than three times as many of them are made in the median as before. (Where they
scatter less, half of the comparisons stopped after the first six, and that was the fault: a fifth of them missed.)
"""

import argparse
import csv
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean, median

import numpy as np

from results import ComparisonPlan
from results.statistics.estimate import Estimate, estimate
from results.statistics.looks import Look, next_look
from tests.benchmarks.simulation import draw_ratios, students_t

_UNTIL = 0.01
_MOST = 4000  # processes; nobody waits for as many
_SCATTERS = (0.005, 0.01, 0.02, 0.04)
_CORRELATIONS = (0.0, 0.6, 0.76)
_TABLE = Path(__file__).with_suffix(".csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000, help="of each kind")
    trials = parser.parse_args().trials
    failed = False
    with _TABLE.open("w", newline="", buffering=1) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["scatter", "correlation", "trials", "missed", "processes", "missed_before", "processes_before"]
        )
        for scatter in _SCATTERS:
            for correlation in _CORRELATIONS:
                now = simulate(trials, scatter, correlation, looks=our_looks, interval=estimate)
                before = simulate(trials, scatter, correlation, looks=looks_before, interval=students_t)
                row = [scatter, correlation, trials, f"{now[0]:.4f}", now[1], f"{before[0]:.4f}", before[1]]
                writer.writerow(row)
                print(*row, flush=True)
                if correlation == 0.6:
                    failed |= now[0] > 0.08 or (scatter == 0.02 and now[1] > 3 * before[1])
    sys.exit(failed)


def our_looks() -> Iterator[Look]:
    """When effmod looks."""
    plan, processes = ComparisonPlan(until=_UNTIL), 0
    while True:
        look = next_look(plan, processes)
        yield look
        processes = look.processes + 1


def looks_before() -> Iterator[Look]:
    """When it looked before."""
    processes, number = 6, 1
    while True:
        yield Look(processes=processes, error=0.05 / (number * (number + 1)))
        processes, number = math.ceil(1.5 * processes), number + 1


def simulate(
    trials: int,
    scatter: float,
    correlation: float,
    *,
    looks: Callable[[], Iterator[Look]],
    interval: Callable[..., Estimate | None],
) -> tuple[float, float]:
    """The share of comparisons that stop at an interval without the truth, and their processes in the median."""
    draws = np.random.default_rng(0)
    stopped = [
        stop(draw_ratios(draws, _MOST, scatter=scatter, correlation=correlation).tolist(), looks(), interval)
        for _ in range(trials)
    ]
    return fmean(missed for missed, _ in stopped), median(processes for _, processes in stopped)


def stop(ratios: Sequence[float], looks: Iterator[Look], interval: Callable[..., Estimate | None]) -> tuple[bool, int]:
    """Whether the interval at which a comparison stops misses the truth, and after how many processes that is."""
    for look in looks:
        found = interval(ratios[: look.processes], error=look.error)
        assert found is not None  # of more than one process
        if found.half_width <= _UNTIL or look.processes >= len(ratios):
            return not found.low <= 1 <= found.high, min(look.processes, len(ratios))
    raise AssertionError  # there is always another look


if __name__ == "__main__":
    main()
