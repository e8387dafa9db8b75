"""What MIL's operators take and give."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

Value = Any  # a Tensor (float32, int64 or bool), a str, or a list of these for a parameter that takes several


def unpack_bits(data: npt.NDArray[np.uint8], bits: int, count: int) -> npt.NDArray[np.int64]:
    """Numbers of `bits` bits each, packed without gaps from the lowest bit of the first byte on."""
    planes = np.unpackbits(data, bitorder="little", count=count * bits).reshape(count, bits)
    return planes.astype(np.int64) @ (1 << np.arange(bits, dtype=np.int64))


def ints(x: Tensor | None, default: Sequence[int] = ()) -> list[int]:
    return list(default) if x is None else [int(i) for i in x.flatten().tolist()]


def integer(x: Tensor | None, default: int = 0) -> int:
    return default if x is None else int(x)


def flag(x: Tensor | None, default: bool = False) -> bool:
    return default if x is None else bool(x)


def along(x: Tensor, vector: Tensor, axis: int) -> Tensor:
    """A vector, or a scalar, in the shape that broadcasts it along one axis of x."""
    return vector.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]) if vector.ndim else vector
