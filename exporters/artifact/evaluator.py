"""An artifact as a function: images in, scores out.

Each format's folder says how its files are evaluated (`onnx/evaluator.py`, `coreml/evaluator.py`); here is what they
have in common.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from exporters.artifact.sidecar import ActivationRange, Subnormals
from exporters.config import ComputePrecision
from exporters.errors import ArtifactError

if TYPE_CHECKING:
    from torch import nn

Images = npt.NDArray[np.float32]
Values = Mapping[str, npt.NDArray[Any]]
"""Arrays by the names that a graph has for them."""
# What has more at that place has its channels last.
_MOST_CHANNELS = 16


class Step(msgspec.Struct, frozen=True):
    """An operator that was computed, with its results. They are named as in the float32 program, whatever was made."""

    kind: str
    name: str
    results: Values


class Evaluator(Protocol):
    """A file or package that maps images to scores.

    Attributes:
        name: of the file, for messages.
        shape: of its input, (N, 3, H, W); a size that it leaves open is None.
        outputs: their names; a label may be among them.
        takes_pixels: whether it takes RGB in whole numbers, 0..255, and normalizes them itself.
        precisions: what it can be evaluated in; its own comes last.
        activation_range: over all that was evaluated in float32; None where it cannot be seen.
    """

    name: str
    shape: tuple[int | None, ...]
    outputs: tuple[str, ...]
    takes_pixels: bool
    precisions: tuple[ComputePrecision, ...]
    activation_range: ActivationRange | None

    def scores(self, images: Images, precision: ComputePrecision, batch_size: int) -> Images:
        """Scores of images, (N, classes); of another output than a classifier's, its values in a row for each image.

        Args:
            images: (N, 3, H, W); whole numbers where it takes pixels.
            batch_size: images in one inference. The last inference is filled up where N is no multiple of it.

        Raises:
            ArtifactError: it cannot be evaluated, or gives something else than scores.
        """
        ...

    def steps(self, images: Images, precision: ComputePrecision) -> Iterator[Step]:
        """Each operator of one inference, in the order of computation.

        Args:
            images: of one inference, (N, 3, H, W).

        Raises:
            ArtifactError: it cannot be evaluated.
        """
        ...

    def subnormals(self, images: Images, batch_size: int) -> Subnormals:
        """How many of its weights, and of its operators' results in float32, are subnormal.

        Args:
            images: (N, 3, H, W), with N a multiple of `batch_size`.
        """
        ...

    def giving(self, chosen: "Chosen") -> "Evaluator":
        """The same, with another of its outputs as its scores."""
        ...

    def rounded_as(self, half: Any) -> "Evaluator":
        """This float32 program with its constants rounded as a float16 artifact that was made of it stores them.

        Args:
            half: an evaluator of the same format.
        """
        ...


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What an artifact was made of.

    Attributes:
        network: as it was exported: rewritten, and with what the artifact holds before and behind it. It takes what
            the artifact takes.
        program: the float32 program that a float16 artifact is a rounding of; None for a float32 artifact, and where
            it is not known.
    """

    network: "nn.Module"
    program: Evaluator | None = None


def widest(before: ActivationRange | None, seen: ActivationRange) -> ActivationRange:
    """The larger of two ranges, with the overflow that either has."""
    if before is None:
        return seen
    # Written so that NaN, which nothing exceeds, wins.
    larger = before if seen.largest <= before.largest else seen
    overflowing = before if before.overflow is not None else seen
    return msgspec.structs.replace(larger, overflow=overflowing.overflow, overflow_kind=overflowing.overflow_kind)


def image_shape(path: Path, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    if len(shape) != 4 or (shape[1] or 0) > _MOST_CHANNELS:
        raise ArtifactError(f"{path} takes {shape}, where images (N, channels, H, W) are expected")
    return shape


def in_batches(images: Images, batch_size: int, evaluate: Callable[[Images], Images]) -> Images:
    missing = -len(images) % batch_size
    whole = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing else images
    return np.concatenate([evaluate(x) for x in np.split(whole, len(whole) // batch_size)])[: len(images)]


class Chosen(msgspec.Struct, frozen=True):
    """Which of the outputs that hold numbers: its place among so many."""

    place: int = 0
    count: int = 1


ONLY = Chosen()


@np.errstate(over="ignore")  # a float64 beyond float32 becomes infinity, of which the comparison tells
def scores_of(name: str, outputs: Mapping[str, npt.NDArray[Any]], batch_size: int, chosen: Chosen = ONLY) -> Images:
    """The output that was chosen, (N, values); a label may stand beside those that hold numbers.

    Args:
        name: of the file, for messages.
        batch_size: N.
    """
    arrays = [x for x in outputs.values() if isinstance(x, np.ndarray)]
    numbers = [x for x in arrays if x.dtype.kind == "f"]
    if len(numbers) != chosen.count:
        numbers = [x for x in arrays if x.dtype.kind in "fiub"]
    if len(numbers) != chosen.count:
        expected = "one output of scores is" if chosen.count == 1 else f"{chosen.count} outputs are"
        raise ArtifactError(f"{name} gives {', '.join(outputs)}, where {expected} expected")
    scores = numbers[chosen.place].astype(np.float32)
    if scores.size % batch_size:
        raise ArtifactError(f"{name} gives an output of shape {scores.shape} for {batch_size} images")
    return scores.reshape(batch_size, -1)
