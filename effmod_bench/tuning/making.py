"""What of tuning is done apart: making a form's file, comparing it with the baseline's, trying it on images."""

from pathlib import Path
from typing import Any

import numpy.typing as npt

from effmod_bench.errors import TargetError
from effmod_bench.instrument.evaluate import evaluate
from effmod_bench.instrument.sessions.registry import ONNXRUNTIMES
from effmod_bench.instrument.subject import Subject
from effmod_bench.isolation.messages import Reporter
from exporters.config import Int8
from results import RUNTIME_NAMES, RuntimeOptions


def feeds_of(subject: Subject) -> list[dict[str, "npt.NDArray[Any]"]]:
    """What a file is fed where it is compared: for each inference, the inputs by name."""
    import onnx

    from exporters.derived.feeds import make_feeds

    return make_feeds(subject.path, onnx.load(subject.path, load_external_data=False), subject.shapes, subject.feeds)


def check(baseline: Subject, target: str, data: Path | None) -> None:
    """Refuse a baseline that no file can be proved equal to, and images that it cannot be tried on.

    Args:
        target: as the user named it.

    Raises:
        ArtifactError, ParityError: nothing can be proved equal to the baseline's file.
        TargetError: it takes no square images.
        ImageFolderError: the folder has not ImageNet's layout.
    """
    from exporters.proof.files import check_repeatable

    check_repeatable(baseline.path, feeds_of(baseline))
    if data is None:
        return
    from exporters.proof.accuracy import read_folder

    size = baseline.artifact.image_size
    if size is None:
        raise TargetError(f"{target} takes no square images; leave --data out")
    read_folder(data, baseline.preprocessing, image_size=size)


def rewrite(given: Subject, folder: Path, names: tuple[str, ...]) -> Path:
    """Rewrite a file into the folder; returns the new one."""
    from exporters.derived.rewritten import rewrite_file

    return rewrite_file(given.path, folder, names, given.shapes, given=given.feeds)[0]


def optimize(source: Subject, new: Path, baseline: Subject) -> None:
    """Write the graph that the runtime makes of a file for this machine."""
    from exporters.derived.machine import optimize

    optimize(source.path, new, feeds_of(baseline))


def quantize(source: Subject, new: Path, kind: Int8, baseline: Subject) -> None:
    """Write a file with its products in int8."""
    from exporters.derived.int8 import quantize

    quantize(source.path, new, kind, feeds_of(baseline))


def compare(baseline: Subject, made: Subject, tolerance: float | None, options: RuntimeOptions) -> tuple[float, str]:
    """How far the outputs of a file are from the baseline's, relative to the largest; and where that begins, in words.

    The baseline's are those of ONNX Runtime.

    Args:
        tolerance: beyond which that is looked for; None where the two are not meant to be equal.
        options: of the runtime whose arithmetic the other file is run in.

    Raises:
        SessionError: that runtime cannot run it.
    """
    from exporters.proof.comparison import falls_short
    from exporters.proof.departure import in_words
    from exporters.proof.files import compare_files

    if options.runtime in ONNXRUNTIMES:
        parity = compare_files(baseline.path, made.path, feeds_of(baseline), tolerance=tolerance)
    else:
        parity = compare_files(
            baseline.path,
            made.path,
            feeds_of(baseline),
            tolerance=tolerance,
            run=lambda _, feeds: evaluate(made, options, feeds),
        )
        if not falls_short(parity):
            return parity.relative_error, ""
        return parity.relative_error, f"It is {RUNTIME_NAMES[options.runtime]}'s arithmetic that departs."
    if parity.noise is not None and not falls_short(parity):
        return parity.relative_error, f"The file itself is steady to {parity.noise:.1e} there, and no more."
    return parity.relative_error, in_words(parity.first_departure)


def top1(subject: Subject, data: Path, reporter: Reporter) -> float:
    """How often a file is right, in percent."""
    from exporters.proof.accuracy import measure_accuracy, read_folder
    from exporters.proof.open import open_evaluator

    size = subject.artifact.image_size
    assert size is not None  # or `check` would have refused it
    accuracies = measure_accuracy(
        open_evaluator(subject.path),
        read_folder(data, subject.preprocessing, image_size=size),
        subject.preprocessing,
        batch_size=subject.artifact.batch_size,
        progress=lambda items, total: reporter.track(items, total, "classifying"),
    )
    return next(iter(accuracies.values())).top1
