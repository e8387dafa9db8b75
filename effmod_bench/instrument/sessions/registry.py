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

    from effmod_bench.instrument.profilers.profiler import Profiler

_SESSIONS = "effmod_bench.instrument.sessions"
_PROFILERS = "effmod_bench.instrument.profilers"


class RuntimeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A runtime.

    Attributes:
        session: "module:class" in this folder, imported when it is opened; it takes a request and the inputs by name.
        runs_network: it runs the network itself, not a file that it was exported to.
        shares_process: its sessions can be timed in turn in one process with those of other such runtimes: its threads
            can be told to sleep, or do so by themselves, while another one's run.
        guessed_by_macs: on a CPU it was seen to be about as fast as the first one, so that its time can be guessed.
        package: the runtime's own.
        profilers: "module:class" in `instrument/profilers`, which reads its counters, by device.
    """

    session: str
    devices: tuple[Device, ...]
    runs_network: bool = False
    shares_process: bool = False
    guessed_by_macs: bool = False
    package: str
    profilers: Mapping[Device, str] = {}


# Of those of a device the first is the default.
ROWS: dict[Runtime, RuntimeRow] = {
    Runtime.ONNXRUNTIME: RuntimeRow(
        session="onnxruntime:OnnxRuntimeSession",
        package="onnxruntime",
        devices=(Device.CPU, Device.CUDA),
        shares_process=True,
        guessed_by_macs=True,
        profilers={
            Device.CPU: "onnxruntime:OnnxRuntimeProfiler",
            Device.CUDA: "onnxruntime_cuda:OnnxRuntimeCudaProfiler",
        },
    ),
    Runtime.TENSORRT: RuntimeRow(
        session="onnxruntime:OnnxRuntimeSession",
        package="onnxruntime",
        devices=(Device.CUDA,),
        shares_process=True,
    ),
    Runtime.PYTORCH: RuntimeRow(
        session="pytorch:PyTorchSession",
        package="torch",
        devices=(Device.CPU, Device.CUDA),
        runs_network=True,
        profilers={Device.CPU: "pytorch:PyTorchProfiler", Device.CUDA: "pytorch:PyTorchProfiler"},
    ),
    Runtime.TORCH_COMPILE: RuntimeRow(
        session="pytorch:PyTorchSession", package="torch", devices=(Device.CPU, Device.CUDA), runs_network=True
    ),
    Runtime.OPENVINO: RuntimeRow(
        session="openvino:OpenVinoSession",
        package="openvino",
        devices=(Device.CPU,),
        shares_process=True,
        guessed_by_macs=True,
        profilers={Device.CPU: "openvino:OpenVinoProfiler"},
    ),
    Runtime.COREML: RuntimeRow(session="coreml:CoreMLSession", package="coremltools", devices=(Device.COREML,)),
}

RUNTIMES: dict[Device, tuple[Runtime, ...]] = {
    device: tuple(runtime for runtime, row in ROWS.items() if device in row.devices) for device in Device
}
NETWORK_RUNTIMES = tuple(runtime for runtime, row in ROWS.items() if row.runs_network)
ONNXRUNTIMES = tuple(runtime for runtime, row in ROWS.items() if row.package == "onnxruntime")
"""ONNX Runtime, by one of its providers."""


def share_process(one: Runtime, other: Runtime) -> bool:
    """Whether sessions of the two can be timed in turn in one process.

    ONNX Runtime, OpenVINO and PyTorch each have a pool of threads of their own (Eigen's, TBB's, OpenMP's). PyTorch's
    keep a core busy for a while after each operator, which nobody can tell them not to do once they are there.
    """
    return one is other or (ROWS[one].shares_process and ROWS[other].shares_process)


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
    if others and request.options.runtime not in ONNXRUNTIMES:
        raise SessionError(f"several feeds in turn are for ONNX Runtime, not for {request.options.runtime}; give one")
    opened = pkgutil.resolve_name(f"{_SESSIONS}.{row.session}")
    session: Session = opened(request, inputs, others) if others else opened(request, inputs)
    return session


def open_profiler(request: SessionRequest, inputs: "Mapping[str, npt.NDArray[np.generic]]") -> "Profiler":
    """Load an artifact into the runtime asked for, with the runtime's own profiler.

    Args:
        request: with the profiler's folder; of a runtime that has one.
        inputs: by name; they are kept, not copied.

    Raises:
        Exception: as `open_session`.
    """
    opened = pkgutil.resolve_name(f"{_PROFILERS}.{ROWS[request.options.runtime].profilers[request.device]}")
    profiler: Profiler = opened(request, inputs)
    return profiler
