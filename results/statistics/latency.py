"""The latency of one inference, from the timed runs of several processes."""

from collections.abc import Iterable, Sequence
from statistics import geometric_mean, median
from typing import TYPE_CHECKING

import msgspec

from results.statistics.estimate import Estimate, estimate_over_runs
from results.statistics.stacks import by_run, of_each

if TYPE_CHECKING:
    from results.statistics.timed import Times

_NS_PER_MS = 1e6

FEWEST_RUNS = {90: 64, 95: 130, 99: 662}
"""The fewest runs of which a percentile is told, after MLPerf Inference's early stopping (loadgen/early_stopping.cc).

Of so many, two or more lie beyond the true percentile in 99 of 100 cases. Of fewer, the largest may well fall short of
it.
"""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Time of one inference over `runs` timed runs in `rounds` processes, in milliseconds.

    Attributes:
        std_ms: sample standard deviation over all runs.
        p90_ms, p95_ms, p99_ms: None where the runs are fewer than `FEWEST_RUNS`.
        run_spread: (p75 - p25) / p50 of a round's runs, the median over rounds. How far the runs of one process lie
            apart.
        round_p50_ms: the median of each round by itself, in the order in which they ran.
        round_spread: (largest - smallest) / median of those. How far fresh processes disagree; None for one round.
        process_p50_ms: the geometric mean of those: the median of a fresh process, on average. Every round counts
            alike here, and in `p50_ms` every run.
        process_p50_interval_ms: its 95 % interval; None for fewer than three rounds. Of rounds of several runs it holds
            what differs from run to run.
        process_p50_freedom, process_p50_between_runs: as in `Estimate`, of that interval.
    """

    runs: int
    rounds: int
    mean_ms: float
    std_ms: float
    min_ms: float
    p50_ms: float
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float
    run_spread: float
    round_p50_ms: tuple[float, ...]
    round_spread: float | None
    process_p50_ms: float
    process_p50_interval_ms: tuple[float, float] | None
    process_p50_freedom: float | None = None
    process_p50_between_runs: float = 0.0


def summarise_durations(rounds: "Sequence[Sequence[int] | Times]", run_ids: Sequence[str] = ()) -> Latency:
    """Statistics of timed runs, given as nanoseconds by round.

    Args:
        run_ids: of which invocation each round is; all of one where they are not given.

    Raises:
        ValueError: a round without a run.
    """
    import numpy as np  # here, so that listing the zoo does not wait for it

    if not rounds or not all(len(durations) for durations in rounds):
        raise ValueError("a round holds at least one timed run")
    quartiles = np.array(of_each(rounds, lambda rows: np.percentile(rows / _NS_PER_MS, (25, 50, 75), axis=1).T))
    medians = tuple(float(value) for value in quartiles[:, 1])
    samples = np.concatenate([np.asarray(durations) for durations in rounds], dtype=np.float64)
    samples /= _NS_PER_MS
    mean, std = float(samples.mean()), float(samples.std(ddof=1)) if len(samples) > 1 else 0.0
    # The samples lose their order here; a copy of them may be large.
    known = [50, *(share for share, fewest in FEWEST_RUNS.items() if len(samples) >= fewest)]
    percentiles = dict(zip(known, map(float, np.percentile(samples, known, overwrite_input=True)), strict=True))
    process_p50 = _estimate(medians, run_ids or [""] * len(medians))
    return Latency(
        runs=len(samples),
        rounds=len(rounds),
        mean_ms=mean,
        std_ms=std,
        min_ms=float(samples.min()),
        p50_ms=percentiles[50],
        p90_ms=percentiles.get(90),
        p95_ms=percentiles.get(95),
        p99_ms=percentiles.get(99),
        max_ms=float(samples.max()),
        run_spread=float(np.median((quartiles[:, 2] - quartiles[:, 0]) / quartiles[:, 1])),
        round_p50_ms=medians,
        round_spread=(max(medians) - min(medians)) / median(medians) if len(medians) > 1 else None,
        process_p50_ms=geometric_mean(medians),
        process_p50_interval_ms=(process_p50.low, process_p50.high) if process_p50 else None,
        process_p50_freedom=process_p50.freedom if process_p50 else None,
        process_p50_between_runs=process_p50.between_runs if process_p50 else 0.0,
    )


def median_ms(durations_ns: Iterable[int | None]) -> float | None:
    """The median of what is known, in milliseconds; None where nothing is."""
    known = [duration for duration in durations_ns if duration is not None]
    return median(known) / _NS_PER_MS if known else None


def median_run_ms(rounds: "Sequence[Sequence[int] | Times]") -> float | None:
    """The median of the runs of all rounds, in milliseconds; None where there are none."""
    import numpy as np

    runs = np.concatenate([np.asarray(durations) for durations in rounds]) if rounds else np.array([])
    return float(np.median(runs)) / _NS_PER_MS if len(runs) else None


def _estimate(process_p50_ms: Sequence[float], run_ids: Sequence[str]) -> Estimate | None:
    """Their geometric mean with its 95 % interval: latencies differ by factors, and rounds, within runs, are the units.

    Order statistics would not do: of five values they reach 94 %, not 95 %. Two give an interval from nearly nothing
    to far beyond: there is none for fewer than three.
    """
    return estimate_over_runs(by_run(run_ids, process_p50_ms)) if len(process_p50_ms) > 2 else None
