"""Values as ONNX Runtime takes and gives them. numpy has no bfloat16, nor any of its own."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

_FATAL = 4  # of ONNX Runtime's severities: what it only logs is advice, and of what fails it raises

_BFLOAT16, _NAME = 16, "bfloat16"  # of ONNX's element types


def silent() -> onnxruntime.SessionOptions:
    """Options of a session that writes nothing on the screen.

    It warns of outputs of another shape than the file says, of constants that nobody uses, and of files that are for
    this machine; and an error it writes and raises.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    return options


def to_runtime(x: npt.NDArray[Any], device: str = "cpu", index: int = 0) -> onnxruntime.OrtValue:
    """A value in the memory of a device, of the runtime's own type."""
    if x.dtype.name == _NAME:
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(x.view(np.uint16), _BFLOAT16)
    return onnxruntime.OrtValue.ortvalue_from_numpy(x, device, index)


def run(
    session: onnxruntime.InferenceSession, inputs: Mapping[str, npt.NDArray[Any]], names: Sequence[str] | None = None
) -> list[Any]:
    """What a session on the CPU gives; bfloat16, fed or given, is what the runtime's own `run` knows nothing of.

    Args:
        names: of the outputs; None for all, in their order.

    Raises:
        Exception: whatever ONNX Runtime raises for what it cannot run.
    """
    given = [output.type for output in session.get_outputs() if names is None or output.name in names]
    if not any(_NAME in kind for kind in (*given, *(x.dtype.name for x in inputs.values()))):
        return list(session.run(names, dict(inputs)))
    values = session.run_with_ort_values(names, {name: to_runtime(x) for name, x in inputs.items()})
    return [_to_numpy(value) for value in values]


def _to_numpy(value: onnxruntime.OrtValue) -> npt.NDArray[Any]:
    """A tensor in the CPU's memory; of bfloat16 as float32, of which it is the first half."""
    if value.element_type() != _BFLOAT16:
        found: npt.NDArray[Any] = value.numpy()
        return found
    shape = value.shape()
    halves = np.empty(shape, np.uint16)
    ctypes.memmove(halves.ctypes.data, value.data_ptr(), halves.nbytes)
    return (halves.astype(np.uint32) << 16).view(np.float32)
