"""Does a file compute what its network computes? Measured in ONNX Runtime on the CPU before a file is kept."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from torch import nn

from exporters.artifact import Parity
from exporters.config import OnnxConfig
from exporters.errors import ExportError, ParityError
from models import Preprocessing
from models.images import natural_images

TOLERANCE = 1e-4  # relative to the largest output; right float32 graphs are 10 to 100 times closer
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
    parities = [_compare(expected, _run(session, images, size)) for size in sizes]
    worst = max(parities, key=lambda parity: parity.relative_error)
    _judge(worst, path.name)
    return worst


def _run(session: onnxruntime.InferenceSession, images: npt.NDArray[np.float32], batch: int) -> npt.NDArray[np.float32]:
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: x})[0] for x in np.split(images, len(images) // batch)])


def _compare(expected: npt.NDArray[np.float32], found: npt.NDArray[np.float32]) -> Parity:
    largest = float(np.abs(expected).max())
    error = float(np.abs(expected - found).max())
    return Parity(
        inputs=len(expected),
        max_abs_error=error,
        relative_error=error / largest if largest else float("inf"),
        top1_agreement=float((expected.argmax(axis=1) == found.argmax(axis=1)).mean()),
        output_change=float(np.ptp(expected, axis=0).max()) / largest if largest else 0.0,
        tolerance=TOLERANCE,
    )


def _judge(parity: Parity, name: str) -> None:
    # Written so that NaN fails.
    if not parity.relative_error <= parity.tolerance:
        raise ParityError(
            f"{name} does not compute what the network computes: relative error {parity.relative_error:.1e} over "
            f"{parity.inputs} images, where {parity.tolerance:.0e} is allowed. The file was not kept."
        )
    if not parity.output_change > 10 * parity.tolerance:
        raise ParityError(
            f"{name} cannot be checked: the network's output hardly depends on the image (it moves by "
            f"{parity.output_change:.1e} of its size). Are these trained weights? The file was not kept."
        )
