"""The runtimes there are, a row each: on which devices, by which session, and what can be asked of it."""

import importlib.util
import pkgutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument.sessions.session import Session, SessionError, SessionRequest
from effmod_bench.packages import missing
from results import Device, Runtime

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SESSIONS = "effmod_bench.instrument.sessions"


class RuntimeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A runtime.

    Attributes:
        session: "module:class" in this folder, imported when it is opened; it takes a request and the inputs by name.
        runs_network: it runs the network itself, not a file that it was exported to.
        in_turn: two of its sessions can be timed in turn in one process.
        guessed_by_macs: on a CPU it was seen to be about as fast as the first one, so that its time can be guessed.
        package: the runtime's own.
    """

    session: str
    devices: tuple[Device, ...]
    runs_network: bool = False
    in_turn: bool = False
    guessed_by_macs: bool = False
    package: str


# Of those of a device the first is the default.
ROWS: dict[Runtime, RuntimeRow] = {
    Runtime.ONNXRUNTIME: RuntimeRow(
        session="onnxruntime:OnnxRuntimeSession",
        package="onnxruntime",
        devices=(Device.CPU, Device.CUDA),
        in_turn=True,
        guessed_by_macs=True,
    ),
    Runtime.TENSORRT: RuntimeRow(
        session="onnxruntime:OnnxRuntimeSession", package="onnxruntime", devices=(Device.CUDA,), in_turn=True
    ),
    Runtime.PYTORCH: RuntimeRow(
        session="pytorch:PyTorchSession", package="torch", devices=(Device.CPU, Device.CUDA), runs_network=True
    ),
    Runtime.TORCH_COMPILE: RuntimeRow(
        session="pytorch:PyTorchSession", package="torch", devices=(Device.CPU, Device.CUDA), runs_network=True
    ),
    Runtime.OPENVINO: RuntimeRow(
        session="openvino:OpenVinoSession", package="openvino", devices=(Device.CPU,), guessed_by_macs=True
    ),
    Runtime.COREML: RuntimeRow(session="coreml:CoreMLSession", package="coremltools", devices=(Device.COREML,)),
}

RUNTIMES: dict[Device, tuple[Runtime, ...]] = {
    device: tuple(runtime for runtime, row in ROWS.items() if device in row.devices) for device in Device
}
NETWORK_RUNTIMES = tuple(runtime for runtime, row in ROWS.items() if row.runs_network)
ONNXRUNTIMES = tuple(runtime for runtime, row in ROWS.items() if row.in_turn)
"""ONNX Runtime, by one of its providers."""


def check_package(runtime: Runtime) -> None:
    """Find out, without importing it, whether a runtime's own package is there.

    Raises:
        DeviceUnavailableError: it is not.
    """
    package = ROWS[runtime].package
    if importlib.util.find_spec(package) is None:
        raise DeviceUnavailableError(missing(package))


def open_session(
    request: SessionRequest,
    inputs: "Mapping[str, npt.NDArray[np.generic]]",
    others: "Sequence[Mapping[str, npt.NDArray[np.generic]]]" = (),
) -> Session:
    """Load an artifact into the runtime asked for.

    Args:
        inputs: by name; they are kept, not copied.
        others: what is fed after these, a run each, until it is their turn again.

    Raises:
        SessionError: it would run elsewhere, or otherwise, than was asked; or the runtime is fed one thing only.
        Exception: whatever the runtime raises for a file that it cannot load.
    """
    row = ROWS[request.options.runtime]
    if request.device not in row.devices:
        raise SessionError(f"{request.options.runtime} cannot run on {request.device}")
    if others and not row.in_turn:
        raise SessionError(f"several feeds in turn are for ONNX Runtime, not for {request.options.runtime}; give one")
    opened = pkgutil.resolve_name(f"{_SESSIONS}.{row.session}")
    session: Session = opened(request, inputs, others) if others else opened(request, inputs)
    return session
