"""When a comparison that goes on until enough is known may be looked at, and what each look costs."""

import math

import msgspec

from results.records.plan import ComparisonPlan
from results.statistics.dependence import FEWEST_TO_CORRECT
from results.statistics.estimate import ERROR

# An interval over fewer processes lies on one side of a limit by luck too often to stop at it.
FEWEST_DECIDED = 6
# Fewer processes do not tell how alike successive ones are, and an interval over few is narrow by luck too often.
FEWEST_UNTIL = FEWEST_TO_CORRECT
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

    A plan of a fixed number has one. Who looks often, and stops at an interval that lies on one side of a limit, misses
    the truth more often than each interval does. So look k of a gate spends 0.05 / (k (k + 1)) of the error; these add
    up to 0.05, and all intervals hold together. Who stops at an interval because it is narrow stops at one that is so
    by luck, too, but less often, since scatter tells nothing of a mean (Chow and Robbins 1965): each look has the same
    smaller error then. Each comes after half as many processes again: their number is at most half more than needed.
    """
    if not plan.is_open_ended:
        return Look(processes=plan.processes, error=ERROR)
    size, number = max(plan.processes, FEWEST_DECIDED if plan.until_decided else FEWEST_UNTIL), 1
    while size < processes:
        size, number = math.ceil(size * _GROWTH), number + 1
    return Look(processes=size, error=ERROR / (number * (number + 1)) if plan.until_decided else STOPPING_ERROR)
