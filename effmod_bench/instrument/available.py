"""Whether a device and a runtime can be used here, and what would help where they cannot."""

import importlib.metadata
import importlib.util
import platform
import tempfile
from pathlib import Path

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument.machine.gpu import (
    NoDriverError,
    compute_capability,
    count_gpus,
    driver_cuda_version,
    number_by_bus,
)
from effmod_bench.instrument.process.messages import Broken, Job, Timed
from effmod_bench.instrument.process.start import run_job
from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES, check_package
from effmod_bench.instrument.sessions.session import SessionRequest
from exporters.artifact.scratch import scratch
from models import Preprocessing
from results import Device, InputTensor, Runtime, RuntimeOptions


def check_installed(device: Device, options: RuntimeOptions) -> None:
    """Find out what can be found out without running anything.

    Raises:
        DeviceUnavailableError: something is missing.
    """
    if device is Device.CUDA:
        check_cuda(options)
    if device is Device.COREML:
        _check_coreml()
    check_package(options.runtime)


def _check_coreml() -> None:
    if platform.system() != "Darwin":
        raise DeviceUnavailableError(
            f"Core ML runs on macOS only, and this is {platform.system()} {platform.release()}; measure on a "
            "Mac, or on an iPhone with ModelBench and 'effmod record add'"
        )
    if importlib.util.find_spec("coremltools") is None:
        raise DeviceUnavailableError(
            "coremltools, which runs Core ML packages, is not installed; it is for Python 3.11 to 3.13, and "
            f"this is {platform.python_version()}: install effmod there"
        )


def check_runs(device: Device, options: RuntimeOptions) -> None:
    """Find out on a GPU whether its runtime really runs; hold `measuring_alone`, for it disturbs who measures there.

    Raises:
        DeviceUnavailableError: it does not.
    """
    if device is Device.CUDA:
        run_convolution(device, options)


_SHAPE = (1, 3, 8, 8)
_DISTRIBUTIONS = ("onnxruntime-gpu", "onnxruntime")


def run_convolution(device: Device, options: RuntimeOptions) -> str:
    """Run one convolution in a process of its own, as a round of `effmod bench` would; returns the runtime's version.

    Raises:
        DeviceUnavailableError: it failed, or ended the process.
    """
    with scratch(Path(tempfile.gettempdir()), "effmod-probe-") as folder:
        write = _write_network if options.runtime in NETWORK_RUNTIMES else _write_onnx
        preprocessing = Preprocessing()
        job = Job(
            session=SessionRequest(path=str(write(folder)), device=device, options=options, intra_op_num_threads=1),
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
    from effmod_bench.instrument import probe  # imports torch
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
