"""When a comparison that goes on until enough is known may be looked at, and what each look costs."""

import math

import msgspec

from results.records.plan import ComparisonPlan
from results.statistics.estimate import ERROR

# An interval over fewer processes is narrow by luck too often to stop at it.
FEWEST_UNTIL = 6
_GROWTH = 1.5


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

    A plan of a fixed number has one. Who looks often, and stops at a narrow interval, or at one that lies on one side
    of a limit, misses the truth more often than each interval does. So look k spends 0.05 / (k (k + 1)) of the error;
    these add up to 0.05, and all intervals hold together. Each look comes after half as many processes again: looks
    cost little then, and the number of processes is at most half more than needed.
    """
    if not plan.is_open_ended:
        return Look(processes=plan.processes, error=ERROR)
    size, number = max(plan.processes, FEWEST_UNTIL), 1
    while size < processes:
        size, number = math.ceil(size * _GROWTH), number + 1
    return Look(processes=size, error=ERROR / (number * (number + 1)))
