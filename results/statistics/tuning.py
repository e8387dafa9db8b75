"""What `effmod tune` concludes from pairs: who is out of the race, and what is to be taken. Pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from statistics import geometric_mean

import msgspec

from results.records.environment import Machine
from results.records.plan import ComparisonPlan, RuntimeOptions
from results.statistics.estimate import ERROR, UNCHANGED, Estimate, Verdict, estimate

LOOKS = (3, 5, 8, 12)
"""After how many processes of each candidate the slow ones are dropped; after the last the race is over."""

FAR_BEHIND = 1.5
"""How many times the time of the fastest is too slow in a screening: a few runs of one process each tell no less."""


class Decision(StrEnum):
    """What became of a candidate."""

    CHOSEN = "chosen"
    KEPT = "kept"
    DROPPED = "dropped"


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One way to run a network that was tried: a file, and how the runtime is told to run it.

    Attributes:
        name: what tells it from the baseline.
        file: the file's name; None where it could not be made.
        sha256: of the file; None where it could not be made.
        relative_error: of its outputs against the baseline's, relative to the largest; None where it did not come to
            that.
        equal: whether that error is small enough; False as well for what is not meant to be equal.
        top1: over the user's images, in percent; None without any.
        estimate: its time over the baseline's; None where fewer than two processes timed it.
        processes: of which that is the mean.
        runs: timed inferences of it and of the baseline, over those.
        warmup_runs, seed: as in the plan of its comparisons; None where it was never timed.
        decision: dropped where it is slower than another one beyond doubt, or did not come so far.
        reason: for the decision.
    """

    name: str
    file: str | None = None
    options: RuntimeOptions
    sha256: str | None = None
    relative_error: float | None = None
    equal: bool = False
    top1: float | None = None
    estimate: Estimate | None = None
    processes: int = 0
    runs: int = 0
    warmup_runs: int | None = None
    seed: int | None = None
    decision: Decision
    reason: str


class TuningReport(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the file that `effmod tune` gives: how to run it, and what the choice rests on.

    Attributes:
        tuning_version: of this type.
        target: as the user gave it.
        plan: of the comparisons; its options are the baseline's.
        verdict: on the chosen file against the baseline, measured anew after it was chosen; None where the baseline was
            chosen, the budget had no time for it, or the user interrupted.
        run_ids: of the records: those of the screening, of the race, and of the last comparison.
        code: what runs the file so, in Python; empty in reports from before it was given.
    """

    tuning_version: int = 1
    target: str
    started_at: str
    machine: Machine
    plan: ComparisonPlan
    trials: tuple[Trial, ...]
    verdict: Verdict | None
    run_ids: tuple[str, ...]
    code: str = ""


def beaten(ratios: Mapping[str, Sequence[float]], *, candidates: int) -> dict[str, str | None]:
    """Who is slower than another one beyond doubt, each with who beats it: None for the baseline.

    Each is timed in turn with the baseline, so the two intervals are set side by side. There are as many intervals as
    candidates, and `LOOKS`: look k spends 0.05 / (k (k + 1)) of the error, over the candidates. So with 95 %
    nobody is dropped who is the fastest.

    Args:
        ratios: by candidate, of each process the candidate's time over the baseline's.
        candidates: that began the race.
    """
    found: dict[str | None, Estimate] = {None: UNCHANGED}
    for name, each in ratios.items():
        look = 1 + sum(len(each) > size for size in LOOKS)
        standing = estimate(each, error=ERROR / (look * (look + 1)) / candidates)
        if standing is not None:
            found[name] = standing
    best = min(found, key=lambda name: found[name].high)
    limit = found[best].high
    return {name: best for name, standing in found.items() if name is not None and standing.low > limit}


def pick(ratios: Mapping[str, Sequence[float]], margin: float) -> str | None:
    """The first candidate that is about as fast as the fastest; None for the baseline.

    About means the margin: each process lays out a graph in memory anew, and the means of a race scatter so much.
    Whether their intervals overlap would not do, since an interval over two processes overlaps with everything.

    Args:
        ratios: as for `beaten`, of those that are left; the simpler come first. One process says nothing.
        margin: what counts as no difference, as a share of the time.
    """
    found = {name: standing for name, each in ratios.items() if (standing := estimate(each))}
    fastest = min((standing.ratio for standing in found.values()), default=1.0)
    if fastest * (1 + margin) >= 1.0:
        return None
    return next(name for name, standing in found.items() if standing.ratio <= fastest * (1 + margin))


def far_behind(screened: Mapping[str, float]) -> dict[str, str | None]:
    """Who is out of the race after a screening, each with who is so far ahead: None for the baseline.

    Args:
        screened: by candidate, of its one short process the candidate's time over the baseline's.
    """
    fastest = min(screened, key=screened.__getitem__, default=None)
    by = None if fastest is None or screened[fastest] >= 1.0 else fastest
    limit = FAR_BEHIND * (1.0 if by is None else screened[by])
    return {name: by for name, ratio in screened.items() if ratio > limit}


def leader(ratios: Mapping[str, Sequence[float]], screened: Mapping[str, float], margin: float) -> str | None:
    """As `pick`; but where the budget let somebody be timed once at most who seems faster, that is the one.

    Otherwise whoever of a few slow candidates had a second process first would win by that alone.

    Args:
        ratios, margin: as for `pick`.
        screened: as for `far_behind`.
    """
    name = pick(ratios, margin)
    known = 1.0 if name is None else geometric_mean(ratios[name])
    hasty = {
        each: geometric_mean([screened[each], *own])
        for each, own in ratios.items()
        if each in screened and len(own) < 2
    }
    fastest = min(hasty, key=hasty.__getitem__, default=None)
    return fastest if fastest is not None and hasty[fastest] * (1 + margin) < known else name
