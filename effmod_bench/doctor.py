"""What would run on this machine, and what is missing where something would not: found out by running a convolution."""

import importlib.metadata
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from effmod_bench.console import Console
from effmod_bench.devices import NETWORK_RUNTIMES, RUNTIMES, DeviceUnavailableError, check_installed
from effmod_bench.gpu import NoDriverError, compute_capability, count_gpus, driver_cuda_version, number_by_bus
from effmod_bench.isolation import run_job
from effmod_bench.lock import measuring_alone
from effmod_bench.sessions import SessionRequest
from effmod_bench.worker import Broken, Job, Timed
from models import Preprocessing
from results import Device, InputTensor, Runtime, RuntimeOptions
from results.tables.table import Column, Table
from results.tables.write import OutputFormat

_SHAPE = (1, 3, 8, 8)
_DISTRIBUTIONS = ("onnxruntime-gpu", "onnxruntime")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One runtime on one device.

    Attributes:
        version: the runtime's, with its name, where it ran.
        reason: why it cannot be used, and what would help; None where it can.
    """

    device: Device
    runtime: Runtime
    usable: bool
    version: str | None
    reason: str | None


_COLUMNS: tuple[Column[Finding], ...] = (
    Column(key="device", header="device", get=lambda row: str(row.device)),
    Column(key="runtime", header="runtime", get=lambda row: str(row.runtime)),
    Column(key="usable", header="usable", get=lambda row: "yes" if row.usable else "no"),
    Column(key="version", header="version", get=lambda row: row.version),
    Column(key="reason", header="what is missing", get=lambda row: row.reason, detail=True),
)


def examine(
    console: Console, device: Device | None, device_index: int, output_format: OutputFormat, *, wait: bool
) -> None:
    """Try every runtime of a device, and print what was found. Nobody else measures on this machine meanwhile.

    Args:
        device: the one that is to work; None for all, of which the CPU is to work.
        wait: where another effmod measures, until it is done; False to give up.

    Raises:
        DeviceUnavailableError: its first runtime does not work, and the table has been printed; or another effmod
            measures, and `wait` is False.
    """
    with measuring_alone(wait=wait, on_wait=console.note):
        findings = list(_findings(console, tuple(RUNTIMES) if device is None else (device,), device_index))
    console.table(Table(rows=tuple(findings), columns=_COLUMNS, notes=tuple(_reasons(findings))), output_format)
    asked = findings[0]  # the CPU is the first of all devices
    if not asked.usable:
        raise DeviceUnavailableError(f"{asked.runtime} cannot run on {asked.device} here; the table says why")


def _findings(console: Console, devices: Sequence[Device], device_index: int) -> Iterator[Finding]:
    for device in devices:
        for runtime in RUNTIMES[device]:
            options = RuntimeOptions(runtime=runtime, device_index=device_index if device is Device.CUDA else 0)
            version = reason = None
            try:
                check_installed(device, options)
                console.note(f"trying {runtime} on {device} ...")
                version = run_convolution(device, options)
            except DeviceUnavailableError as error:
                reason = str(error)
            yield Finding(device=device, runtime=runtime, usable=reason is None, version=version, reason=reason)


def _reasons(findings: Sequence[Finding]) -> Iterator[str]:
    """Why what does not work does not, each reason once: the runtimes of a device mostly have the same."""
    found: dict[tuple[Device, str], list[Runtime]] = defaultdict(list)
    for finding in findings:
        if finding.reason is not None:
            found[finding.device, finding.reason].append(finding.runtime)
    for (device, reason), runtimes in found.items():
        all_of_them = len(runtimes) == len(RUNTIMES[device])
        yield f"{device}: {reason}" if all_of_them else f"{device}, {', '.join(runtimes)}: {reason}"


def run_convolution(device: Device, options: RuntimeOptions) -> str:
    """Run one convolution in a process of its own, as a round of `effmod bench` would; returns the runtime's version.

    Raises:
        DeviceUnavailableError: it failed, or ended the process.
    """
    with tempfile.TemporaryDirectory() as folder:
        write = _write_network if options.runtime in NETWORK_RUNTIMES else _write_onnx
        preprocessing = Preprocessing()
        job = Job(
            session=SessionRequest(
                path=str(write(Path(folder))), device=device, options=options, intra_op_num_threads=1
            ),
            inputs=(InputTensor(name="input", shape=_SHAPE, dtype="float"),),
            warmup_runs=0,
            runs=1,
            mean=preprocessing.mean,
            std=preprocessing.std,
        )
        outcome = run_job(job, on_warm=lambda _: None, tick=lambda _: None)
    match outcome:
        case Timed():
            return outcome.session.runtime
        case Broken():
            raise DeviceUnavailableError(outcome.reason + _remedy(outcome.reason))


def check_cuda(options: RuntimeOptions) -> None:
    """Find out, without running anything, whether a runtime can use an NVIDIA GPU.

    Raises:
        DeviceUnavailableError: there is no driver or no such GPU, the runtime is built for the CPU or for a newer
            driver, or the GPU is older than what it is built for.
    """
    number_by_bus()
    try:
        supported, gpus = driver_cuda_version(), count_gpus()
        capability = compute_capability(options.device_index)
    except NoDriverError as error:
        raise DeviceUnavailableError(
            f"no NVIDIA driver answers ({error}); install it, until 'nvidia-smi' lists the GPU (a container must be "
            "started with the GPU in it: --gpus all)"
        ) from error
    if options.device_index >= gpus:
        raise DeviceUnavailableError(f"there is no cuda:{options.device_index}; this machine shows {gpus} GPUs")
    if options.runtime in NETWORK_RUNTIMES:
        name, built_for, oldest = _torch_build()
    else:
        name, built_for, oldest = _onnxruntime_build(options.runtime)
    if int(built_for.partition(".")[0]) > supported[0]:
        raise DeviceUnavailableError(
            f"{name} is built for CUDA {built_for}, and the driver goes up to {supported[0]}.{supported[1]}; "
            "update the driver"
        )
    if capability is not None and oldest is not None and capability < oldest:
        raise DeviceUnavailableError(
            f"the GPU's compute capability is {_dotted(capability)}, and {name} for CUDA {built_for} has no code for "
            f"any before {_dotted(oldest)}; install an older version of it, for an older CUDA"
        )


def _onnxruntime_build(runtime: Runtime) -> tuple[str, str, tuple[int, int] | None]:
    """Name, the CUDA it is built for, and the oldest compute capability that it has code for, where that is known."""
    import onnxruntime

    provider = "TensorrtExecutionProvider" if runtime is Runtime.TENSORRT else "CUDAExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        installed = [name for name in _DISTRIBUTIONS if _is_installed(name)]
        if len(installed) == 2:
            raise DeviceUnavailableError(
                "onnxruntime, for the CPU, lies over onnxruntime-gpu: both write the same files; "
                "pip uninstall onnxruntime onnxruntime-gpu, then pip install onnxruntime-gpu"
            )
        raise DeviceUnavailableError(
            f"the installed {' and '.join(installed) or 'onnxruntime'} has no {provider}; "
            "pip uninstall onnxruntime, then pip install onnxruntime-gpu"
        )
    from onnxruntime.capi import build_and_package_info

    built_for = build_and_package_info.cuda_version
    # CUDA 13 dropped the generations before Turing: Maxwell, Pascal (P100) and Volta (V100).
    return "onnxruntime-gpu", built_for, (7, 5) if int(built_for.partition(".")[0]) == 13 else None


def _torch_build() -> tuple[str, str, tuple[int, int] | None]:
    import torch

    built_for = torch.version.cuda
    if built_for is None:
        raise DeviceUnavailableError("the installed PyTorch is built for the CPU alone; install its build for CUDA")
    numbers = [int(name.removeprefix("sm_")) for name in torch.cuda.get_arch_list() if name[3:].isdecimal()]
    return "PyTorch", built_for, divmod(min(numbers), 10) if numbers else None


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _remedy(reason: str) -> str:
    """What would help against a library that does not load."""
    if "libnvinfer" in reason or "libnvonnxparser" in reason:
        return "; install TensorRT, and name its folder of libraries in LD_LIBRARY_PATH"
    if any(name in reason for name in ("libcudart", "libcublas", "libcudnn", "libcufft", "libcurand", "libnvrtc")):
        return "; pip install 'onnxruntime-gpu[cuda,cudnn]'"
    return ""


def _write_network(folder: Path) -> Path:
    from effmod_bench import probe  # imports torch
    from exporters import save_network

    path = folder / "probe.safetensors"
    save_network(probe.convolution(), path, name=f"{probe.__file__}:convolution", image_size=_SHAPE[-1])
    return path


def _write_onnx(folder: Path) -> Path:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper

    weight = np.full((8, 3, 3, 3), 0.1, np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weight"], ["logits"], name="conv")],
        "probe",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, _SHAPE)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 8, 6, 6))],
        [onnx.numpy_helper.from_array(weight, "weight")],
    )
    path = folder / "probe.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
