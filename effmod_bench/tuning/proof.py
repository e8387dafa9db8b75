"""Which candidates are let into the race: other files than those that are there, and equal where they should be."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.watch import without_folders
from effmod_bench.isolation.apart import apart
from effmod_bench.screen.console import Console
from effmod_bench.tuning import making
from effmod_bench.tuning.candidates import EQUAL_WITHIN, Candidate, Form
from exporters import ArtifactError, ExportError, ParityError
from exporters.rewrites import RewriteError
from exporters.stage import Stage
from results.statistics.tuning import Decision, Trial


class Standard(msgspec.Struct, frozen=True, kw_only=True):
    """What every other file is held against.

    Attributes:
        baseline: its file and options.
        data: a folder of labelled images, to say how often a file that is not equal is right; None without any.
    """

    baseline: Candidate
    data: Path | None


def read_standard(baseline: Candidate, target: str, data: Path | None) -> Standard:
    """The baseline with what it is tried on; what is wrong with it is said before the minutes that the race takes.

    Args:
        target: as the user named it.
        data: the folder of labelled images; None for none.

    Raises:
        As `effmod_bench.tuning.making.check`.
    """
    apart(functools.partial(making.check, baseline.subject, target, data), what=target, stage=Stage.LOADING)
    return Standard(baseline=baseline, data=data)


def prove(
    forms: Sequence[Form],
    known: Sequence[Candidate],
    standard: Standard,
    console: Console,
    *,
    on_left_out: Callable[[Trial], None],
) -> Iterator[Candidate]:
    """Make each form, and let through what is another file and, where it should be, equal to the baseline's.

    Args:
        known: those that are in the race already.
        on_left_out: is told of each form that is not let through, and why.
    """
    baseline = standard.baseline
    files = {each.subject.artifact.sha256: each.name for each in known}
    for form in forms:
        try:
            subject = form.make()
            same = files.get(subject.artifact.sha256)
            if same is not None:
                on_left_out(_left_out(form.name, f"the same file as {same}", baseline, subject))
                continue
            tolerance = EQUAL_WITHIN if form.equal else None
            compare = functools.partial(making.compare, baseline.subject, subject, tolerance)
            error, where = apart(compare, what=form.name, stage=Stage.PROVING)
        except (ArtifactError, ExportError, ParityError, RewriteError) as failure:
            on_left_out(_left_out(form.name, f"cannot be made: {failure}", baseline))
            continue
        files[subject.artifact.sha256] = form.name
        if form.equal and not error <= EQUAL_WITHIN:
            reason = f"not equal: {EQUAL_WITHIN:.0e} is allowed. {where}"
            on_left_out(_left_out(form.name, reason, baseline, subject, error))
            continue
        yield Candidate(
            name=form.name,
            subject=subject,
            options=baseline.options,
            equal=form.equal,
            relative_error=error,
            top1=None if form.equal else measure_top1(subject, standard.data, console),
        )


def _left_out(
    name: str, reason: str, baseline: Candidate, subject: Subject | None = None, error: float | None = None
) -> Trial:
    return Trial(
        name=name,
        file=subject.path.name if subject else None,
        sha256=subject.artifact.sha256 if subject else None,
        options=baseline.options,
        relative_error=error,
        decision=Decision.DROPPED,
        reason=without_folders(reason, [baseline.subject]),
    )


def measure_top1(subject: Subject, data: Path | None, console: Console) -> float | None:
    """How often a file is right, in percent; None without images."""
    if data is None:
        return None
    return apart(functools.partial(making.top1, subject, data, console), what=subject.path.name)
