"""How far a file's or network's outputs are from themselves, where nothing that matters differs.

That is what float32 leaves undecided. A file is judged by the noise of the one that it was rewritten from, or of its
network (`exporters.proof.network`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from exporters.artifact.evaluator import Images
from exporters.artifact.sidecar import QUIET, UNSTEADY, Parity
from exporters.errors import ArtifactError
from exporters.onnx.evaluator import OPTIMIZATIONS, run_onnx

Feeds = Sequence[Mapping[str, npt.NDArray[Any]]]
Numbers = npt.NDArray[np.float64]

MULTIPLE = 10
"""How many times its own noise a number may be off by: that is the largest of a few draws, which others exceed.

The recognizer of PP-OCRv4 departs from itself by 4e-5 to 2.6e-4 for one of eight inputs, in draws like those here; by
up to 4.2e-4 where its weights are rounded otherwise, and by 4.4e-4 where it was simplified, which is so no fault.
"""
STEP = 2.0**-25
"""What float32 resolves just below 1/2. ONNX Runtime's sigmoid gives multiples of it, however near to 0."""
STEPS = 2
"""How many of them a number may be off by: the draws that find its noise need not have moved it over an edge."""
_NUDGE = 1e-6  # about eight units in the last place of float32
_DRAWS = 8  # so that hardly a number of a million shows no more than a third of its noise


def file_noise(path: Path, feeds: Feeds, expected: Sequence[Images]) -> list[Numbers]:
    """By how much a file's outputs differ where it is optimized otherwise, or fed the same but for the last digits.

    Those are ONNX Runtime's levels of optimization, all inputs times 1 + 1e-6, and each number of them times a factor
    of its own that is about so near to 1.

    Args:
        feeds: for each inference, the inputs by name.
        expected: what the outputs are, as `run_onnx` has it.

    Returns:
        For each output, the largest absolute difference of each of its numbers, in the shape of `expected`. 0 of those
        outputs whose size changes, too, which are no numbers that could be compared.
    """
    found = [np.zeros(output.shape) for output in expected]
    for run in _others(path, feeds):
        try:
            outputs = run()
        except ArtifactError:  # it needs the optimization, as some files of operators that no kernel has
            continue
        for noise, ours, theirs in zip(found, expected, outputs, strict=True):
            if ours.shape == theirs.shape:
                np.maximum(noise, differences(ours, theirs), out=noise)
    return found


def beside_noise(parity: Parity, ours: Images | Numbers, theirs: Images | Numbers, noise: Numbers) -> Parity:
    """The parity of an output at the number that exceeds by most what it may; where none does, at the furthest off.

    Args:
        parity: of this output, as it is without noise; all outputs may be off where its tolerance is None.
        noise: of each number of `ours`, absolute.
    """
    largest = float(np.abs(ours).max()) or 1.0
    errors = differences(ours, theirs).ravel() / largest
    may: Numbers = np.full(errors.shape, np.inf)
    if parity.tolerance is not None:
        may = allowed(ours, noise, parity.tolerance).ravel()
    exceeds = errors > may
    i = int(np.where(exceeds, errors / may, 0).argmax() if exceeds.any() else errors.argmax())
    return msgspec.structs.replace(
        parity,
        max_abs_error=float(errors[i]) * largest,
        relative_error=float(errors[i]),
        tolerance=None if parity.tolerance is None else float(may[i]),
        noise=float(noise.flat[i]) / largest,
    )


def allowed(ours: Images | Numbers, noise: Numbers, tolerance: float) -> Numbers:
    """How far each number of an output may be off, by its own noise, relative to the largest.

    Args:
        noise: of each number, absolute.
        tolerance: of a number that is quiet, relative to the largest. Noise excuses nothing where it is more than
            `UNSTEADY` already, as float16's is.
    """
    largest = float(np.abs(ours).max()) or 1.0
    own = noise / largest
    lively = (own > QUIET) & (own <= UNSTEADY)
    found = np.where(lively, np.maximum(tolerance, np.minimum(MULTIPLE * own, UNSTEADY)), tolerance)
    stepwise = bool((ours.astype(np.float64) % STEP == 0).all())
    return np.maximum(found, min(STEPS * STEP / largest, UNSTEADY)) if stepwise else found


@np.errstate(invalid="ignore", over="ignore")
def differences(ours: Images | Numbers, theirs: Images | Numbers) -> Numbers:
    """By how much each number differs; infinity where one of the two is none."""
    return np.nan_to_num(np.abs(ours.astype(np.float64) - theirs), nan=np.inf, posinf=np.inf)


def noise_in_words(noise: float, ways: str = "ONNX Runtime's levels of optimization") -> str:
    """How unsteady a file or network is by itself.

    Args:
        ways: to compute it, between which nothing that matters differs.
    """
    return f"its outputs differ by {noise:.1e} of the largest one between {ways}, or where inputs differ by a millionth"


def allowed_in_words(parity: Parity, whose: str) -> str:
    """What a file may be off by, and why, where it is off by more."""
    may = f"{parity.tolerance:.0e} is allowed"
    if parity.noise is None:
        return may
    if QUIET < parity.noise <= UNSTEADY / MULTIPLE:
        return f"{parity.tolerance:.1e} is allowed, {MULTIPLE} times {whose} own noise"
    return f"{may}; {whose} own noise is {parity.noise:.1e} there"


def _others(path: Path, feeds: Feeds) -> list[Callable[[], list[Images]]]:
    at_levels = [lambda level=level: run_onnx(path, feeds, optimization=level) for level in OPTIMIZATIONS]
    return [*at_levels, *(lambda feeds=each: run_onnx(path, feeds) for each in nudged(feeds))]


def nudged(feeds: Feeds) -> Iterator[list[dict[str, npt.NDArray[Any]]]]:
    """The same inputs but for the last digits: all times 1 + 1e-6, then each number times a factor of its own."""
    random = np.random.default_rng(0)
    yield [_times(feed, lambda x: np.full(x.shape, 1 + _NUDGE)) for feed in feeds]
    for _ in range(_DRAWS):
        yield [_times(feed, lambda x: 1 + _NUDGE * random.standard_normal(x.shape)) for feed in feeds]


def _times(
    feed: Mapping[str, npt.NDArray[Any]], factor: Callable[[npt.NDArray[Any]], npt.NDArray[np.float64]]
) -> dict[str, npt.NDArray[Any]]:
    """The same with each input of floats times something near to 1."""
    return {
        name: np.asarray(x * factor(x), x.dtype) if np.issubdtype(x.dtype, np.floating) else x
        for name, x in feed.items()
    }
