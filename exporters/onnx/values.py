"""Values as ONNX Runtime takes them."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

_BFLOAT16 = 16  # of ONNX's element types; numpy has none of its own


def to_runtime(x: npt.NDArray[Any], device: str = "cpu", index: int = 0) -> onnxruntime.OrtValue:
    """A value in the memory of a device, of the runtime's own type: numpy has none of bfloat16."""
    if x.dtype.name == "bfloat16":
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(x.view(np.uint16), _BFLOAT16)
    return onnxruntime.OrtValue.ortvalue_from_numpy(x, device, index)
