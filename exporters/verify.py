"""Does a file compute what its network computes? Measured before a file is kept.

ONNX runs in ONNX Runtime on the CPU. A Core ML package is evaluated from what was saved (`exporters.mlprogram`).
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from torch import nn

from exporters.artifact import Parity
from exporters.config import Compression, ComputePrecision, CoreMLConfig, InputKind, OnnxConfig
from exporters.errors import ArtifactError, ExportError, ParityError
from exporters.mlprogram import FLOAT16_MAX, Precision, Program, load_program
from models import Preprocessing
from models.images import natural_images

TOLERANCE = 1e-4  # relative to the largest output; right float32 graphs are 10 to 100 times closer
FLOAT32_TOLERANCE = TOLERANCE
# Rounding alone reaches 2e-2 in deep networks without normalization (MobileOne); EfficientMod stays under 2e-3.
FLOAT16_TOLERANCE = 5e-2
_IMAGES = 8


def measure_parity(model: nn.Module, path: Path, config: OnnxConfig, preprocessing: Preprocessing) -> Parity:
    """Compare a file's outputs with the network's, over several images.

    The images go through in batches of `config.batch_size`; where the batch axis is open, one by one and all
    at once as well.

    Raises:
        ExportError: the network's output is no (N, classes).
        ParityError: outputs differ by more than the tolerance, are not finite, or do not depend on the input.
    """
    batch = config.batch_size
    count = max(_IMAGES, 2 * batch) // batch * batch
    images = natural_images(
        count, (config.image_size, config.image_size), mean=preprocessing.mean, std=preprocessing.std
    )
    with torch.inference_mode():
        found = model(torch.from_numpy(images[:batch]))
        if not isinstance(found, torch.Tensor) or found.ndim != 2:
            what = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise ExportError(f"{type(model).__name__} gives {what}, where logits (N, classes) are expected")
        expected = np.concatenate([model(torch.from_numpy(x)).numpy() for x in np.split(images, count // batch)])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    sizes = {batch, 1, count} if config.dynamic_batch else {batch}
    parities = [_compare(expected, _run(session, images, size), TOLERANCE) for size in sizes]
    worst = max(parities, key=lambda parity: parity.relative_error)
    _judge(worst, path.name)
    return worst


def _run(session: onnxruntime.InferenceSession, images: npt.NDArray[np.float32], batch: int) -> npt.NDArray[np.float32]:
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: x})[0] for x in np.split(images, len(images) // batch)])


def measure_package_parity(
    model: nn.Module,
    path: Path,
    *,
    image_size: int,
    preprocessing: Preprocessing,
    image_input: bool,
    tolerance: float | None,
    batch_size: int = 1,
) -> Parity:
    """Compare a Core ML package's outputs with the network's, over several images.

    The saved program is evaluated twice, in its own precision and in float32, and must hold in both.

    Args:
        model: in eval mode; input (N, 3, H, W), output (N, classes).
        image_input: whether the package takes pixels, 0..255, and normalizes them itself.
        tolerance: of the error relative to the largest output; None for a program that is not meant to be equal
            (compressed weights), whose error is measured and not judged.
        batch_size: images in one inference.

    Raises:
        ArtifactError: the package cannot be read, or has an operator that cannot be evaluated.
        ParityError: outputs differ by more than the tolerance, are not finite, or do not depend on the input.
    """
    program = load_program(path)
    count = max(_IMAGES, 2 * batch_size) // batch_size * batch_size
    images, given = _images_for(preprocessing, image_size, image_input, count)
    with torch.inference_mode():
        expected = np.concatenate([model(torch.from_numpy(x)).numpy() for x in np.split(images, count // batch_size)])
    own = _compare(expected, _evaluate(program, given, program.precision, batch_size), tolerance)
    full = own
    if program.precision is not Precision.FLOAT32:
        full = _compare(expected, _evaluate(program, given, Precision.FLOAT32, batch_size), tolerance)
        if not np.isfinite(own.relative_error):
            _explain_overflow(program, given, batch_size)
    _judge(full, f"{path.name}, evaluated in float32,")
    _judge(own, path.name)
    return msgspec.structs.replace(own, float32_relative_error=full.relative_error)


def measure_coreml_parity(model: nn.Module, path: Path, config: CoreMLConfig, preprocessing: Preprocessing) -> Parity:
    """`measure_package_parity` as an export's own options ask for it.

    Raises:
        ArtifactError, ParityError: as there.
    """
    tolerance = FLOAT32_TOLERANCE if config.compute_precision is ComputePrecision.FLOAT32 else FLOAT16_TOLERANCE
    return measure_package_parity(
        nn.Sequential(model, nn.Softmax(dim=1)) if config.softmax else model,
        path,
        image_size=config.image_size,
        preprocessing=preprocessing,
        image_input=config.input is InputKind.IMAGE,
        tolerance=tolerance if config.compress is Compression.NONE else None,
        batch_size=config.batch_size,
    )


def _images_for(
    preprocessing: Preprocessing, size: int, image_input: bool, count: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What the network is fed, and what a package is: the same, or the pixels that it is made of."""
    mean, std = preprocessing.mean, preprocessing.std
    if not image_input:
        images = natural_images(count, (size, size), mean=mean, std=std)
        return images, images
    pixels = np.round(255 * natural_images(count, (size, size), mean=(0, 0, 0), std=(1, 1, 1)))
    shape = (1, 3, 1, 1)
    normalized = (pixels.astype(np.float64) / 255 - np.reshape(mean, shape)) / np.reshape(std, shape)
    return normalized.astype(np.float32), pixels


def _evaluate(
    program: Program, images: npt.NDArray[np.float32], precision: Precision, batch_size: int
) -> npt.NDArray[np.float32]:
    return np.concatenate(
        [
            _scores(program, program.run(_named(program, x), precision=precision)).reshape(batch_size, -1)
            for x in np.split(images, len(images) // batch_size)
        ]
    )


def _named(program: Program, image: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
    if len(program.input_names) != 1:
        raise ArtifactError(f"{program.path} takes {len(program.input_names)} inputs, where one image is expected")
    return {program.input_names[0]: image}


def _scores(program: Program, outputs: Mapping[str, npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """The one output that holds numbers; a label may stand beside it."""
    numbers = [x for x in outputs.values() if x.dtype.kind == "f"]
    if len(numbers) != 1:
        raise ArtifactError(f"{program.path} gives {', '.join(outputs)}, where one output of scores is expected")
    return numbers[0]


def _explain_overflow(program: Program, images: npt.NDArray[np.float32], batch_size: int) -> None:
    for image in np.split(images, len(images) // batch_size):
        found = program.activation_range(_named(program, image))
        if found.overflow is not None:
            raise ParityError(
                f"{program.path.name} overflows float16: {found.overflow_kind} {found.overflow!r} is the first "
                f"operator that goes beyond {FLOAT16_MAX:.0f} (the largest activation is {found.largest:.1e}, of "
                f"{found.kind} {found.operator!r}). The file was not kept; ask for --compute-precision float32."
            )


def _compare(expected: npt.NDArray[np.float32], found: npt.NDArray[np.float32], tolerance: float | None) -> Parity:
    largest = float(np.abs(expected).max())
    error = float(np.abs(expected - found).max())
    return Parity(
        inputs=len(expected),
        max_abs_error=error,
        relative_error=error / largest if largest else float("inf"),
        top1_agreement=float((expected.argmax(axis=1) == found.argmax(axis=1)).mean()),
        output_change=float(np.ptp(expected, axis=0).max()) / largest if largest else 0.0,
        tolerance=tolerance,
    )


def _judge(parity: Parity, name: str) -> None:
    if parity.tolerance is None:
        return
    # Written so that NaN fails.
    if not parity.relative_error <= parity.tolerance:
        raise ParityError(
            f"{name} does not compute what the network computes: relative error {parity.relative_error:.1e} over "
            f"{parity.inputs} images, where {parity.tolerance:.0e} is allowed. The file was not kept."
        )
    if not parity.output_change > 10 * max(TOLERANCE, parity.relative_error):
        raise ParityError(
            f"{name} cannot be checked: the network's output hardly depends on the image (it moves by "
            f"{parity.output_change:.1e} of its size). Are these trained weights? The file was not kept."
        )
