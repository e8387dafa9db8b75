"""Devices and runtimes by the names that a user gives them, and whether they can be used here."""

from typing import Annotated

import typer

from effmod_bench.errors import TargetError
from effmod_bench.instrument.sessions.registry import ONNXRUNTIMES, RUNTIMES
from effmod_bench.options.words import MEASURE
from exporters import Format
from results import ComputeUnits, Device, GraphOptimization, Runtime, RuntimeOptions

DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="cpu|cuda[:N]|coreml",
        help="Where to run; of several GPUs the first, or number N.",
        rich_help_panel=MEASURE,
    ),
]
OnnxRuntimeDevice = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="cpu|cuda[:N]",
        help="Where to run; of several GPUs the first, or number N.",
        rich_help_panel=MEASURE,
    ),
]
ExaminedDevice = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="cpu|cuda[:N]|coreml",
        help="Try this one alone, which is to work.",
        show_default="all, of which the CPU is to work",
    ),
]
RuntimeOption = Annotated[
    Runtime | None,
    typer.Option("--runtime", help="What runs it.", rich_help_panel=MEASURE, show_default="the device's first"),
]
ComparedRuntime = Annotated[
    Runtime | None,
    typer.Option(
        "--runtime",
        metavar="onnxruntime|tensorrt",
        help="What runs them.",
        rich_help_panel=MEASURE,
        show_default="onnxruntime",
    ),
]
ComputeUnitsOption = Annotated[
    ComputeUnits | None,
    typer.Option(
        "--compute-units",
        help="Processors that Core ML may use.",
        show_default="all",
        rich_help_panel=MEASURE,
    ),
]
IncludeTransfers = Annotated[
    bool,
    typer.Option(
        "--include-transfers",
        help="On a GPU: time the copies of input and output as well, as the paper did with the input.",
        rich_help_panel=MEASURE,
    ),
]
CudaGraph = Annotated[
    bool,
    typer.Option("--cuda-graph", help="On a GPU: capture the inference once, and replay it.", rich_help_panel=MEASURE),
]
Tf32 = Annotated[
    bool,
    typer.Option(
        "--tf32",
        help="On a GPU: let it round the factors of float32 products to 10 bits.",
        rich_help_panel=MEASURE,
    ),
]
GraphOptimizationOption = Annotated[
    GraphOptimization,
    typer.Option(
        "--graph-optimization",
        help="How far ONNX Runtime may change the graph when it loads it.",
        rich_help_panel=MEASURE,
    ),
]
NoSpinning = Annotated[
    bool,
    typer.Option(
        "--no-spinning",
        help="On a CPU: ONNX Runtime's threads sleep while they wait, and keep no core busy.",
        rich_help_panel=MEASURE,
    ),
]
PreferNhwc = Annotated[
    bool,
    typer.Option(
        "--prefer-nhwc",
        help="On a GPU: let ONNX Runtime keep maps with the channels last.",
        rich_help_panel=MEASURE,
    ),
]
AllowFallback = Annotated[
    bool,
    typer.Option(
        "--allow-fallback",
        help="On a GPU: accept a file of which the provider leaves work to another one, such as the CPU's.",
        rich_help_panel=MEASURE,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads within an operator.",
        rich_help_panel=MEASURE,
        show_default="the paper's 4, or the number of cores where there are fewer",
    ),
]
UsedComputeUnits = Annotated[
    ComputeUnits | None,
    typer.Option("--compute-units", help="Where Core ML ran it: the processors that it might use.", show_default=False),
]


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


def _given(options: dict[str, bool]) -> list[str]:
    return [name for name, given in options.items() if given]


def _are(runtimes: tuple[Runtime, ...]) -> str:
    return ("is " if len(runtimes) == 1 else "are ") + ", ".join(runtimes)
