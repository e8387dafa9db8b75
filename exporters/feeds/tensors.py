"""The inputs that can be fed: their element types, and which of them take images."""

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np


class Tensor(Protocol):
    """An input of a file, with the runtime's word for its elements, and no open dimension."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...


# ONNX Runtime's and Core ML's names of element types: all of ONNX's numbers but complex ones, and those of 8 bits and
# fewer of which a byte holds several, or that only weights have.
_DTYPES = {
    "float": "float32",
    "float32": "float32",
    "float16": "float16",
    "double": "float64",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "uint64": "uint64",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "bool": "bool",
    "image": "uint8",  # Core ML's: the bytes of an image's RGB channels, (1, 3, H, W)
}
BFLOAT16 = "bfloat16"


def dtype_of(tensor: Tensor) -> "np.dtype[np.generic]":
    """numpy's type of an input's elements.

    Raises:
        ValueError: none of numpy's can hold them.
    """
    import numpy as np  # here, since a command reads the words for what is fed long before it makes any of it

    if tensor.dtype == BFLOAT16:
        import ml_dtypes  # onnx brings it

        return np.dtype(ml_dtypes.bfloat16)
    if tensor.dtype not in _DTYPES:
        raise ValueError(f"input {tensor.name!r} has element type {tensor.dtype!r}, which effmod cannot feed")
    return np.dtype(_DTYPES[tensor.dtype])


def is_fed(dtype: str) -> bool:
    """Whether elements of this type can be fed."""
    return dtype in _DTYPES or dtype == BFLOAT16


def is_floating(tensor: Tensor) -> bool:
    """Whether an input takes numbers that are not whole."""
    return dtype_of(tensor).kind not in "uib"


def is_single(tensor: Tensor) -> bool:
    """Whether an input is one number."""
    return math.prod(tensor.shape) == 1


def channels_last(tensor: Tensor) -> bool | None:
    """Of what is taken for images, whether the channels stand last; None for what is not.

    Images are (N, C, H, W) or (N, H, W, C) with 1 or 3 channels, of floats or bytes: larger integers are as likely to
    be classes or masks.
    """
    if tensor.dtype == "image":
        return False
    if len(tensor.shape) != 4 or is_single(tensor) or not (is_floating(tensor) or tensor.dtype == "uint8"):
        return None
    return False if tensor.shape[1] in (1, 3) else True if tensor.shape[3] in (1, 3) else None
