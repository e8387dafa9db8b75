"""Which candidates are let into the race: other files than those that are there, and equal where they should be."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.watch import without_folders
from effmod_bench.screen.console import Console
from effmod_bench.tuning.candidates import EQUAL_WITHIN, Candidate, Feeds, Form
from exporters import ArtifactError, ExportError, ParityError
from exporters.rewrites import RewriteError
from results.statistics.tuning import Decision, Trial

if TYPE_CHECKING:
    from torchvision.datasets import ImageFolder


class Standard(msgspec.Struct, frozen=True, kw_only=True):
    """What every other file is held against.

    Attributes:
        baseline: its file and options.
        feeds: what the two are compared on.
        images: labelled, to say how often a file that is not equal is right; None without any.
    """

    baseline: Candidate
    feeds: Feeds
    images: "ImageFolder | None"


def read_standard(baseline: Candidate, target: str, data: Path | None) -> Standard:
    """The baseline with what it is fed; what is wrong with it is said before the minutes that the race takes.

    Args:
        target: as the user named it.
        data: the folder of labelled images; None for none.

    Raises:
        ArtifactError, ParityError: nothing can be proved equal to the baseline's file.
        TargetError: it takes no square images.
        ImageFolderError: the folder has not ImageNet's layout.
    """
    feeds = _make_feeds(baseline.subject)
    return Standard(baseline=baseline, feeds=feeds, images=_read_images(baseline.subject, target, data))


def _make_feeds(subject: Subject) -> Feeds:
    import onnx

    from exporters.derived.feeds import make_feeds
    from exporters.proof.files import check_repeatable

    feeds = make_feeds(onnx.load(subject.path, load_external_data=False), subject.shapes)
    check_repeatable(subject.path, feeds)
    return feeds


def _read_images(subject: Subject, target: str, data: Path | None) -> "ImageFolder | None":
    if data is None:
        return None
    from exporters.proof.accuracy import read_folder

    size = subject.artifact.image_size
    if size is None:
        raise TargetError(f"{target} takes no square images; leave --data out")
    return read_folder(data, subject.preprocessing, image_size=size)


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
    from exporters.proof.departure import in_words
    from exporters.proof.files import compare_files

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
            parity = compare_files(baseline.subject.path, subject.path, standard.feeds, tolerance=tolerance)
            error = parity.relative_error
        except (ArtifactError, ExportError, ParityError, RewriteError) as failure:
            on_left_out(_left_out(form.name, f"cannot be made: {failure}", baseline))
            continue
        files[subject.artifact.sha256] = form.name
        if form.equal and not error <= EQUAL_WITHIN:
            reason = f"not equal: {EQUAL_WITHIN:.0e} is allowed. {in_words(parity.first_departure)}"
            on_left_out(_left_out(form.name, reason, baseline, subject, error))
            continue
        yield Candidate(
            name=form.name,
            subject=subject,
            options=baseline.options,
            equal=form.equal,
            relative_error=error,
            top1=None if form.equal else measure_top1(subject, standard.images, console),
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


def measure_top1(subject: Subject, images: "ImageFolder | None", console: Console) -> float | None:
    """How often a file is right, in percent; None without images."""
    if images is None:
        return None
    from exporters.proof.accuracy import measure_accuracy
    from exporters.proof.open import open_evaluator

    accuracies = measure_accuracy(
        open_evaluator(subject.path),
        images,
        subject.preprocessing,
        batch_size=subject.artifact.batch_size,
        progress=functools.partial(console.track, what="classifying"),
    )
    return next(iter(accuracies.values())).top1
