"""What is fed to an artifact while it is timed."""

import math

import numpy as np
import numpy.typing as npt

from models.zoo.images import holds_images, natural_images, natural_pixels
from results import InputTensor

# ONNX Runtime's and Core ML's names of element types, for those that a vision network's input can have.
_DTYPES = {
    "float": np.float32,
    "float32": np.float32,
    "float16": np.float16,
    "double": np.float64,
    "uint8": np.uint8,
    "int8": np.int8,
    "int32": np.int32,
    "int64": np.int64,
    "bool": np.bool_,
}


# What a value takes while images are made: in float64, by Fourier transforms.
_BYTES_OF_IMAGES = 44


def bytes_to_make(tensor: InputTensor) -> int:
    """About how much memory `make_input` takes at its peak. An element type that it refuses counts as bytes."""
    dtype = np.dtype(_DTYPES.get(tensor.dtype, np.uint8))
    if tensor.dtype == "image" or _holds_images(tensor, dtype):
        each = _BYTES_OF_IMAGES
    elif np.issubdtype(dtype, np.floating):
        each = np.dtype(np.float64).itemsize + dtype.itemsize
    else:
        each = dtype.itemsize
    return math.prod(tensor.shape) * each


def make_input(
    tensor: InputTensor, mean: tuple[float, float, float], std: tuple[float, float, float]
) -> npt.NDArray[np.generic]:
    """A value for one input: images where it has the shape of images, else noise; integers are 0.

    Of the type "image", which is Core ML's, it is the bytes of an image's RGB channels, (1, 3, H, W).

    Raises:
        ValueError: the element type is none that can be made.
    """
    if tensor.dtype == "image":
        count, _, height, width = tensor.shape
        return natural_pixels(count, (height, width)).astype(np.uint8)
    if tensor.dtype not in _DTYPES:
        raise ValueError(f"input {tensor.name!r} has element type {tensor.dtype!r}, which effmod cannot feed")
    dtype = np.dtype(_DTYPES[tensor.dtype])
    if not np.issubdtype(dtype, np.floating):
        return np.zeros(tensor.shape, dtype)
    if _holds_images(tensor, dtype):
        count, _, height, width = tensor.shape
        return natural_images(count, (height, width), mean=mean, std=std).astype(dtype)
    return np.random.default_rng(0).standard_normal(tensor.shape).astype(dtype)


def _holds_images(tensor: InputTensor, dtype: "np.dtype[np.generic]") -> bool:
    return np.issubdtype(dtype, np.floating) and holds_images(tensor.shape)
