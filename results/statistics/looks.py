"""When a comparison that goes on until its interval is narrow may be looked at, and what each look costs."""

import math

import msgspec

from results.records.plan import ComparisonPlan
from results.statistics.estimate import ERROR

# Fewer processes do not tell how alike successive ones are, and an interval over few is narrow by luck too often.
FEWEST_UNTIL = 12
_GROWTH = 1.5

# Of each interval, so that the one at which a comparison stops misses in at most 5 %, and in at most 8 % where
# successive processes have a correlation of 0.6: `make check-dependence`.
STOPPING_ERROR = 0.01


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A time at which a comparison may be looked at, and stop.

    Attributes:
        processes: after how many.
        error: how often the interval that is computed then may miss.
    """

    processes: int
    error: float


def next_look(plan: ComparisonPlan, processes: int) -> Look:
    """The first look after at least so many processes.

    Without `until` there is one. With it, who stops at an interval because it is narrow stops at one that is so by
    luck, too, and misses the truth more often than who settles the size before; but less often than who stops because
    of where the interval lies, since scatter tells nothing of a mean (Chow and Robbins 1965). So each look has the same
    smaller error. Each comes after half as many processes again: their number is at most half more than needed.
    """
    if plan.until is None:
        return Look(processes=plan.processes, error=ERROR)
    size = max(plan.processes, FEWEST_UNTIL)
    while size < processes:
        size = math.ceil(size * _GROWTH)
    return Look(processes=size, error=STOPPING_ERROR)
