"""Whether what is slower stays within a limit: it passes, it fails, or that cannot be said. Pure."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from results.statistics.estimate import Estimate, quantile, split, twice_as_wide
from results.statistics.stability import StabilityWarning

DOUBTFUL = (
    StabilityWarning.BIMODAL,
    StabilityWarning.RATIO_BIMODAL,
    StabilityWarning.ROUNDS_DISAGREE,
)
"""The warnings under which an interval may lie elsewhere when one measures again, so that nothing follows from it."""

_MOST_MORE = 1000  # who lacks more than so many processes does not get them


class GateVerdict(StrEnum):
    """What a gate says. What could not have been seen never passes."""

    PASSES = "passes"
    FAILS = "fails"
    UNDECIDED = "undecided"


class Reason(StrEnum):
    """Why a gate is undecided."""

    TOO_FEW = "too-few"
    """Fewer than two processes on a side: there is no interval, and nothing to judge."""
    HOLDS_LIMIT = "holds-limit"
    """The limit lies within the interval."""
    OTHER_PLACE = "other-place"
    """Times by themselves, of two machines, or of other cores of one."""
    MOVED = "moved"
    """Beside the anchor it is as fast as before, and both take longer: the machine, or everything, moved."""
    DOUBTFUL = "doubtful"
    """A warning says that the interval may lie elsewhere the next time."""


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What `--fail-if-slower` comes to.

    Attributes:
        limit: by how much the candidate may be slower, as a share.
        reason: None for what is decided.
        doubts: the warnings that would leave it undecided in any case.
        more: about how many more processes of each side would decide, by the scatter of those that there are; None
            where that is not what it lacks, or where they would be too many.
    """

    limit: float
    verdict: GateVerdict
    reason: Reason | None = None
    doubts: tuple[StabilityWarning, ...] = ()
    more: int | None = None


def judge_gate(
    estimate: Estimate | None,
    limit: float,
    *,
    processes: Sequence[int],
    warnings: Iterable[StabilityWarning] = (),
    other_place: bool = False,
    own_ratio: float | None = None,
) -> Gate:
    """It passes where the whole interval lies under the limit, and fails where all of it lies above.

    Args:
        estimate: None where there are too few processes.
        limit: as a share of the time that the candidate's is compared with.
        processes: of each side; of pairs, which are one side, the number of them.
        warnings: of all that the estimate is taken from. Where successive processes depend, the interval counts for
            twice as wide: that of four times fewer, as at a correlation of 0.6.
        other_place: whether the two sides are times by themselves, of different machines or cores.
        own_ratio: where the estimate is taken beside an anchor, the candidate's own time over that of before.
    """
    if estimate is None:
        return Gate(limit=limit, verdict=GateVerdict.UNDECIDED, reason=Reason.TOO_FEW)
    found = set(warnings)
    if StabilityWarning.PROCESSES_DEPEND in found:
        estimate = twice_as_wide(estimate)
    doubts = tuple(warning for warning in DOUBTFUL if warning in found)
    passes = estimate.high <= 1 + limit
    reason = None
    if not passes and estimate.low <= 1 + limit:
        reason = Reason.HOLDS_LIMIT
    elif other_place:
        reason = Reason.OTHER_PLACE
    elif passes and own_ratio is not None and own_ratio > 1 + limit:
        reason = Reason.MOVED
    elif doubts:
        reason = Reason.DOUBTFUL
    if reason is None:
        return Gate(limit=limit, verdict=GateVerdict.PASSES if passes else GateVerdict.FAILS)
    lacks_processes = reason is Reason.HOLDS_LIMIT and not doubts
    more = more_to_decide(estimate, limit, processes) if lacks_processes else None
    return Gate(limit=limit, verdict=GateVerdict.UNDECIDED, reason=reason, doubts=doubts, more=more)


def more_to_decide(estimate: Estimate, limit: float, processes: Sequence[int]) -> int | None:
    """About how many more processes of each side would leave the limit outside of the interval.

    The ratio and the scatter stay as they are, the interval narrows as one over the root of their number, and Student's
    factor falls; what differs from run to run stays. None where that would be more than a thousand.

    Args:
        processes: of each side, two or more.
    """

    def width(more: int) -> float:
        sizes = [size + more for size in processes]
        factor = quantile(sum(sizes) - len(sizes), estimate.error)
        return factor * math.sqrt(sum(1 / size for size in sizes))

    distance = abs(math.log1p(limit) - math.log(estimate.ratio))
    own, lasting = split(estimate)
    counts = range(1, _MOST_MORE + 1)
    enough = bisect_left(counts, True, key=lambda more: math.hypot(own * width(more) / width(0), lasting) < distance)
    return counts[enough] if enough < len(counts) else None
