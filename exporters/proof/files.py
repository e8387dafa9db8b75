"""Does an ONNX file compute what another one computes?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from exporters.artifact.sidecar import Parity
from exporters.errors import ArtifactError, ParityError
from exporters.onnx.evaluator import run_onnx
from exporters.proof.parity import TOLERANCE, compare_outputs, moves_enough


def compare_files(original: Path, rewritten: Path, feeds: Sequence[Mapping[str, npt.NDArray[Any]]]) -> Parity:
    """Compare a rewritten ONNX file's outputs with the original file's, for several inputs.

    Args:
        feeds: for each inference, the inputs by name.

    Returns:
        The parity of the output that differs most, with the change of the output that moves most.

    Raises:
        ArtifactError: ONNX Runtime cannot run one of the files.
        ParityError: one has more outputs than the other, or larger ones.
    """
    expected, found = run_onnx(original, feeds), run_onnx(rewritten, feeds)
    if len(expected) != len(found):
        raise ParityError(f"{rewritten.name} has {len(found)} outputs, and {original.name} has {len(expected)}.")
    parities = [compare_outputs(*outputs, TOLERANCE) for outputs in zip(expected, found, strict=True)]
    worst = max(parities, key=lambda parity: np.nan_to_num(parity.relative_error, nan=np.inf))
    return msgspec.structs.replace(worst, output_change=float(np.max([parity.output_change for parity in parities])))


def judge_files(original: Path, rewritten: Path, parity: Parity) -> None:
    """Refuse a rewritten ONNX file that is not the original.

    Raises:
        ParityError: outputs differ by more than the tolerance, are not finite, or do not depend on the inputs.
    """
    if not np.isfinite(parity.output_change):
        raise _nothing_to_compare(original)
    if not np.isfinite(parity.max_abs_error):
        raise ParityError(f"{rewritten.name} gives NaN or infinity where {original.name} does not.")
    if parity.relative_error > TOLERANCE:
        raise ParityError(
            f"{rewritten.name} does not compute what {original.name} computes: relative error "
            f"{parity.relative_error:.1e} over {parity.inputs} inputs, where {TOLERANCE:.0e} is allowed. "
            "Rewrite it with fewer rewrites, as in --rewrite batch_norm."
        )
    if not moves_enough(parity):
        raise ParityError(
            f"{rewritten.name} cannot be checked: the outputs of {original.name} hardly depend on the input (they "
            f"move by {parity.output_change:.1e} of their size). Are these trained weights?"
        )


def check_repeatable(path: Path, feeds: Sequence[Mapping[str, npt.NDArray[Any]]]) -> None:
    """Refuse a file that no other can be proved equal to.

    Args:
        feeds: for each inference, the inputs by name; the first is tried twice.

    Raises:
        ArtifactError: ONNX Runtime cannot run it, or it gives something else for the same input each time.
        ParityError: it gives NaN or infinity.
    """
    for output in run_onnx(path, [*feeds, feeds[0]]):
        if not np.isfinite(output).all():
            raise _nothing_to_compare(path)
        first, *_, again = np.split(output, len(feeds) + 1)
        if not np.allclose(first, again, rtol=0, atol=TOLERANCE * float(np.abs(first).max())):
            raise ArtifactError(
                f"{path} gives other outputs from run to run for the same input, so no file can be proved equal to it: "
                "take the random operators out"
            )


def _nothing_to_compare(path: Path) -> ParityError:
    return ParityError(f"{path.name} gives NaN or infinity, so that nothing can be compared with it.")
