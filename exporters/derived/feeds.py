"""What two ONNX files are compared on."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from models.zoo.images import holds_images, natural_images

_INPUTS = 8


def make_feeds(graph: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> list[dict[str, npt.NDArray[Any]]]:
    """Several inputs for a file, by name, to compare what two files make of them.

    Args:
        shapes: of the inputs that must be fed, by name, without an open dimension.
    """
    return [_feed(graph, shapes, seed) for seed in range(_INPUTS)]


def _feed(graph: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, npt.NDArray[Any]]:
    """Values for all inputs: images where one has the shape of images, else noise; integers are 0 or 1."""
    rng = np.random.default_rng(seed)
    feed: dict[str, npt.NDArray[Any]] = {}
    for value in graph.graph.input:
        if value.name not in shapes:  # a constant
            continue
        shape, dtype = shapes[value.name], onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        if not np.issubdtype(dtype, np.floating):
            feed[value.name] = rng.integers(0, 2, shape).astype(dtype)
        elif holds_images(shape):
            feed[value.name] = natural_images(shape[0], (shape[2], shape[3]), seed=seed).astype(dtype)
        else:
            feed[value.name] = rng.standard_normal(shape).astype(dtype)
    return feed
