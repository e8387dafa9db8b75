"""Devices and runtimes by the names that a user gives them, and the settings that go with each."""

from typing import Annotated

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.instrument.sessions.registry import RUNTIMES
from effmod_bench.options.option import APPLE, CPU, GPU, WHERE, but, option
from effmod_bench.options.parse import is_positive, the_only_one
from effmod_bench.options.settings import check_owners, own_settings
from exporters import Format
from results import ComputeUnits, Device, GraphOptimization, Runtime, RuntimeOptions

DeviceName = Annotated[
    str,
    option(
        "--device",
        "-d",
        metavar="DEVICE",
        help="Where to run: cpu, cuda, coreml, or cuda:N for GPU number N.",
        panel=WHERE,
    ),
]
RuntimeName = Annotated[
    Runtime | None,
    option(
        "--runtime",
        metavar="RUNTIME",
        help=f"What runs it: {', '.join(Runtime)}.",
        panel=WHERE,
        show_default="the device's first",
    ),
]
Threads = Annotated[
    str | None,
    option(
        metavar="N",
        help="Threads within an operator.",
        panel=WHERE,
        show_default="the paper's 4, or as many as have a core where those are fewer",
    ),
]
DenormalAsZero = Annotated[
    bool,
    option(
        "--denormal-as-zero",
        help="ONNX Runtime takes subnormal numbers, nearer to zero than 1.2e-38, for zero.",
        panel=CPU,
        rare=True,
    ),
]
Tf32 = Annotated[
    bool,
    option("--tf32", help="Let it round the factors of float32 products to 10 bits.", panel=GPU, rare=True),
]
UsedComputeUnits = Annotated[
    ComputeUnits | None,
    option(
        "--compute-units",
        metavar="UNITS",
        help=f"Processors that Core ML may use: {', '.join(ComputeUnits)}.",
        panel=APPLE,
        rare=True,
        show_default="all",
    ),
]
ON_ONNX_DEVICES = "Where to run: cpu, cuda, or cuda:N for GPU number N."
"""The help of --device where ONNX Runtime runs."""


class _Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where something runs, and how."""

    device: DeviceName = "cpu"
    threads: Threads = None
    graph_optimization: Annotated[
        GraphOptimization,
        option(
            metavar="LEVEL",
            help=f"How far ONNX Runtime may change the graph when it loads it: {', '.join(GraphOptimization)}.",
            panel=CPU,
            rare=True,
        ),
    ] = GraphOptimization.ALL
    no_spinning: Annotated[
        bool,
        option(
            "--no-spinning",
            help="ONNX Runtime's threads sleep while they wait, and keep no core busy.",
            panel=CPU,
            rare=True,
        ),
    ] = False
    denormal_as_zero: DenormalAsZero = False
    include_transfers: Annotated[
        bool,
        option(
            "--include-transfers",
            help="Time the copies of input and output as well, as the paper did with the input.",
            panel=GPU,
            rare=True,
        ),
    ] = False
    cuda_graph: Annotated[
        bool, option("--cuda-graph", help="Capture the inference once, and replay it.", panel=GPU, rare=True)
    ] = False
    tf32: Tf32 = False
    prefer_nhwc: Annotated[
        bool,
        option("--prefer-nhwc", help="Let ONNX Runtime keep maps with the channels last.", panel=GPU, rare=True),
    ] = False
    allow_fallback: Annotated[
        bool,
        option(
            "--allow-fallback",
            help="Accept a file of which the provider leaves work to another one, such as the CPU's.",
            panel=GPU,
            rare=True,
        ),
    ] = False

    def units(self) -> ComputeUnits | None:
        """Processors that Core ML may use; None for other runtimes."""
        return None

    def resolve_for(
        self, runtime: Runtime | None, beside: tuple[Runtime, ...] = (), *, share_process: bool = True
    ) -> tuple[Device, RuntimeOptions]:
        """The device, and what the settings come to on it.

        Args:
            runtime: None for the device's first.
            beside: all that were asked for, where there are several.
            share_process: these take turns in one process.

        Raises:
            TargetError: there is no such device, it has no such runtime, or a setting is of none of those asked for.
        """
        device, index = parse_device(self.device)
        known, units = RUNTIMES[device], self.units()
        check_on_device(runtime, device)
        if units is not None and device is not Device.COREML:
            raise TargetError("--compute-units goes with --device coreml")
        options = RuntimeOptions(
            runtime=runtime or known[0],
            device_index=index,
            compute_units=units or ComputeUnits.ALL if device is Device.COREML else None,
            include_transfers=self.include_transfers,
            cuda_graph=self.cuda_graph,
            use_tf32=self.tf32,
            prefer_nhwc=self.prefer_nhwc,
            allow_fallback=self.allow_fallback,
            graph_optimization=self.graph_optimization,
            allow_spinning=not self.no_spinning,
            denormal_as_zero=self.denormal_as_zero,
        )
        check_owners(device, options, beside or (options.runtime,), share_process=share_process)
        return device, own_settings(options, options.runtime) if beside else options


class ComparedSettings(_Settings, frozen=True, kw_only=True):
    """Where one runtime or several run, and how they are told to."""

    device: Annotated[str, but(DeviceName, help=ON_ONNX_DEVICES)] = "cpu"
    runtime: Annotated[
        str | None,
        but(
            RuntimeName,
            metavar="RUNTIME,...",
            help="What runs them: onnxruntime, tensorrt, openvino, pytorch, torch-compile. Several are compared, too.",
            show_default="onnxruntime",
        ),
    ] = None

    def resolve(self, *, share_process: bool = True) -> tuple[Device, tuple[RuntimeOptions, ...]]:
        """The device, and what the settings come to on it by each runtime.

        Args:
            share_process: several take turns in one process.

        Raises:
            TargetError: as of `resolve_for`, or there is no such runtime.
        """
        device, _ = parse_device(self.device)
        runtimes = RUNTIMES[device][:1] if self.runtime is None else parse_runtimes(self.runtime)
        return device, tuple(
            self.resolve_for(runtime, runtimes if len(runtimes) > 1 else (), share_process=share_process)[1]
            for runtime in runtimes
        )


class RuntimeSettings(_Settings, frozen=True, kw_only=True):
    """Where any runtime runs, and how it is told to."""

    runtime: RuntimeName = None
    compute_units: UsedComputeUnits = None

    def units(self) -> ComputeUnits | None:
        return self.compute_units

    def resolve(self) -> tuple[Device, RuntimeOptions]:
        """As `resolve_for`."""
        return self.resolve_for(self.runtime)


def parse_runtimes(text: str) -> tuple[Runtime, ...]:
    """`openvino` or `onnxruntime,openvino`, each once.

    Raises:
        TargetError: there is no such runtime.
    """
    names = dict.fromkeys(name.strip() for name in text.split(","))
    if unknown := [name for name in names if name not in list(Runtime)]:
        raise TargetError(f"--runtime {text!r}: no runtime {unknown[0]!r}; there are {', '.join(Runtime)}")
    return tuple(map(Runtime, names))


def check_on_device(runtime: Runtime | None, device: Device) -> None:
    """Refuse a runtime that a device does not have; None is its first.

    Raises:
        TargetError: it does not.
    """
    known = RUNTIMES[device]
    if runtime is not None and runtime not in known:
        raise TargetError(f"{runtime} does not run on {device}; there {_are(known)}")


def parse_threads(text: str | None) -> tuple[int, ...]:
    """`4` or `1,2,4`, each once; none where nobody says.

    Raises:
        TargetError: one of them is no positive number.
    """
    if text is None:
        return ()
    counts = dict.fromkeys(part.strip() for part in text.split(","))
    if wrong := [count for count in counts if not is_positive(count)]:
        raise TargetError(f"--threads {text!r}: {wrong[0]!r} is no number of threads; write 4, or 1,2,4")
    return tuple(dict.fromkeys(map(int, counts)))


def one_number_of_threads(text: str | None) -> int | None:
    """How many threads, where several numbers make no sense; None where nobody says.

    Raises:
        TargetError: there are several, or it is no number of threads.
    """
    return None if text is None else the_only_one("--threads", text, parse_threads(text))


def check_threads(device: Device, counts: tuple[int, ...]) -> None:
    """Refuse threads where they do not decide how long an inference takes.

    Raises:
        TargetError: there are some.
    """
    if counts and device is Device.COREML:
        raise TargetError("--threads is for the CPU; Core ML chooses its threads itself")
    if len(counts) > 1 and device is not Device.CPU:
        raise TargetError(f"several --threads go with --device cpu, not with --device {device}; give one, or none")


def parse_device(text: str) -> tuple[Device, int]:
    """A device, and which of several: "cpu", "cuda", "cuda:1".

    Raises:
        TargetError: there is no such device.
    """
    name, colon, index = text.partition(":")
    known = [str(device) for device in RUNTIMES]
    if name not in known or (colon and (name != "cuda" or not index.isdecimal())):
        meant = "; an NVIDIA GPU is cuda, the second one cuda:1" if name.lower() in ("gpu", "nvidia", "cuda") else ""
        raise TargetError(f"no device {text!r}; there are {', '.join(known)}{meant}")
    return Device(name), int(index or 0)


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


def _are(runtimes: tuple[Runtime, ...]) -> str:
    return ("is " if len(runtimes) == 1 else "are ") + ", ".join(runtimes)
