"""Which candidates are let into the race: other files than those that are there, and equal where they should be."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES, ONNXRUNTIMES
from effmod_bench.instrument.sessions.session import SessionError
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.watch import without_folders
from effmod_bench.isolation.apart import apart, end
from effmod_bench.screen.console import Console
from effmod_bench.tuning import making
from effmod_bench.tuning.candidates import EQUAL_WITHIN, Candidate
from effmod_bench.tuning.forms import Form
from exporters import ArtifactError, ExportError, ParityError
from exporters.rewrites import RewriteError
from exporters.stage import Stage
from results import RuntimeOptions
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
    """The baseline with what it is tried on; what is wrong with its file is said before the race.

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
    no_time: Callable[[Form], str | None] = lambda _: None,
) -> Iterator[Candidate]:
    """Make each form, and let through what is another file and, where it should be, equal to the baseline's.

    Args:
        known: those that are in the race already.
        on_left_out: is told of each form that is not let through, and why.
        no_time: why there is no time left to make a form; None where there is.
    """
    baseline = standard.baseline
    files = {(each.subject.artifact.sha256, each.options.runtime): each.name for each in known}
    for form in forms:
        options = form.options(baseline.options)
        left_out = functools.partial(_left_out, form.name, baseline=baseline, options=options)
        if (late := no_time(form)) is not None:
            on_left_out(left_out(late))
            continue
        try:
            subject = form.make()
            same = files.get((subject.artifact.sha256, options.runtime))
            if same is not None:
                on_left_out(left_out(f"the same file as {same}", subject=subject))
                continue
            error, where = prove_one(baseline, subject, options, name=form.name, equal=form.equal)
        except (ArtifactError, ExportError, ParityError, RewriteError) as failure:
            on_left_out(left_out(f"cannot be made: {failure}"))
            continue
        except SessionError as failure:
            on_left_out(left_out(str(failure)))
            continue
        files[subject.artifact.sha256, options.runtime] = form.name
        if form.equal and not error <= EQUAL_WITHIN:
            on_left_out(left_out(_not_equal(where), subject=subject, error=error))
            continue
        yield Candidate(
            name=form.name,
            subject=subject,
            options=options,
            equal=form.equal,
            relative_error=error,
            top1=None if form.equal else measure_top1(subject, standard.data, console),
        )


def prove_one(
    baseline: Candidate, subject: Subject, options: RuntimeOptions, *, name: str, equal: bool = True
) -> tuple[float, str]:
    """How far a file is from the baseline's in the arithmetic that it is to be run in; and where that begins, in words.

    Raises:
        SessionError: its runtime cannot run it.
        ArtifactError, ParityError: the two cannot be compared.
    """
    tolerance = EQUAL_WITHIN if equal else None
    compare = functools.partial(making.compare, baseline.subject, subject, tolerance, options)
    if options.runtime not in NETWORK_RUNTIMES:
        return apart(compare, what=name, stage=Stage.PROVING)
    # PyTorch takes its threads once in a process: neither what was made before nor what is made after has those.
    end()
    try:
        return apart(compare, what=name, stage=Stage.PROVING)
    finally:
        end()


def prove_baseline(baseline: Candidate) -> None:
    """Refuse a runtime that does not compute what ONNX Runtime does, which every proof of a file rests on.

    Raises:
        ArtifactError, ParityError: it does not.
    """
    if baseline.options.runtime in ONNXRUNTIMES:
        return
    name = baseline.subject.path.name
    try:
        error, where = prove_one(baseline, baseline.subject, baseline.options, name=name)
    except SessionError as failure:
        raise ArtifactError(f"{failure}; leave {baseline.options.runtime} out") from failure
    if not error <= EQUAL_WITHIN:
        raise ParityError(f"{name} is off by {error:.1e} there, and so {_not_equal(where)}")


def _not_equal(where: str) -> str:
    return f"not equal: {EQUAL_WITHIN:.0e} is allowed. {where}"


def _left_out(
    name: str,
    reason: str,
    *,
    baseline: Candidate,
    options: RuntimeOptions,
    subject: Subject | None = None,
    error: float | None = None,
) -> Trial:
    return Trial(
        name=name,
        file=subject.path.name if subject else None,
        sha256=subject.artifact.sha256 if subject else None,
        options=options,
        relative_error=error,
        decision=Decision.DROPPED,
        reason=without_folders(reason, [baseline.subject.path]),
    )


def measure_top1(subject: Subject, data: Path | None, console: Console) -> float | None:
    """How often a file is right, in percent; None without images."""
    if data is None:
        return None
    return apart(functools.partial(making.top1, subject, data, console), what=subject.path.name)
