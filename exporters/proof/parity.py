"""Does a file compute what its network computes? Measured before a file is kept, and whenever somebody asks."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import nn

from exporters.artifact.evaluator import Chosen, Evaluator, Images, Origin, widest
from exporters.artifact.sidecar import FLOAT16_MAX, QUIET, UNSTEADY, Parity
from exporters.config import ComputePrecision, ExportConfig
from exporters.errors import ParityError
from exporters.proof.comparison import (
    TOLERANCE,
    Comparison,
    Own,
    follows,
    movement_in_words,
    moves_enough,
    worst_inference,
)
from exporters.proof.departure import in_words, network_departure
from exporters.proof.network import WAYS, network_outputs, network_own
from exporters.proof.noise import allowed_in_words, noise_in_words
from exporters.proof.open import open_evaluator
from exporters.proof.outputs import merged
from exporters.stage import Stage, enter
from models import Preprocessing
from models.zoo.images import natural_images, natural_pixels
from models.zoo.liveliness import IMAGES

# By what an artifact computes in, relative to the largest output. Right float32 graphs are 10 to 100 times closer.
# In float16 rounding alone reaches 2e-2 in deep networks without normalization (MobileOne); EfficientMod stays
# under 2e-3.
TOLERANCES = {ComputePrecision.FLOAT32: TOLERANCE, ComputePrecision.FLOAT16: 5e-2}


_ROUNDING_ALONE = (
    "Its float32 program is right, and what takes the file away is float16's rounding alone. Ask for "
    "--compute-precision float32."
)


def tolerance_of(config: ExportConfig) -> float | None:
    """How far from its network an artifact with these options may be; None where it is not meant to be equal."""
    return TOLERANCES[config.compute_precision] if config.is_equal else None


def measure_parity(
    model: nn.Module, path: Path, config: ExportConfig, preprocessing: Preprocessing, origin: Origin | None = None
) -> Parity:
    """Prove a new file or package: its outputs are the network's, over several images, in each precision that it has.

    Where the batch axis is open, the images go through one by one and all at once as well.

    Raises:
        ArtifactError: it cannot be read, or has an operator that cannot be evaluated.
        ParityError: outputs differ by more than the tolerance, are not finite, or do not depend on the input.
    """
    enter(Stage.PROVING)
    artifact = open_evaluator(path)
    parities = compare(
        ending_as(model, config),
        artifact,
        preprocessing,
        image_size=config.image_size,
        batch_size=config.batch_size,
        tolerance=tolerance_of(config),
        origin=origin,
    )
    return _kept(artifact, parities)


def ending_as(model: nn.Module, config: ExportConfig) -> nn.Module:
    """The network, with the softmax that an artifact with these options ends in."""
    return nn.Sequential(model, nn.Softmax(dim=1)) if config.softmax else model


def compare(
    model: nn.Module,
    artifact: Evaluator,
    preprocessing: Preprocessing,
    *,
    image_size: int,
    batch_size: int = 1,
    tolerance: float | None,
    origin: Origin | None = None,
) -> dict[ComputePrecision, Parity]:
    """Compare an artifact's outputs with the network's, over several images, in each precision that it has.

    Where they are further apart than half of what is allowed, the network's own noise is measured
    (`exporters.proof.network`): it is compared in float64 where it runs in it, and a number whose noise is more than
    `QUIET` may be off by `MULTIPLE` times as much, and by no more than `UNSTEADY`; for others nothing changes.

    Args:
        model: in eval mode; input (N, channels, H, W), output (N, classes), or a tuple of tensors.
        batch_size: images in one inference of the network, and of the artifact unless its batch axis is open: then
            one, so many, and all of them at once, of which the worst counts.
        tolerance: of the error relative to the largest output; None for an artifact that is not meant to be equal.
        origin: what the artifact was made of: with its program a float16 artifact's error is taken apart, and with its
            network a refusal names the operator at fault.

    Raises:
        ArtifactError: the artifact cannot be evaluated, or gives something else than scores.
        ParityError: the network itself gives NaN or infinity.
    """
    enter(Stage.PROVING)
    count = max(IMAGES, 2 * batch_size) // batch_size * batch_size
    images, given = _images_for(preprocessing, image_size, artifact.takes_pixels, count)
    outputs = network_outputs(model, images, batch_size)
    expected = np.concatenate(outputs, axis=1)
    if not np.isfinite(expected).all():
        at_fault = network_departure(model, images[worst_inference(expected, np.zeros_like(expected), batch_size)])
        raise ParityError(
            "the network itself gives NaN or infinity, so that no file can be proved equal to it. "
            f"{in_words(at_fault)} Are its weights whole?"
        )
    sizes = {batch_size} if artifact.shape[0] is not None else {1, batch_size, count}
    own = functools.cache(lambda: network_own(model, images, batch_size))  # takes as long as ten times the images
    found = []
    for place, output in enumerate(outputs):
        chosen = Chosen(place, len(outputs))
        one = artifact.giving(chosen)
        of_one = functools.partial(_own_of, own, place)
        comparison = Comparison(one, origin and _origin_of(origin, chosen), output, given, sizes, of_one)
        found.append(comparison.parities(tolerance))
        if one.activation_range is not None:
            artifact.activation_range = widest(artifact.activation_range, one.activation_range)
    names = artifact.outputs if len(artifact.outputs) == len(outputs) else [f"number {i}" for i in range(len(outputs))]
    parities = {
        precision: merged({name: each[precision] for name, each in zip(names, found, strict=True)})
        for precision in found[0]
    }
    subnormals = artifact.subnormals(given, batch_size)
    return {precision: msgspec.structs.replace(each, subnormals=subnormals) for precision, each in parities.items()}


def _own_of(own: Callable[[], list[Own]], place: int) -> Own:
    return own()[place]


def summary(artifact: Evaluator, parities: Mapping[ComputePrecision, Parity]) -> Parity:
    """What a sidecar holds: the parity in the artifact's own precision, and what is known beside it."""
    full, own = parities[ComputePrecision.FLOAT32], parities[artifact.precisions[-1]]
    return msgspec.structs.replace(
        own,
        float32_relative_error=full.relative_error if artifact.activation_range is not None else None,
        activation_range=artifact.activation_range,
    )


def judge(artifact: Evaluator, parities: Mapping[ComputePrecision, Parity]) -> None:
    """Refuse an artifact that is not its network, in any of its precisions.

    Raises:
        ParityError: outputs differ by more than the tolerance, are not finite, or do not depend on the input.
    """
    first = next(iter(parities.values()))
    if first.is_undecided:
        raise ParityError(
            f"{artifact.name} cannot be checked: the network itself is unsteady: on {first.unsteady_inputs} of "
            f"{first.unsteady_inputs + first.inputs} images {noise_in_words(UNSTEADY, WAYS)}, or more. No file can be "
            "proved equal to it. Are these trained weights? Where its latency alone is wanted, --weights random fills "
            "it with others."
        )
    _judge_rounding(artifact, first)
    seen = artifact.activation_range
    for precision, parity in parities.items():
        within = "" if len(parities) == 1 else f", evaluated in {precision},"
        where = in_words(parity.first_departure)
        if not np.isfinite(parity.max_abs_error):
            if precision is ComputePrecision.FLOAT16 and seen is not None and seen.overflow is not None:
                raise ParityError(
                    f"{artifact.name} overflows float16: {seen.overflow_kind} {seen.overflow!r} is the first "
                    f"operator that goes beyond {FLOAT16_MAX:.0f} (the largest activation is {seen.largest:.1e}, of "
                    f"{seen.kind} {seen.operator!r}). Ask for --compute-precision float32."
                )
            raise ParityError(
                f"{artifact.name}{within} does not compute what the network computes: it gives NaN or infinity. {where}"
            )
        if parity.tolerance is not None and parity.relative_error > parity.tolerance:
            raise ParityError(_shortfall(artifact.name, within, parity))
        if parity.tolerance is not None and not moves_enough(parity):
            closer = " Ask for --compute-precision float32, which errs less." if len(parities) > 1 else ""
            raise ParityError(
                f"{artifact.name}{within} cannot be checked: the network's output hardly depends on the image: it "
                f"{movement_in_words(parity)}.{closer} Are these trained weights? Where its latency alone is wanted, "
                "--weights random fills it with others."
            )
        if parity.tolerance is None and not follows(parity):
            advice = f"{where} Ask for a higher precision, or less compression."
            if first.rounding is not None and first.rounding.program_relative_error is not None:
                advice = f"{where} {_ROUNDING_ALONE}"  # or it was refused above
            raise ParityError(
                f"{artifact.name}{within} does not follow its network: it is off by {parity.relative_error:.1e} of the "
                f"largest output, which moves by {parity.output_change:.1e} from image to image. {advice}"
            )


def _shortfall(name: str, within: str, parity: Parity) -> str:
    """What to say of a file that is off by more than is allowed: whether the network, float16 or the file is why."""
    rounding, own = parity.rounding, parity.noise or 0.0
    may = allowed_in_words(parity, "the network's")
    error = f"relative error {parity.relative_error:.1e} over {parity.inputs} images, where {may}"
    where = in_words(parity.first_departure)
    if rounding is not None and rounding.program_relative_error is not None:  # and both are right, or it was said
        unsteady = f"The network itself is unsteady here: {noise_in_words(own, WAYS)}. " if own > QUIET else ""
        return f"{name}{within} is too coarse for the network: {error}. {unsteady}{where} {_ROUNDING_ALONE}"
    return f"{name}{within} does not compute what the network computes: {error}. {where}"


def _judge_rounding(artifact: Evaluator, parity: Parity) -> None:
    """Refuse a float16 artifact whose float32 program is not the network, or that is not that program, rounded."""
    found, where = parity.rounding, in_words(parity.first_departure)
    if found is None:
        return
    sentences = (
        (f"the float32 program that {artifact.name} was made of", "the network computes"),
        (
            f"{artifact.name}, evaluated in float32,",
            "the float32 program computes that it was made of, with its constants rounded to float16",
        ),
    )
    for (error, tolerance), (what, other) in zip(found.judged, sentences, strict=True):
        if error is not None and not error <= tolerance:
            raise ParityError(
                f"{what} does not compute what {other}: relative error {error:.1e} over {parity.inputs} images, where "
                f"{tolerance:.0e} is allowed. {where}"
            )


def _kept(artifact: Evaluator, parities: Mapping[ComputePrecision, Parity]) -> Parity:
    """The parity of a new file, which goes no further where that falls short."""
    try:
        judge(artifact, parities)
    except ParityError as error:
        raise ParityError(f"{error} The file was not kept.") from error
    return summary(artifact, parities)


def _images_for(preprocessing: Preprocessing, size: int, takes_pixels: bool, count: int) -> tuple[Images, Images]:
    """What the network is fed, and what an artifact is: the same, or the pixels that it is made of."""
    if not takes_pixels:
        images = natural_images(count, (size, size), mean=preprocessing.mean, std=preprocessing.std)
        return images, images
    pixels = natural_pixels(count, (size, size))
    return normalized(pixels, preprocessing), pixels


def normalized(pixels: Images, preprocessing: Preprocessing) -> Images:
    """Pixels, 0..255, as the network takes them. (N, 3, H, W)."""
    shape = (1, -1, 1, 1)
    mean, std = np.reshape(preprocessing.mean, shape), np.reshape(preprocessing.std, shape)
    return ((pixels.astype(np.float64) / 255 - mean) / std).astype(np.float32)


class _Giving(nn.Module):
    """A network of several outputs with one of them, its values in a row for each image."""

    def __init__(self, network: nn.Module, place: int) -> None:
        super().__init__()
        self.network, self.place = network, place

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.network(x)[self.place]
        return output.float().reshape(len(x), -1)


def _origin_of(origin: Origin, chosen: Chosen) -> Origin:
    program = origin.program and origin.program.giving(chosen)
    network = origin.network if chosen.count == 1 else _Giving(origin.network, chosen.place).eval()
    return Origin(network=network, program=program)
