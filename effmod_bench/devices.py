"""Devices and runtimes by the names that a user gives them, and whether they can be used here."""

import importlib.util
import platform

from effmod_bench.targets import TargetError
from exporters import Format
from results import ComputeUnits, Device, GraphOptimization, Runtime, RuntimeOptions

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


class DeviceUnavailableError(RuntimeError):
    """The device or the runtime cannot be used on this machine; the message says why, and what would help."""


def parse_device(text: str) -> tuple[Device, int]:
    """A device, and which of several: "cpu", "cuda", "cuda:1".

    Raises:
        TargetError: there is no such device.
    """
    name, colon, index = text.partition(":")
    known = [str(device) for device in RUNTIMES]
    if name not in known or (colon and (name != "cuda" or not index.isdecimal())):
        raise TargetError(f"no device {text!r}; there are {', '.join(known)}")
    return Device(name), int(index or 0)


def runtime_options(
    device: Device,
    device_index: int,
    runtime: Runtime | None,
    *,
    compute_units: ComputeUnits | None = None,
    include_transfers: bool = False,
    cuda_graph: bool = False,
    use_tf32: bool = False,
    prefer_nhwc: bool = False,
    allow_fallback: bool = False,
    graph_optimization: GraphOptimization = GraphOptimization.ALL,
    allow_spinning: bool = True,
) -> RuntimeOptions:
    """What the user's options come to.

    Raises:
        TargetError: the device has no such runtime, or an option is of another device or runtime.
    """
    known = RUNTIMES[device]
    if runtime is not None and runtime not in known:
        raise TargetError(f"{runtime} does not run on {device}; there {_are(known)}")
    runtime = runtime or known[0]
    if compute_units is not None and device is not Device.COREML:
        raise TargetError("--compute-units goes with --device coreml")
    if device is Device.COREML:
        compute_units = compute_units or ComputeUnits.ALL
    of_cuda = {
        "--include-transfers": include_transfers,
        "--cuda-graph": cuda_graph,
        "--tf32": use_tf32,
        "--prefer-nhwc": prefer_nhwc,
        "--allow-fallback": allow_fallback,
    }
    of_onnxruntime = {
        "--cuda-graph": cuda_graph,
        "--allow-fallback": allow_fallback,
        "--graph-optimization": graph_optimization is not GraphOptimization.ALL,
        "--no-spinning": not allow_spinning,
    }
    for name in _given(of_cuda):
        if device is not Device.CUDA:
            raise TargetError(f"{name} goes with --device cuda, not with --device {device}")
    for name in _given(of_onnxruntime):
        if runtime not in ONNXRUNTIMES:
            raise TargetError(f"{name} is ONNX Runtime's, and goes with no --runtime {runtime}")
    if prefer_nhwc and runtime is not Runtime.ONNXRUNTIME:
        raise TargetError(f"--prefer-nhwc is of ONNX Runtime's CUDA provider, and goes with no --runtime {runtime}")
    if not allow_spinning and device is not Device.CPU:
        raise TargetError(f"--no-spinning goes with --device cpu, not with --device {device}")
    if cuda_graph and include_transfers:
        raise TargetError("a CUDA graph replays no copies from and to the host; leave --include-transfers out")
    return RuntimeOptions(
        runtime=runtime,
        device_index=device_index,
        compute_units=compute_units,
        include_transfers=include_transfers,
        cuda_graph=cuda_graph,
        use_tf32=use_tf32,
        prefer_nhwc=prefer_nhwc,
        allow_fallback=allow_fallback,
        graph_optimization=graph_optimization,
        allow_spinning=allow_spinning,
    )


def arguments(device: Device, options: RuntimeOptions) -> list[str]:
    """What the settings that `effmod tune` tries are on the command line of `effmod bench` and `compare`."""
    given = {
        "--cuda-graph": options.cuda_graph,
        "--tf32": options.use_tf32,
        "--prefer-nhwc": options.prefer_nhwc,
        "--no-spinning": not options.allow_spinning,
    }
    found = [] if device is Device.CPU else ["--device", f"{device}:{options.device_index}"]
    if options.graph_optimization is not GraphOptimization.ALL:
        found += ["--graph-optimization", options.graph_optimization]
    return found + _given(given)


def artifact_format(device: Device, asked: Format | None) -> Format:
    """The kind of file that a device runs.

    Raises:
        TargetError: another kind was asked for.
    """
    runs = Format.COREML if device is Device.COREML else Format.ONNX
    if asked not in (None, runs):
        other = Device.CPU if device is Device.COREML else Device.COREML
        raise TargetError(f"--format {asked} does not run on --device {device}, but on --device {other}")
    return runs


def check_installed(device: Device, options: RuntimeOptions) -> None:
    """Find out what can be found out without running anything.

    Raises:
        DeviceUnavailableError: something is missing.
    """
    if device is Device.CUDA:
        from effmod_bench.doctor import check_cuda

        check_cuda(options)
    match options.runtime:
        case Runtime.OPENVINO if importlib.util.find_spec("openvino") is None:
            raise DeviceUnavailableError("OpenVINO is not installed; in effmod's environment: pip install openvino")
        case Runtime.COREML:
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
        from effmod_bench.doctor import run_convolution

        run_convolution(device, options)


def _given(options: dict[str, bool]) -> list[str]:
    return [name for name, given in options.items() if given]


def _are(runtimes: tuple[Runtime, ...]) -> str:
    return ("is " if len(runtimes) == 1 else "are ") + ", ".join(runtimes)
