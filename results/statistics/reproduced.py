"""Whether somebody's figure, measured again, is the same, as far as two honest runs can tell. Pure."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from results.statistics.comparison import Comparison
from results.statistics.conditions import FILES, Condition, Figure, Weight, artifact_of, conditions
from results.statistics.difference import differences_of
from results.statistics.estimate import Estimate, quotient, twice_as_wide
from results.statistics.stability import StabilityWarning
from results.statistics.summary import Measurement


class Again(StrEnum):
    """What is said of a figure. What could not have been seen is never reproduced."""

    REPRODUCED = "reproduced"
    EXPLAINED = "explained"
    DIFFERS = "differs"
    UNDECIDED = "undecided"
    NOT_MEASURED = "not measured"


class Why(StrEnum):
    """Why it is that."""

    WITHIN = "within"
    """The whole interval lies within the margin."""
    HARDWARE = "other-hardware"
    SETTING = "other-setting"
    OTHER_FILE = "other-file"
    """The same versions, or none that could have a say, and it is another file."""
    OUTSIDE = "outside"
    """The whole interval lies beyond the margin, and nothing that is known to change times was different."""
    HOLDS_MARGIN = "holds-margin"
    """The interval reaches from within the margin to beyond it."""
    TOO_FEW = "too-few"
    DOUBTFUL = "doubtful"
    MOVED = "moved"
    """Beside the anchor it is as before, and by itself it is not: the machine was at another speed."""
    PERHAPS = "perhaps"
    """Something was different that may have done it, or what made the file is not recorded."""
    NOT_MADE = "not-made"


class Reproduced(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of somebody's, and what it is when it is measured again.

    Attributes:
        ours: None where it could not be measured.
        place: where it was measured again, or was to be; None for the machine that this was begun on.
        anchor: what both are compared through; None for times by themselves, and for pairs.
        estimate: our time over theirs, or our ratio over theirs of what was timed in turn.
        own_ratio: through an anchor, our own time over theirs.
        conditions: what was not the same, the likely cause first.
        reason: in words, where it could not be measured.
    """

    name: str
    theirs: Figure
    ours: Figure | None = None
    place: str | None = None
    anchor: str | None = None
    estimate: Estimate | None = None
    own_ratio: float | None = None
    conditions: tuple[Condition, ...] = ()
    verdict: Again
    why: Why
    reason: str | None = None


def not_measured(theirs: Figure, reason: str, *, place: str | None = None) -> Reproduced:
    """A figure that could not be measured again."""
    name = artifact_of(theirs).name
    return Reproduced(
        name=name, theirs=theirs, place=place, verdict=Again.NOT_MEASURED, why=Why.NOT_MADE, reason=reason
    )


def reproduced(theirs: Figure, ours: Figure, *, margin: float) -> Reproduced:
    """Set a figure beside the one that was measured again.

    Args:
        margin: by how much the two may differ, as a share, and be the same: what two honest runs at different times may
            differ by beside what their intervals tell.
    """
    found = conditions(theirs, ours)
    anchor, estimate, own_ratio = _ratio(theirs, ours)
    verdict, why = _judge(
        estimate,
        margin,
        found,
        doubts=_doubts(theirs, ours, anchor),
        other_file=_is_other_file(found),
        own_ratio=own_ratio,
    )
    return Reproduced(
        name=artifact_of(theirs).name,
        theirs=theirs,
        ours=ours,
        place=ours.place,
        anchor=anchor,
        estimate=estimate,
        own_ratio=own_ratio,
        conditions=found,
        verdict=verdict,
        why=why,
    )


def _ratio(theirs: Figure, ours: Figure) -> tuple[str | None, Estimate | None, float | None]:
    """The anchor, our figure over theirs, and that of the times by themselves."""
    if isinstance(theirs, Measurement) and isinstance(ours, Measurement):
        (row,) = differences_of([(theirs, ours)], margin=0.0)
        anchor, found, own_ratio = row.anchor, row.estimate, row.own_ratio
    else:
        assert isinstance(theirs, Comparison)
        assert isinstance(ours, Comparison)
        anchor, own_ratio = None, None
        found = quotient(ours.estimate, theirs.estimate) if ours.estimate and theirs.estimate else None
    if found is not None and StabilityWarning.PROCESSES_DEPEND in (*theirs.warnings, *ours.warnings):
        found = twice_as_wide(found)
    return anchor, found, own_ratio


def _doubts(theirs: Figure, ours: Figure, anchor: str | None) -> bool:
    """Whether the interval may lie elsewhere the next time: of ratios where they fall in two, of times where these do.

    That fresh processes disagree is in the interval: it goes over processes.
    """
    in_turn = anchor is not None or isinstance(theirs, Comparison)
    doubtful = StabilityWarning.RATIO_BIMODAL if in_turn else StabilityWarning.BIMODAL
    return doubtful in (*theirs.warnings, *ours.warnings)


def _is_other_file(found: Sequence[Condition]) -> bool:
    """Whether anything that was timed is another file, and no version or weights are the reason."""
    return any(each.name in FILES and each.weight is Weight.SEEN for each in found)


def _judge(
    estimate: Estimate | None,
    margin: float,
    found: Sequence[Condition],
    *,
    doubts: bool,
    other_file: bool,
    own_ratio: float | None,
) -> tuple[Again, Why]:
    weights = {each.weight for each in found}
    if other_file:
        return Again.DIFFERS, Why.OTHER_FILE
    if estimate is None:
        return Again.UNDECIDED, Why.TOO_FEW
    low, high = 1 / (1 + margin), 1 + margin
    within = low <= estimate.low and estimate.high <= high
    outside = estimate.low > high or estimate.high < low
    moved = within and own_ratio is not None and not low <= own_ratio <= high
    if within and not doubts and not moved:
        return Again.REPRODUCED, Why.WITHIN
    # On another machine there is nothing to decide: whatever the figure is, that machine is the reason.
    if Weight.HARDWARE in weights:
        return Again.EXPLAINED, Why.HARDWARE
    if (outside or moved) and Weight.SETTING in weights:
        return Again.EXPLAINED, Why.SETTING
    if moved:
        return Again.UNDECIDED, Why.MOVED
    if not within and not outside:
        return Again.UNDECIDED, Why.HOLDS_MARGIN
    if doubts:
        return Again.UNDECIDED, Why.DOUBTFUL
    return (Again.UNDECIDED, Why.PERHAPS) if Weight.PERHAPS in weights else (Again.DIFFERS, Why.OUTSIDE)
