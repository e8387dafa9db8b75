"""An artifact beside its network: how far apart their outputs are, what of that is whose, and where it begins."""

from collections.abc import Collection
from contextlib import suppress

import msgspec
import numpy as np
import torch
from torch import nn

from exporters.artifact.evaluator import Evaluator, Images, Origin
from exporters.artifact.sidecar import Departure, Parity, Rounding
from exporters.config import ComputePrecision
from exporters.errors import ArtifactError, ParityError
from exporters.proof.departure import REWRITES, by_name, first_departure, network_results

TOLERANCE = 1e-4
"""How far a float32 program may be from what it should compute, relative to the largest output."""
# What float32 moves outputs by where nothing else does is a hundredth of this, or less.
_LEAST_CHANGE = 1e-5
FULL = ComputePrecision.FLOAT32
Scores = dict[int, Images]
"""By how many images went into one inference."""


class Comparison:
    """An artifact and its network, over the same images.

    In float16 the artifact is also compared, in float32, with the program that it is a rounding of, and that program
    with the network: where both agree to what float32 allows, all that is left is rounding.
    """

    def __init__(
        self, artifact: Evaluator, origin: Origin | None, expected: Images, images: Images, sizes: Collection[int]
    ) -> None:
        """Of what the network gives for the images, and the numbers of images that go into one inference."""
        self._artifact = artifact
        self._origin = origin
        self._expected: Scores = dict.fromkeys(sizes, expected)
        self._images = images

    def parities(self, tolerance: float | None) -> dict[ComputePrecision, Parity]:
        """By precision, with what falls short located."""
        found = {precision: self._scores(self._artifact, precision) for precision in self._artifact.precisions}
        parities = {precision: _worst(self._expected, scores, tolerance) for precision, scores in found.items()}
        rounding, departure = self._take_apart(found)
        return {
            precision: msgspec.structs.replace(
                parity,
                rounding=rounding,
                first_departure=departure or self._network_departure(self._artifact, precision, parity, found),
            )
            for precision, parity in parities.items()
        }

    def _take_apart(self, found: dict[ComputePrecision, Scores]) -> tuple[Rounding | None, Departure | None]:
        """The error of a float16 artifact by what it comes from, and the operator where that is not rounding."""
        if len(found) == 1:
            return None, None
        full, own = found.values()
        arithmetic = _worst(full, own, None).relative_error
        program = self._origin.program if self._origin else None
        if program is None:
            return _rounding(None, None, arithmetic), None
        rounded = program.rounded_as(self._artifact)
        exact, expected = self._scores(program, FULL), self._scores(rounded, FULL)
        first, second = _worst(self._expected, exact, TOLERANCE), _worst(expected, full, TOLERANCE)
        departure = self._network_departure(program, FULL, first, {FULL: exact})
        if departure is None and falls_short(second):
            images = self._images[self._worst_place(expected, full)]
            with suppress(ArtifactError):  # it may be too large to show all its results
                steps = list(self._artifact.steps(images, FULL))
                departure = first_departure(steps, by_name(rounded.steps(images, FULL)), TOLERANCE)
        return _rounding(first.relative_error, second.relative_error, arithmetic), departure

    def _network_departure(
        self, program: Evaluator, precision: ComputePrecision, parity: Parity, found: dict[ComputePrecision, Scores]
    ) -> Departure | None:
        """Where a program that falls short begins to depart from the network that it was made of."""
        if not falls_short(parity):
            return None
        place = self._worst_place(self._expected, found[precision])
        images, expected = self._images[place], next(iter(self._expected.values()))[place]
        tolerance = parity.output_change / 2 if parity.tolerance is None else parity.tolerance
        try:
            steps = list(program.steps(images, precision))
        except ArtifactError:  # it may be too large to show all its results
            return None
        if self._origin is None:
            return first_departure(steps, {}, tolerance)
        rewritten = self._origin.network
        departure = first_departure(steps, network_results(rewritten, images), tolerance)
        if departure is None and falls_short(compare_outputs(expected, _outputs(rewritten, images), tolerance)):
            return Departure(kind=REWRITES, name="", relative_error=None)
        return departure

    def _scores(self, evaluator: Evaluator, precision: ComputePrecision) -> Scores:
        return {size: evaluator.scores(self._images, precision, size) for size in self._expected}

    def _worst_place(self, expected: Scores, found: Scores) -> slice:
        """Which images went into the inference that is furthest off."""
        size = max(expected, key=lambda size: _size_of_error(compare_outputs(expected[size], found[size], None)))
        return worst_inference(expected[size], found[size], size)


def _rounding(program: float | None, rounded: float | None, arithmetic: float) -> Rounding:
    return Rounding(
        program_relative_error=program,
        rounded_relative_error=rounded,
        arithmetic_relative_error=arithmetic,
        tolerance=TOLERANCE,
    )


@np.errstate(invalid="ignore", over="ignore")
def worst_inference(expected: Images, found: Images, size: int) -> slice:
    """Which images, of so many in one inference, hold the one that is furthest off, or that gives no number."""
    errors = np.nan_to_num(np.abs(expected - found).max(axis=1), nan=np.inf, posinf=np.inf)
    start = int(errors.argmax()) // size * size
    return slice(start, start + size)


def falls_short(parity: Parity) -> bool:
    """Whether an artifact with this parity is refused for its outputs."""
    if parity.tolerance is None:
        return not follows(parity)
    return not parity.relative_error <= parity.tolerance


def follows(parity: Parity) -> bool:
    """Whether outputs that are not meant to be equal still move with the network's.

    Outputs that stand still are off by half of what the network's move, at least.
    """
    return parity.output_change > 2 * parity.relative_error


def moves_enough(parity: Parity) -> bool:
    """Whether outputs move with the input by far more than they differ, so that equality of the two says something.

    A head with large biases moves by little of its largest output, and is proved the closer.
    """
    return parity.output_change > max(_LEAST_CHANGE, 10 * parity.relative_error)


def _worst(expected: Scores, found: Scores, tolerance: float | None) -> Parity:
    return max((compare_outputs(expected[size], found[size], tolerance) for size in expected), key=_size_of_error)


def _size_of_error(parity: Parity) -> float:
    return float(np.nan_to_num(parity.relative_error, nan=np.inf))


def _outputs(network: nn.Module, images: Images) -> Images:
    with torch.inference_mode():
        return np.asarray(network(torch.from_numpy(images)).numpy())


@np.errstate(invalid="ignore", over="ignore")  # what is not finite is told by who judges, in words
def compare_outputs(expected: Images, found: Images, tolerance: float | None) -> Parity:
    if expected.shape != found.shape:
        raise ParityError(
            f"the artifact gives {found.shape[1:]} for an image, where the network gives {expected.shape[1:]}; is it "
            "another network's?"
        )
    largest = float(np.abs(expected).max())
    error = float(np.abs(expected - found).max())
    return Parity(
        inputs=len(expected),
        max_abs_error=error,
        relative_error=error / largest if largest else 0.0 if error == 0 else np.inf,
        cosine=float(_cosines(expected, found).min()),
        top1_agreement=float((expected.argmax(axis=1) == found.argmax(axis=1)).mean()),
        output_change=float(np.ptp(expected, axis=0).max()) / largest if largest else 0.0,
        tolerance=tolerance,
    )


def _cosines(a: Images, b: Images) -> Images:
    cosines = nn.functional.cosine_similarity(torch.from_numpy(a).double(), torch.from_numpy(b).double(), dim=1)
    return cosines.numpy()
