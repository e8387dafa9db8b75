"""How fast a network's outputs follow its inputs, which is how much of them float32 leaves undecided."""

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from models.zoo.images import natural_images
from models.zoo.spec import Preprocessing

IMAGES = 8
"""How many images a network and its file are compared over, at least."""
FOLLOWED = 50.0
"""How fast float16 still follows: at 25 to 30 (MobileNetV4) float32 leaves 1e-5 of an output undecided, and float16,
which rounds 8192 times as coarsely, some 2e-2. Of timm's efficient networks only LeViT (4e4 to 3e5) and EfficientViT-M
(75 to 900) are faster."""
_NUDGE = 1e-6


def liveliness(model: nn.Module, image_size: int, preprocessing: Preprocessing) -> float | None:
    """How far a network's outputs move where each number of an image does by about a millionth, in millionths.

    It is computed in float64, so that every machine finds the same; of the images that the network is compared with its
    files over, the one for which it moves most counts.

    Args:
        model: in eval mode; it is left as it is.
        image_size: side of the images.

    Returns:
        The largest movement of an output, relative to what its largest number is for the middle one of the images: one
        whose outputs are far larger than the others' is livelier. Infinite where there is a NaN or infinity, and None
        where the network does not run in float64.
    """
    p, size = preprocessing, (image_size, image_size)
    images = torch.from_numpy(natural_images(IMAGES, size, mean=p.mean, std=p.std)).double()
    nudged = images * torch.from_numpy(1 + _NUDGE * np.random.default_rng(0).standard_normal(images.shape))
    try:
        exact = copy.deepcopy(model).double()
        with torch.inference_mode():
            pairs = [(_numbers(exact(x[None])), _numbers(exact(y[None]))) for x, y in zip(images, nudged, strict=True)]
        moved = [[_movement(*both) for both in zip(*outputs, strict=True)] for outputs in pairs]  # by image and output
    except Exception:  # a network of the user's own may make float32 inside, take no single image, or not be copied
        return None
    return max((_relative(each) for each in zip(*moved, strict=True)), default=0.0) / _NUDGE


def _movement(one: Tensor, other: Tensor) -> tuple[float, float]:
    """How far an output moves from one image to another, and its largest number."""
    return float((one - other).abs().max()), float(one.abs().max())


def _relative(movements: Sequence[tuple[float, float]]) -> float:
    """The largest movement of an output over the images, relative to its largest number for the middle one."""
    moved, largest = np.array(movements).T
    if not np.isfinite(moved).all():
        return float("inf")
    return float(moved.max() / (np.median(largest) or np.inf))


def _numbers(output: object) -> list[Tensor]:
    return [x for x in tree_leaves(output) if isinstance(x, Tensor) and x.is_floating_point() and x.numel()]
