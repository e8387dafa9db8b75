"""What NVIDIA's driver says of a GPU (NVML). A value or None, never a guess."""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from results import GpuState

T = TypeVar("T")

# NVML numbers GPUs by their place on the bus, as nvidia-smi does. CUDA would put the fastest first.
_ORDER, _BY_BUS = "CUDA_DEVICE_ORDER", "PCI_BUS_ID"

# NVML's bits, by the end of the constant's name. An idle GPU's low clocks are no throttling.
_REASONS = (
    "ApplicationsClocksSetting",
    "SwPowerCap",
    "HwSlowdown",
    "SyncBoost",
    "SwThermalSlowdown",
    "HwThermalSlowdown",
    "HwPowerBrakeSlowdown",
    "DisplayClockSetting",
)


class NoDriverError(RuntimeError):
    """NVIDIA's driver is not there, or does not answer."""


def number_by_bus() -> None:
    """Let CUDA count the GPUs as nvidia-smi does, in this process and its workers, unless the user says otherwise."""
    os.environ.setdefault(_ORDER, _BY_BUS)


def driver_cuda_version() -> tuple[int, int]:
    """The newest CUDA that the driver supports.

    Raises:
        NoDriverError: there is no driver.
    """
    with _nvml() as nvml:
        version: int = nvml.nvmlSystemGetCudaDriverVersion_v2()  # 13000 for 13.0
        return version // 1000, version % 1000 // 10


def count_gpus() -> int:
    """How many GPUs CUDA sees.

    Raises:
        NoDriverError: there is no driver.
    """
    with _nvml() as nvml:
        count: int = nvml.nvmlDeviceGetCount()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return count if visible is None else min(count, len([name for name in visible.split(",") if name.strip()]))


def compute_capability(index: int) -> tuple[int, int] | None:
    """Of the GPU that CUDA calls `index`: (6, 0) for a P100.

    Raises:
        NoDriverError: there is no driver.
    """
    with _nvml() as nvml:
        handle = _handle(nvml, index)
        return None if handle is None else _ask(nvml, lambda: tuple(nvml.nvmlDeviceGetCudaComputeCapability(handle)))


def read_gpu(index: int) -> GpuState | None:
    """The state of the GPU that CUDA calls `index`; None where the driver does not say which one that is."""
    with contextlib.suppress(NoDriverError), _nvml() as nvml:
        handle = _handle(nvml, index)
        if handle is None:
            return None
        memory = _ask(nvml, lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        return GpuState(
            name=_ask(nvml, lambda: _text(nvml.nvmlDeviceGetName(handle))),
            driver=_ask(nvml, lambda: _text(nvml.nvmlSystemGetDriverVersion())),
            memory_total_bytes=memory.total if memory else None,
            memory_used_bytes=memory.used if memory else None,
            sm_clock_mhz=_ask(nvml, lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
            memory_clock_mhz=_ask(nvml, lambda: nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM)),
            temperature_c=_ask(nvml, lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)),
            power_w=_ask(nvml, lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1000),
            throttle_reasons=_ask(nvml, lambda: _throttle_reasons(nvml, handle)),
            other_processes=_ask(nvml, lambda: len({p.pid for p in _processes(nvml, handle)} - {os.getpid()})),
        )
    return None


def own_memory_bytes(index: int) -> int | None:
    """What this process holds on a GPU. In a container the driver may know it by another number: then None."""
    with contextlib.suppress(NoDriverError), _nvml() as nvml:
        handle = _handle(nvml, index)
        processes = _ask(nvml, lambda: _processes(nvml, handle)) if handle is not None else None
        return next((p.usedGpuMemory for p in processes or () if p.pid == os.getpid()), None)
    return None


@contextmanager
def _nvml() -> Iterator[Any]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise NoDriverError(str(error)) from error
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()


def _handle(nvml: Any, index: int) -> Any:
    """NVML's handle of the GPU that CUDA calls `index`; None where that cannot be known."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        by_bus = os.environ.get(_ORDER) == _BY_BUS or _ask(nvml, nvml.nvmlDeviceGetCount) == 1
        return _ask(nvml, lambda: nvml.nvmlDeviceGetHandleByIndex(index)) if by_bus else None
    names = [name.strip() for name in visible.split(",")]
    if index >= len(names):
        return None
    name = names[index]
    if name.startswith("GPU-"):
        return _ask(nvml, lambda: nvml.nvmlDeviceGetHandleByUUID(name))
    if name.isdecimal() and os.environ.get(_ORDER) == _BY_BUS:
        return _ask(nvml, lambda: nvml.nvmlDeviceGetHandleByIndex(int(name)))
    return None


def _ask(nvml: Any, question: Callable[[], T]) -> T | None:
    try:
        return question()
    except nvml.NVMLError:  # many GPUs do not tell all of it
        return None


def _throttle_reasons(nvml: Any, handle: Any) -> tuple[str, ...]:
    bits = nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    return tuple(name for name in _REASONS if bits & getattr(nvml, f"nvmlClocksEventReason{name}"))


def _processes(nvml: Any, handle: Any) -> list[Any]:
    return [
        *nvml.nvmlDeviceGetComputeRunningProcesses(handle),
        *nvml.nvmlDeviceGetGraphicsRunningProcesses(handle),
    ]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
