"""A ratio with its interval, and what may be said of it."""

import math
from collections.abc import Sequence
from enum import StrEnum
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import msgspec

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
    """

    ratio: float
    low: float
    high: float
    half_width: float
    error: float = ERROR

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


def estimate(process_ratios: Sequence[float], *, error: float = ERROR) -> Estimate | None:
    """Mean of the logarithms, and Student's t interval over the processes, which are the independent units.

    A bootstrap of so few would be too narrow. None for fewer than two processes.

    Args:
        process_ratios: or any other figure of each process that is above 0.
        error: how often the interval may miss.
    """
    if len(process_ratios) < 2:
        return None
    from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats would take a second to import

    logs = [math.log(ratio) for ratio in process_ratios]
    half = float(stdtrit(len(logs) - 1, 1 - error / 2)) * stdev(logs) / math.sqrt(len(logs))
    return around(fmean(logs), half, error=error)


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


def judge(estimate: Estimate | None, margin: float) -> Verdict | None:
    """Faster or slower where the interval excludes 1 and the difference is at least the margin; None without one."""
    if estimate is None:
        return None
    if abs(estimate.ratio - 1) < margin or estimate.low <= 1 <= estimate.high:
        return Verdict.NOT_DISTINGUISHABLE
    return Verdict.FASTER if estimate.ratio < 1 else Verdict.SLOWER
