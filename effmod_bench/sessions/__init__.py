"""Runtimes that can be timed, one file each."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from results import Device, Runtime, RuntimeOptions, SessionFacts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class SessionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which artifact a session is to run, where, and how.

    Attributes:
        path: of the file or package; for PyTorch, of a network's weights, which name the network.
        intra_op_num_threads: threads within one operator, on the CPU.
    """

    path: str
    device: Device
    options: RuntimeOptions
    intra_op_num_threads: int


class Session(Protocol):
    """An artifact loaded into a runtime, its inputs and outputs bound."""

    def run(self) -> object:
        """One inference, to its end. What is timed, so it does nothing else."""
        ...

    def prepare_outputs(self) -> None:
        """Told once, after the first inference: nothing need be allocated from here on."""
        ...

    def outputs(self) -> "dict[str, npt.NDArray[np.generic]]":
        """What the last inference gave, by name."""
        ...

    def facts(self) -> SessionFacts:
        """How the runtime really runs it, read back from the runtime."""
        ...


class SessionError(RuntimeError):
    """The device or the runtime cannot run the artifact as it was asked to."""


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
            from effmod_bench.sessions.onnxruntime import OnnxRuntimeSession

            return OnnxRuntimeSession(request, inputs)
        case Runtime.PYTORCH | Runtime.TORCH_COMPILE:
            from effmod_bench.sessions.pytorch import PyTorchSession

            return PyTorchSession(request, inputs)
        case Runtime.OPENVINO if request.device is Device.CPU:
            from effmod_bench.sessions.openvino import OpenVinoSession

            return OpenVinoSession(request, inputs)
        case _:
            raise SessionError(f"{request.options.runtime} cannot run on {request.device}")
