"""What a network itself gives for images, and how far that is from itself: what float32 leaves undecided of it."""

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from exporters.artifact.evaluator import Images
from exporters.errors import ExportError
from exporters.proof.comparison import Own
from exporters.proof.noise import Numbers, differences, nudged

WAYS = "float32 and float64"
"""The ways to compute a network, between which nothing that matters differs."""


def network_outputs(model: nn.Module, images: Images, batch_size: int) -> list[Images]:
    """Each output of a network, its values in a row for each image.

    Args:
        images: (N, channels, H, W), with N a multiple of `batch_size`.
        batch_size: images in one inference.
    """
    return _outputs(model, images, batch_size, torch.float32)


def network_own(model: nn.Module, images: Images, batch_size: int) -> list[Own]:
    """Each output of a network in float64, and by how much each of its numbers differs from itself in float32.

    That is the largest difference between float32 and float64, or in float32 where the images differ by a millionth,
    as of a file (`exporters.proof.noise`). A network that does not run in float64 is told by the latter alone.

    Args:
        As `network_outputs`.
    """
    full = _outputs(model, images, batch_size)
    exact = _exact_outputs(model, images, batch_size)
    noise = [differences(*both) for both in zip(full, exact or full, strict=True)]
    for (feed,) in nudged([{"images": images}]):
        others = _outputs(model, feed["images"], batch_size)
        noise = [np.maximum(own, differences(*both)) for own, *both in zip(noise, full, others, strict=True)]
    return [Own(*each) for each in zip(exact or full, noise, strict=True)]


def _exact_outputs(model: nn.Module, images: Images, batch_size: int) -> list[Numbers] | None:
    """In float64; None where the network does not run in it."""
    try:
        exact = copy.deepcopy(model).double()
        found = _outputs(exact, images.astype(np.float64), batch_size)
    except Exception:  # a network of the user's own may make float32 inside, or be none that can be copied
        return None
    return found if all(np.isfinite(output).all() for output in found) else None


def _outputs(
    model: nn.Module, images: npt.NDArray[Any], batch_size: int, dtype: torch.dtype = torch.float64
) -> list[npt.NDArray[Any]]:
    found = []
    with torch.inference_mode():
        for x in np.split(images, len(images) // batch_size):
            given = model(torch.from_numpy(x))
            tensors = [given] if isinstance(given, torch.Tensor) else given
            found.append([tensor.to(dtype).numpy() for tensor in tensors])
    outputs = list(zip(*found, strict=True))
    for place, batches in enumerate(outputs):
        sizes = sorted({each.size for each in batches})
        if len(sizes) > 1 or sizes[0] % batch_size:
            which = f"output number {place}" if len(outputs) > 1 else "the output"
            raise ExportError(
                f"{which} of the network {_of_what_sizes(sizes, batch_size)}, and only outputs of one size are proved; "
                "let it give a fixed number for each image, as torch.topk does, and leave what is to be picked from "
                "that to who reads it"
            )
    return [np.concatenate([each.reshape(batch_size, -1) for each in batches]) for batches in outputs]


def _of_what_sizes(sizes: list[int], batch_size: int) -> str:
    """What is wrong with an output that has so many values from batch to batch."""
    if len(sizes) == 1:
        return f"has {sizes[0]} values for {batch_size} images, which is not as many for each"
    of = f" for {batch_size} images" if batch_size > 1 else ""
    return f"has another size from image to image, from {sizes[0]} to {sizes[-1]} values{of}"
