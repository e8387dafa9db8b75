"""Whether successive processes are alike, and how far runs at different times differ: what a t interval passes over."""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Values = npt.NDArray[np.float64]

DEPENDENCE_LEVEL = 0.05
FEWEST_TO_CORRECT = 12
"""Of fewer values the correlation of successive ones is not known well enough to correct for it; it is tested then."""

_FEWEST_TO_TEST = 5  # of four, no order is rare enough
_ALL_ORDERS_UP_TO = 7
_DRAWN_ORDERS = 5000
_STRONGEST = 0.97  # of a stronger correlation there is no telling how strong it is


def independent_number(values: Sequence[float]) -> float:
    """How many independent values would tell their mean as well as these do, which follow each other in time.

    n (1 - r) / (1 + r), as of an autoregressive process of first order; r is the correlation of successive values, with
    what it falls short by in few of them (Marriott and Pope 1954: (1 + 3 r) / n) added, and at least 0. At least 1; and
    n where they are fewer than `FEWEST_TO_CORRECT`, or all the same.
    """
    n = len(values)
    mean = math.fsum(values) / n
    apart = [value - mean for value in values]
    square = math.fsum(each * each for each in apart)
    if n < FEWEST_TO_CORRECT or square == 0:
        return n
    found = math.fsum(one * following for one, following in itertools.pairwise(apart)) / square
    correlation = min(max(found + (1 + 3 * found) / n, 0.0), _STRONGEST)
    return max(n * (1 - correlation) / (1 + correlation), 1.0)


def depend(values: Sequence[float]) -> bool:
    """Whether few values that follow each other in time are more alike, each and the next, than chance would have it.

    A trend makes them so, and so does a machine that stays at a speed for a while. How alike is the sum of the products
    of successive deviations from the mean; chance is all orders of the same values, or 5000 that are drawn (Wald and
    Wolfowitz 1943), at the level of 5 %. Fewer than five never depend, and more than eleven are corrected for it
    instead (`independent_number`).
    """
    import numpy as np  # here, so that listing the zoo does not wait for it

    n = len(values)
    if not _FEWEST_TO_TEST <= n < FEWEST_TO_CORRECT:
        return False
    apart = np.asarray(values) - np.mean(values)
    orders = apart[_orders(n)]
    alike = np.sum(orders[:, 1:] * orders[:, :-1], axis=1)
    found = float(np.sum(apart[1:] * apart[:-1]))
    rounding = 1e-9 * float(np.sum(apart**2))
    return bool(rounding > 0 and np.mean(alike >= found - rounding) < DEPENDENCE_LEVEL)


@functools.cache
def _orders(n: int) -> "npt.NDArray[np.int64]":
    """Orders of n things, one a row: all of them, or of many things some that are drawn, always the same."""
    import numpy as np

    if n <= _ALL_ORDERS_UP_TO:
        return np.array(list(itertools.permutations(range(n))))
    return np.random.default_rng(0).permuted(np.tile(np.arange(n), (_DRAWN_ORDERS, 1)), axis=1)


def variance_between(runs: Sequence[Sequence[float]]) -> float:
    """By how much the means of runs vary beyond what the scatter within each makes of them.

    The estimate of the analysis of variance, for runs of different lengths (Henderson 1953, his method 1), and 0 where
    that is negative, or where nothing tells the two apart: fewer than two runs, or none of more than one value.
    """
    number = sum(map(len, runs))
    if not 1 < len(runs) < number:
        return 0.0
    means = [math.fsum(run) / len(run) for run in runs]
    mean = math.fsum(map(math.fsum, runs)) / number
    between = math.fsum(len(run) * (own - mean) ** 2 for run, own in zip(runs, means, strict=True)) / (len(runs) - 1)
    within = math.fsum((value - own) ** 2 for run, own in zip(runs, means, strict=True) for value in run)
    typical = (number - sum(len(run) ** 2 for run in runs) / number) / (len(runs) - 1)
    return max((between - within / (number - len(runs))) / typical, 0.0)
