"""Subnormal numbers: not zero, and nearer to it than their type holds to all its digits."""

from typing import Any

import numpy as np
import numpy.typing as npt

TINY = np.finfo(np.float32).tiny
"""The smallest float32 that is none, 1.2e-38."""

# How many bits of a number are its digits; what is left of them but the sign is its exponent.
_DIGITS = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}


def count(array: npt.NDArray[Any]) -> int:
    """How many numbers of an array are subnormal in its own type."""
    digits = _DIGITS.get(array.dtype.name)
    if digits is None:
        return 0
    bits = np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
    magnitudes = bits << 1  # without the sign
    magnitudes -= 1  # unsigned, so that 0 becomes the largest
    return int(np.count_nonzero(magnitudes < (1 << (digits + 1)) - 1))
