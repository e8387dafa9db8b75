"""Whether one of two artifacts is right more often than the other by more than chance."""

import math

import msgspec

from exporters.artifact.accuracy import Interval

_Z = 1.959963984540054  # 95 % of a normal distribution lie within it


class Paired(msgspec.Struct, frozen=True, kw_only=True):
    """How two artifacts, each in its own precision, differ over the same images.

    Attributes:
        images: that both classified.
        both, only_first, only_second, neither: how many were classified rightly by whom.
        same: images that both take for the same class, be it right or wrong.
        difference: the first one's top-1 less the second's, in percentage points.
        interval: of it, of 95 % (Tango, "Equivalence test and confidence interval for the difference in proportions
            for the paired-sample design", 1998), in percentage points.
        p_value: of McNemar's exact test: how likely it is that one of two that are right equally often wins at least
            so many of the images on which just one is right.
    """

    images: int
    both: int
    only_first: int
    only_second: int
    neither: int
    same: int
    difference: float
    interval: Interval
    p_value: float


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p-value of McNemar's exact test."""
    from scipy.stats import binomtest

    decided = only_first + only_second
    return float(binomtest(only_first, decided, 0.5).pvalue) if decided else 1.0


def tango(only_first: int, only_second: int, images: int) -> Interval:
    """The 95 % score interval of a difference of two paired shares, as shares.

    Those differences d belong to it that |b - c - n d| <= z sqrt(n (2 q + d (1 - d))) does not refuse, with q the
    likeliest share of `only_second` were the difference d.
    """
    from scipy.optimize import brentq

    b, c, n = only_first, only_second, images
    found = (b - c) / n

    def beyond(d: float) -> float:
        half = (2 * n - b + c) * d - b - c
        q = (math.sqrt(max(half**2 + 8 * n * c * d * (1 - d), 0.0)) - half) / (4 * n)
        return (b - c - n * d) ** 2 - _Z**2 * n * max(2 * q + d * (1 - d), 0.0)

    near = 1e-12  # where b = c = 0 the observed difference is a root itself
    low = -1.0 if found <= -1 + near else brentq(beyond, -1.0, found - near)
    high = 1.0 if found >= 1 - near else brentq(beyond, found + near, 1.0)
    return float(low), float(high)
