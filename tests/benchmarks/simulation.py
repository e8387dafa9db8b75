"""What simulations of intervals share: the interval that effmod had before, and processes that depend on each other."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter
from scipy.special import stdtrit

from results.statistics.estimate import ERROR, Estimate, around

if TYPE_CHECKING:
    import numpy.typing as npt


def students_t(ratios: Sequence[float], *, error: float = ERROR) -> Estimate:
    """Student's t interval of independent processes, which effmod had until it looked at whether they are."""
    logs = [math.log(ratio) for ratio in ratios]
    half = float(stdtrit(len(logs) - 1, 1 - error / 2)) * stdev(logs) / math.sqrt(len(logs))
    return around(fmean(logs), half, error=error)


def draw_ratios(
    draws: np.random.Generator, number: int, *, scatter: float, correlation: float
) -> "npt.NDArray[np.float64]":
    """The ratios of successive processes whose truth is 1.

    Args:
        scatter: standard deviation of their logarithms.
        correlation: of each with the next: an autoregressive process of first order.
    """
    shocks = draws.standard_normal(number) * math.sqrt(1 - correlation**2)
    shocks[0] /= math.sqrt(1 - correlation**2)
    values: npt.NDArray[np.float64] = np.exp(scatter * lfilter([1.0], [1.0, -correlation], shocks))
    return values
