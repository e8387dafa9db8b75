"""An artifact beside its network: how far apart their outputs are, what of that is whose, and where it begins."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from exporters.artifact.evaluator import Evaluator, Images, Origin
from exporters.artifact.sidecar import QUIET, UNSTEADY, Departure, Parity, Rounding
from exporters.config import ComputePrecision
from exporters.errors import ArtifactError, ParityError
from exporters.proof.departure import REWRITES, by_name, first_departure, network_results
from exporters.proof.noise import Numbers, beside_noise

TOLERANCE = 1e-4
"""How far a float32 program may be from what it should compute, relative to the largest output."""
LEAST_CHANGE = 1e-5
"""What moves by no more stands still, relative to the largest output; float32 alone moves it by a hundredth of this."""
FULL = ComputePrecision.FLOAT32
Scores = Mapping[int, Images | Numbers]
"""By how many images went into one inference; a network's may be in float64."""


class Own(msgspec.Struct, frozen=True):
    """What a network gives, (N, values), in float64 where it runs in it, and how far each number is from itself."""

    outputs: Numbers
    noise: Numbers


class Comparison:
    """An artifact and its network, over the same images.

    In float16 the artifact is also compared, in float32, with the program that it is a rounding of, and that program
    with the network: where both agree to what float32 allows, all that is left is rounding.

    Where they do so by half at most, the network's own noise is measured, and each number is judged beside its own.
    Images on which it is beyond `UNSTEADY` prove nothing: they are left out, unless all are such.
    """

    def __init__(
        self,
        artifact: Evaluator,
        origin: Origin | None,
        expected: Images,
        images: Images,
        sizes: Collection[int],
        own: Callable[[], Own],
    ) -> None:
        """Of what the network gives for the images, and the numbers of images that go into one inference.

        Args:
            own: measures the network's noise.
        """
        self._artifact = artifact
        self._origin = origin
        self._sizes = sizes
        self._expected: Scores = dict.fromkeys(sizes, expected)
        self._images = images
        self._measure_own = own
        self._noise: Numbers | None = None
        self._is_steady = np.ones(len(images), bool)

    def parities(self, tolerance: float | None) -> dict[ComputePrecision, Parity]:
        """By precision, with what falls short located."""
        found = {precision: self._scores(self._artifact, precision) for precision in self._artifact.precisions}
        program = self._origin.program if self._origin and len(found) > 1 else None
        apart = None if program is None else _Apart.of(program, self._artifact, self._scores)
        errors = [self._worst(self._expected, scores, tolerance) for scores in found.values()]
        if any(map(_is_doubtful, errors + self._errors_apart(found, apart))):
            self._heed(self._measure_own())
        parities = {precision: self._worst(self._expected, scores, tolerance) for precision, scores in found.items()}
        rounding, departure = self._take_apart(found, apart)
        return {
            precision: msgspec.structs.replace(
                parity,
                rounding=rounding,
                first_departure=departure or self._network_departure(self._artifact, precision, parity, found),
            )
            for precision, parity in parities.items()
        }

    def _errors_apart(self, found: dict[ComputePrecision, Scores], apart: "_Apart | None") -> list[Parity]:
        """Of a float16 artifact's program beside the network, and of itself beside that program, rounded."""
        if apart is None:
            return []
        return [
            self._worst(self._expected, apart.exact, TOLERANCE),
            self._worst(apart.rounded, found[FULL], TOLERANCE),
        ]

    def _heed(self, own: Own) -> None:
        """Compare with the network in float64, by its noise."""
        self._noise = own.noise
        self._expected = dict.fromkeys(self._sizes, own.outputs)
        self._is_steady = own.noise.max(axis=1) <= UNSTEADY * float(np.abs(own.outputs).max())

    def _take_apart(
        self, found: dict[ComputePrecision, Scores], apart: "_Apart | None"
    ) -> tuple[Rounding | None, Departure | None]:
        """The error of a float16 artifact by what it comes from, and the operator where that is not rounding."""
        if len(found) == 1:
            return None, None
        full, own = found.values()
        arithmetic = self._worst(full, own, None).relative_error
        if apart is None:
            return _rounding(None, None, arithmetic), None
        first, second = self._errors_apart(found, apart)
        departure = self._network_departure(apart.program, FULL, first, {FULL: apart.exact})
        if departure is None and falls_short(second):
            images = self._images[self._worst_place(apart.rounded, full)]
            with suppress(ArtifactError):  # it may be too large to show all its results
                steps = list(self._artifact.steps(images, FULL))
                departure = first_departure(steps, by_name(apart.rounding.steps(images, FULL)), TOLERANCE)
        return _rounding(first, second, arithmetic), departure

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
        return {size: evaluator.scores(self._images, precision, size) for size in self._sizes}

    def _worst(self, expected: Scores, found: Scores, tolerance: float | None) -> Parity:
        """Over the numbers of images in one inference, beside the network's noise where that is known."""
        return max((self._one(expected[size], found[size], tolerance) for size in expected), key=severity)

    def _one(self, expected: Images | Numbers, found: Images | Numbers, tolerance: float | None) -> Parity:
        if self._noise is None:
            return compare_outputs(expected, found, tolerance)
        counts = self._counts(found)
        kept = counts if counts.any() else np.ones_like(counts)
        parity = compare_outputs(expected[kept], found[kept], tolerance)
        parity = msgspec.structs.replace(parity, inputs=int(counts.sum()), unsteady_inputs=int((~counts).sum()))
        return beside_noise(parity, expected[kept], found[kept], self._noise[kept])

    def _counts(self, found: Images | Numbers) -> npt.NDArray[np.bool_]:
        """Which images prove something: the network is steady on them, or the artifact gives what is no number."""
        counts: npt.NDArray[np.bool_] = self._is_steady | ~np.isfinite(found).all(axis=1)
        return counts

    def _worst_place(self, expected: Scores, found: Scores) -> slice:
        """Which images went into the inference that is furthest off."""
        size = max(expected, key=lambda size: size_of_error(compare_outputs(expected[size], found[size], None)))
        told = np.where(self._counts(found[size])[:, None], found[size], expected[size])
        return worst_inference(expected[size], told, size)


class _Apart(msgspec.Struct, frozen=True):
    """The float32 program of a float16 artifact, and what it gives: as it is, and with its constants rounded."""

    program: Evaluator
    rounding: Evaluator
    exact: Scores
    rounded: Scores

    @classmethod
    def of(
        cls, program: Evaluator, artifact: Evaluator, scores: Callable[[Evaluator, ComputePrecision], Scores]
    ) -> "_Apart":
        rounding = program.rounded_as(artifact)
        return cls(program, rounding, scores(program, FULL), scores(rounding, FULL))


def _is_doubtful(parity: Parity) -> bool:
    """Whether it is to be asked whose an error is: it is more than half of what is allowed, and a number."""
    if not np.isfinite(parity.relative_error):
        return False
    return falls_short(parity) or parity.relative_error > QUIET / TOLERANCE * (parity.tolerance or np.inf)


def _rounding(program: Parity | None, rounded: Parity | None, arithmetic: float) -> Rounding:
    if program is None or rounded is None:
        return Rounding(
            program_relative_error=None,
            rounded_relative_error=None,
            arithmetic_relative_error=arithmetic,
            tolerance=TOLERANCE,
        )
    first, second = program.tolerance or TOLERANCE, rounded.tolerance or TOLERANCE
    return Rounding(
        program_relative_error=program.relative_error,
        rounded_relative_error=rounded.relative_error,
        arithmetic_relative_error=arithmetic,
        tolerance=first,
        rounded_tolerance=None if first == second else second,
    )


@np.errstate(invalid="ignore", over="ignore")
def worst_inference(expected: Images | Numbers, found: Images | Numbers, size: int) -> slice:
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
    return parity.output_change > max(LEAST_CHANGE, 10 * parity.relative_error)


def movement_in_words(parity: Parity) -> str:
    """What outputs do that do not move enough, behind the word for them."""
    return (
        f"moves by {parity.output_change:.1e} of the largest value, where more than {LEAST_CHANGE:.0e} and than ten "
        f"times the error is wanted, which is {parity.relative_error:.1e}"
    )


def severity(parity: Parity) -> tuple[float, float]:
    """To order parities by: those that fall short last, by how much, and the others by their errors."""
    return shortfall(parity.relative_error, parity.tolerance)


def shortfall(error: float | None, tolerance: float | None) -> tuple[float, float]:
    """By how many times an error exceeds what is allowed, 0 where it does not, and the error; what is unknown first."""
    if error is None:
        return -1.0, 0.0
    size = float(np.nan_to_num(error, nan=np.inf))
    return (size / tolerance if tolerance is not None and size > tolerance else 0.0), size


def size_of_error(parity: Parity) -> float:
    return float(np.nan_to_num(parity.relative_error, nan=np.inf))


def _outputs(network: nn.Module, images: Images) -> Images:
    with torch.inference_mode():
        return np.asarray(network(torch.from_numpy(images)).numpy())


@np.errstate(invalid="ignore", over="ignore")  # what is not finite is told by who judges, in words
def compare_outputs(expected: Images | Numbers, found: Images | Numbers, tolerance: float | None) -> Parity:
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


def _cosines(a: Images | Numbers, b: Images | Numbers) -> Numbers:
    cosines = nn.functional.cosine_similarity(torch.from_numpy(a).double(), torch.from_numpy(b).double(), dim=1)
    return cosines.numpy()
