"""A ratio with its interval, and what may be said of it."""

import math
from collections.abc import Sequence
from enum import StrEnum
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import msgspec

from results.statistics.dependence import independent_number, variance_between

if TYPE_CHECKING:
    from results.statistics.timed import Times

# How often an interval may miss the truth.
ERROR = 0.05
_WIDEST = 600.0  # its exponential is a number yet, and so it is beside any ratio of two times


class Verdict(StrEnum):
    """What a comparison says of the candidate."""

    FASTER = "faster"
    SLOWER = "slower"
    NOT_DISTINGUISHABLE = "not distinguishable"


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate's time over the baseline's.

    Attributes:
        low, high: the interval.
        half_width: the interval is the ratio, times or divided by 1 + this.
        error: how often the interval may miss: 5 %, or less where it is one of several looks.
        between_runs: the standard deviation of the ratio's logarithm from run to run, which earlier runs tell, as much
            of it as is in the ratio; the interval holds it. 0 where there were none, or they differ by no more than
            their processes do.
        freedom: the degrees of freedom of Student's factor in the rest of the interval; None where that has none.
    """

    ratio: float
    low: float
    high: float
    half_width: float
    error: float = ERROR
    between_runs: float = 0.0
    freedom: float | None = None

    @property
    def speed(self) -> "Estimate":
        """How many times as fast as the baseline the candidate is: the same, the other way round."""
        return msgspec.structs.replace(self, ratio=1 / self.ratio, low=1 / self.high, high=1 / self.low)


UNCHANGED = Estimate(ratio=1.0, low=1.0, high=1.0, half_width=0.0)
"""The baseline beside itself, which needs no measuring."""


def median_ratio(baseline_ns: "Sequence[int] | Times", candidate_ns: "Sequence[int] | Times") -> float:
    """The median, over pairs of runs that followed each other, of the candidate's time over the baseline's.

    It passes over the pairs that something else on the machine interrupted: where that met a third of the runs, the
    ratios of whole blocks, four runs each, scattered from process to process a hundred times as much. In A B B A
    either comes first as often, so that what slows down steadily delays both alike.

    Args:
        baseline_ns, candidate_ns: the n-th of the one and of the other are a pair.

    Raises:
        ValueError: there is no pair, or a run without its other.
    """
    import numpy as np  # here, so that listing the zoo does not wait for it

    if len(baseline_ns) != len(candidate_ns) or not len(baseline_ns):
        raise ValueError(f"a run without its other: {len(baseline_ns)} of the one, {len(candidate_ns)} of the other")
    return float(np.median(np.asarray(candidate_ns) / np.asarray(baseline_ns)))


def estimate(
    process_ratios: Sequence[float], *, error: float = ERROR, earlier: Sequence[Sequence[float]] = ()
) -> Estimate | None:
    """Mean of the logarithms, with an interval over the processes of a run, which follow each other in time.

    Student's t, of as many processes as these are worth (`independent_number`), and where that is fewer than they are,
    no further than the one that lies furthest from the mean. A bootstrap of few would be too narrow. Where there are
    earlier runs, what the ratio differs by from run to run (`variance_between`) adds to the variance.
    None for fewer than two processes.

    Args:
        process_ratios: or any other figure of each process that is above 0, in the order in which they ran.
        error: how often the interval may miss.
        earlier: the same of runs of the same at other times.
    """
    if len(process_ratios) < 2:
        return None
    logs, *others = [[math.log(ratio) for ratio in run] for run in (process_ratios, *earlier)]
    half, freedom = _half(logs, error)
    return _with_between(fmean(logs), half, variance_between([logs, *others]), freedom=freedom, error=error)


def _half(logs: Sequence[float], error: float) -> tuple[float, float]:
    """Half of an interval of the mean of values that follow each other in time, and its degrees of freedom."""
    n, spread = len(logs), stdev(logs)
    alone = quantile(n - 1, error) * spread / math.sqrt(n)
    independent = independent_number(logs)
    if independent >= n:
        return alone, n - 1
    # Values that are alike scatter less than they do over a longer time.
    spread *= math.sqrt((n - 1) / max(n - n / independent, 1.0))
    freedom = max(independent - 1, 1.0)
    corrected = quantile(freedom, error) * spread / math.sqrt(independent)
    # Of values that are worth one or two, Student's t is endless; but what was never seen is not told by any of them.
    mean = fmean(logs)
    return max(alone, min(corrected, max(abs(value - mean) for value in logs))), freedom


def estimate_over_runs(runs: Sequence[Sequence[float]], *, error: float = ERROR) -> Estimate | None:
    """The same over the processes of several runs together: each run is one draw of what differs between runs.

    None for fewer than two processes.

    Args:
        runs: a figure of each process, above 0, by run.
    """
    number = sum(map(len, runs))
    if len(runs) < 2 or number == len(runs):  # of runs of one process each, what differs is in every one of them
        return estimate([value for run in runs for value in run], error=error)
    logs = [[math.log(value) for value in run] for run in runs]
    half, freedom = _half_over_runs(logs, error)
    share = sum((len(run) / number) ** 2 for run in runs)
    mean = fmean([value for run in logs for value in run])
    return _with_between(mean, half, variance_between(logs), share=share, freedom=freedom, error=error)


def _half_over_runs(logs: Sequence[Sequence[float]], error: float) -> tuple[float, float]:
    """Half of an interval of the mean of all values, by what varies within runs alone, and its degrees of freedom."""
    number = sum(map(len, logs))
    freedom: float = number - len(logs)
    within = math.fsum((value - fmean(run)) ** 2 for run in logs for value in run) / freedom
    pooled = quantile(freedom, error) * math.sqrt(within / number)
    if all(independent_number(run) >= len(run) for run in logs):
        return pooled, freedom
    # Each run has its own, and a run of one value the scatter of all.
    halves = [_half(run, error) if len(run) > 1 else (pooled * math.sqrt(number), freedom) for run in logs]
    combined = math.hypot(*(half * len(run) / number for (half, _), run in zip(halves, logs, strict=True)))
    return max(pooled, combined), min(of_run for _, of_run in halves)


def _with_between(
    mean: float, half: float, between: float, *, share: float = 1.0, freedom: float, error: float
) -> Estimate:
    """An interval to which the variance between runs is added, or the share of it that is left in a mean over runs."""
    # Of the normal distribution: few runs tell the variance badly, but Student's t would make the interval of two runs
    # on a quiet machine, that differ by chance alone, several times as wide.
    both = math.hypot(half, _normal(error) * math.sqrt(share * between))
    return msgspec.structs.replace(
        around(mean, both, error=error), between_runs=math.sqrt(share * between), freedom=freedom
    )


def _normal(error: float) -> float:
    """How many standard deviations from the mean a normal value lies beyond with this error, on either side."""
    from scipy.special import ndtri

    return float(ndtri(1 - error / 2))


def quantile(freedom: float, error: float) -> float:
    """Of Student's t, beyond which an error of both sides lies."""
    from scipy.special import stdtrit  # scipy.stats would take a second to import

    return float(stdtrit(freedom, 1 - error / 2))


def around(mean: float, half: float, *, error: float) -> Estimate:
    """The estimate of a ratio whose logarithm has this interval, and lies in its middle.

    Args:
        half: of the interval's width; what is wider than any number tells no more than one as wide as that.
    """
    half = min(half, _WIDEST)
    return Estimate(
        ratio=math.exp(mean),
        low=math.exp(mean - half),
        high=math.exp(mean + half),
        half_width=math.expm1(half),
        error=error,
    )


def split(estimate: Estimate) -> tuple[float, float]:
    """The half-width by logarithms, in two parts whose squares add: of the processes, and of what differs between runs.

    More processes do not narrow the latter.
    """
    half = math.log1p(estimate.half_width)
    lasting = min(_normal(estimate.error) * estimate.between_runs, half)
    return math.sqrt(half**2 - lasting**2), lasting


def twice_as_wide(estimate: Estimate) -> Estimate:
    """The same with an interval of twice the width."""
    half = 2 * math.log1p(estimate.half_width)
    wide = around(math.log(estimate.ratio), half, error=estimate.error)
    return msgspec.structs.replace(wide, between_runs=2 * estimate.between_runs, freedom=estimate.freedom)


def quotient(after: Estimate, before: Estimate) -> Estimate:
    """The one over the other, which was estimated by itself: the variances of the logarithms add.

    Welch's t interval of the processes; what each of the two takes in of dependence is in it.
    """
    error = min(after.error, before.error)  # a side that was looked at repeatedly may be narrow by luck
    variances, weights = [], []
    for side in (after, before):
        freedom = side.freedom or 1.0
        variances.append((split(side)[0] / quantile(freedom, side.error)) ** 2)
        weights.append(variances[-1] ** 2 / freedom)
    freedom = sum(variances) ** 2 / sum(weights) if sum(weights) > 0 else 1.0
    half = quantile(freedom, error) * math.sqrt(sum(variances))
    between = after.between_runs**2 + before.between_runs**2
    return _with_between(math.log(after.ratio / before.ratio), half, between, freedom=freedom, error=error)


def judge(estimate: Estimate | None, margin: float) -> Verdict | None:
    """Faster or slower where the interval excludes 1 and the difference is at least the margin; None without one."""
    if estimate is None:
        return None
    if abs(estimate.ratio - 1) < margin or estimate.low <= 1 <= estimate.high:
        return Verdict.NOT_DISTINGUISHABLE
    return Verdict.FASTER if estimate.ratio < 1 else Verdict.SLOWER
