"""Does an ONNX file compute what another one computes?"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from exporters.artifact.evaluator import Images, Step
from exporters.artifact.sidecar import UNSTEADY, Departure, Parity
from exporters.errors import ArtifactError, ParityError
from exporters.onnx.evaluator import is_uneven, onnx_steps, onnx_subnormals, rows, run_each, run_onnx
from exporters.proof.comparison import (
    TOLERANCE,
    compare_outputs,
    falls_short,
    movement_in_words,
    moves_enough,
    severity,
)
from exporters.proof.departure import by_name, first_departure, in_words
from exporters.proof.noise import allowed_in_words, beside_noise, differences, file_noise, noise_in_words

Feeds = Sequence[Mapping[str, npt.NDArray[Any]]]
FEWER = " Rewrite it with fewer rewrites, as in --rewrite batch_norm."
"""What a refusal ends in, for whoever asked for the rewrites."""


Run = Callable[[Path, Feeds], list[list[npt.NDArray[Any]]]]
"""A file's outputs, in its order: of each, what each inference gave."""


def compare_files(
    original: Path, rewritten: Path, feeds: Feeds, *, tolerance: float | None = TOLERANCE, run: Run = run_each
) -> Parity:
    """Compare a rewritten ONNX file's outputs with the original file's, for several inputs.

    Where they differ by more than the tolerance, the original's own noise is measured. A number whose noise is more
    than `QUIET` may be off by `MULTIPLE` times as much, and by no more than `UNSTEADY`; for the others nothing changes.

    Args:
        feeds: for each inference, the inputs by name.
        tolerance: of the error relative to the largest output; None where they are not meant to be equal.
        run: what runs the rewritten file, where that is not ONNX Runtime; where it departs is then not known.

    Returns:
        The parity of the output that differs most, or exceeds by most what it may, with the change of the output that
        moves most; and with the operator at which the two begin to differ, where it falls short.

    Raises:
        ArtifactError: ONNX Runtime cannot run one of the files.
        ParityError: one has more outputs than the other, or larger ones.
    """
    ours, theirs = run_each(original, feeds), run(rewritten, feeds)
    if len(ours) != len(theirs):
        raise ParityError(f"{rewritten.name} has {len(theirs)} outputs, and {original.name} has {len(ours)}.")
    for before, after in zip(ours, theirs, strict=True):
        if is_uneven(before) and [x.shape for x in before] != [x.shape for x in after]:
            raise ParityError(f"{rewritten.name} gives an output of other sizes than {original.name}.")
    expected, found = [rows(output) for output in ours], [rows(output) for output in theirs]
    parities = [compare_outputs(*outputs, tolerance) for outputs in zip(expected, found, strict=True)]
    worst = max(parities, key=lambda parity: np.nan_to_num(parity.relative_error, nan=np.inf))
    departure = None
    if tolerance is not None and falls_short(worst) and np.isfinite(worst.relative_error):
        noise = file_noise(original, feeds, expected)
        worst = max(map(beside_noise, parities, expected, found, noise), key=severity)
    if tolerance is not None and falls_short(worst) and run is run_each:
        departure = _departure(original, rewritten, feeds[_worst_feed(expected, found, len(feeds))], tolerance)
    return msgspec.structs.replace(
        worst,
        inputs=len(feeds),
        output_change=float(np.max([parity.output_change for parity in parities])),
        first_departure=departure,
    )


def with_subnormals(parity: Parity, path: Path, feeds: Feeds) -> Parity:
    """What was found of a file, with how many of its numbers are subnormal over the same inputs."""
    return msgspec.structs.replace(parity, subnormals=onnx_subnormals(path, feeds))


def _worst_feed(expected: Sequence[Images], found: Sequence[Images], feeds: int) -> int:
    """For which of the feeds an output is furthest off, or gives no number."""
    errors = [differences(*outputs).reshape(feeds, -1) for outputs in zip(expected, found, strict=True)]
    return int(np.max([each.max(axis=1, initial=0) for each in errors], axis=0).argmax())


def _departure(
    original: Path, rewritten: Path, feed: Mapping[str, npt.NDArray[Any]], tolerance: float
) -> Departure | None:
    if not all(np.isfinite(output).all() for output in run_onnx(original, [feed])):
        return _not_finite(original, feed)
    return first_departure(_steps(rewritten, feed), by_name(_steps(original, feed)), tolerance)


def _not_finite(path: Path, feed: Mapping[str, npt.NDArray[Any]]) -> Departure | None:
    return first_departure(_steps(path, feed), {}, TOLERANCE)


def _steps(path: Path, feed: Mapping[str, npt.NDArray[Any]]) -> list[Step]:
    """What each operator of a file gives; none where it is too large, say, to show all its results."""
    try:
        return list(onnx_steps(path, feed))
    except ArtifactError:
        return []


def judge_files(original: Path, rewritten: Path, parity: Parity) -> None:
    """Refuse a rewritten ONNX file that is not the original.

    Raises:
        ParityError: outputs differ by more than the tolerance, are not finite, or do not depend on the inputs.
    """
    if not np.isfinite(parity.output_change):
        raise _nothing_to_compare(original, parity.first_departure)
    if not np.isfinite(parity.max_abs_error):
        where = in_words(parity.first_departure)
        raise ParityError(f"{rewritten.name} gives NaN or infinity where {original.name} does not. {where}")
    if parity.noise is not None and parity.noise > UNSTEADY and falls_short(parity):
        raise ParityError(
            f"{rewritten.name} cannot be checked: {original.name} itself is unsteady: {noise_in_words(parity.noise)}, "
            "so that no file can be proved equal to it on these inputs; --feed NAME=FILE gives others."
        )
    if falls_short(parity):
        raise ParityError(
            f"{rewritten.name} does not compute what {original.name} computes: {_shortfall(parity)}{FEWER}"
        )
    if not moves_enough(parity):
        raise ParityError(
            f"{rewritten.name} cannot be checked: the outputs of {original.name} hardly depend on the input: what it "
            f"gives {movement_in_words(parity)}. Are these trained weights?"
        )


def _shortfall(parity: Parity) -> str:
    """By how much a file is off, what it may be, and where that begins."""
    may = allowed_in_words(parity, "the file's")
    return (
        f"relative error {parity.relative_error:.1e} over {parity.inputs} inputs, where {may}. "
        f"{in_words(parity.first_departure)}"
    )


def check_repeatable(path: Path, feeds: Feeds) -> None:
    """Refuse a file that no other can be proved equal to.

    Args:
        feeds: for each inference, the inputs by name; the first is tried twice.

    Raises:
        ArtifactError: ONNX Runtime cannot run it, or it gives something else for the same input each time.
        ParityError: it gives NaN or infinity.
    """
    for each in run_each(path, [*feeds, feeds[0]]):
        output = rows(each)
        if not np.isfinite(output).all():
            feed = next(feed for feed in feeds if not all(np.isfinite(x).all() for x in run_onnx(path, [feed])))
            raise _nothing_to_compare(path, _not_finite(path, feed))
        first, *_, again = np.split(output, len(feeds) + 1)
        if each[0].shape != each[-1].shape or not np.allclose(
            first, again, rtol=0, atol=TOLERANCE * float(np.abs(first).max())
        ):
            raise ArtifactError(
                f"{path} gives other outputs from run to run for the same input, so no file can be proved equal to it: "
                "take the random operators out"
            )


def _nothing_to_compare(path: Path, departure: Departure | None) -> ParityError:
    return ParityError(
        f"{path.name} gives NaN or infinity, so that nothing can be compared with it. {in_words(departure)}"
    )
