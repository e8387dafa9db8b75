"""The runtimes there are: on which devices, and by which session."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from effmod_bench.instrument.sessions.session import Session, SessionError, SessionRequest
from results import Device, Runtime

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def open_session(request: SessionRequest, inputs: "Mapping[str, npt.NDArray[np.generic]]") -> Session:
    """Load an artifact into the runtime asked for.

    Args:
        inputs: by name; they are kept, not copied.

    Raises:
        SessionError: it would run elsewhere, or otherwise, than was asked.
        Exception: whatever the runtime raises for a file that it cannot load.
    """
    match request.options.runtime:
        case Runtime.ONNXRUNTIME | Runtime.TENSORRT if request.device in (Device.CPU, Device.CUDA):
            from effmod_bench.instrument.sessions.onnxruntime import OnnxRuntimeSession

            return OnnxRuntimeSession(request, inputs)
        case Runtime.COREML:
            from effmod_bench.instrument.sessions.coreml import CoreMLSession

            return CoreMLSession(request, inputs)
        case Runtime.PYTORCH | Runtime.TORCH_COMPILE:
            from effmod_bench.instrument.sessions.pytorch import PyTorchSession

            return PyTorchSession(request, inputs)
        case Runtime.OPENVINO if request.device is Device.CPU:
            from effmod_bench.instrument.sessions.openvino import OpenVinoSession

            return OpenVinoSession(request, inputs)
        case _:
            raise SessionError(f"{request.options.runtime} cannot run on {request.device}")


# Which runtimes there are for a device; the first is the default.
RUNTIMES: dict[Device, tuple[Runtime, ...]] = {
    Device.CPU: (Runtime.ONNXRUNTIME, Runtime.PYTORCH, Runtime.TORCH_COMPILE, Runtime.OPENVINO),
    Device.CUDA: (Runtime.ONNXRUNTIME, Runtime.TENSORRT, Runtime.PYTORCH, Runtime.TORCH_COMPILE),
    Device.COREML: (Runtime.COREML,),
}

# These run the network itself, not a file that it was exported to.
NETWORK_RUNTIMES = (Runtime.PYTORCH, Runtime.TORCH_COMPILE)

# These are ONNX Runtime, by one of its providers. Two of their sessions can be timed in turn in one process.
ONNXRUNTIMES = (Runtime.ONNXRUNTIME, Runtime.TENSORRT)
