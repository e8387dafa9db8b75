"""`effmod tune`: the fastest file of a network, and how to run it."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.isolation.limit import TIMEOUT_S, allow
from effmod_bench.options.export import NetworkChoices
from effmod_bench.options.option import FILE, PRECISELY, but, option
from effmod_bench.options.output import OutputFolder, Printing, StoreFolder, default_store
from effmod_bench.options.parse import check_output, parse_duration
from effmod_bench.options.protocol import Margin, NoWait, Seed, Timeout
from effmod_bench.options.runtime import (
    ON_ONNX_DEVICES,
    DenormalAsZero,
    DeviceName,
    RuntimeName,
    Tf32,
    Threads,
    one_number_of_threads,
    parse_device,
    parse_runtimes,
)
from effmod_bench.options.targets import TunedTarget
from effmod_bench.options.verification import Data
from effmod_bench.screen.console import Console
from results import ComparisonPlan, Device, RuntimeOptions


class Tune(msgspec.Struct, frozen=True, kw_only=True):
    """Find the fastest file of a network, and the runtime and settings for it, of those that are proved equal."""

    examples: ClassVar = (
        ("effmod tune efficientmod_xxs", "ten minutes for the fastest equal file and its runtime"),
        ("effmod tune mine.onnx --budget 2m -o tuned", "a file of your own, two minutes"),
        ("effmod tune mine.onnx --runtime openvino", "by one runtime alone"),
        ("effmod tune efficientmod_s -d cuda --tf32", "on a GPU, with TF32 allowed"),
    )

    network: TunedTarget
    device: Annotated[str, but(DeviceName, help=ON_ONNX_DEVICES)] = "cpu"
    runtime: Annotated[
        str | None,
        but(
            RuntimeName,
            metavar="RUNTIME,...",
            help="Those to try: onnxruntime, openvino, torch-compile, pytorch, tensorrt.",
            show_default="the first three, as far as they are installed; on a GPU onnxruntime",
        ),
    ] = None
    threads: Threads = None
    budget: Annotated[
        float,
        option(
            parser=parse_duration,
            metavar="DURATION",
            help="For all of it, such as 90s or 1h: what is not tried by then is left out.",
            show_default="10m",
            panel=PRECISELY,
        ),
    ] = 600.0
    margin: Margin = 0.005
    seed: Annotated[int, but(Seed, help="Of the order of loading and of the runs, and the cores.")] = 0
    no_wait: NoWait = False
    tf32: Annotated[bool, but(Tf32, help="Try TF32 too, which is not equal.", hidden=False)] = False
    denormal_as_zero: DenormalAsZero = False
    allow_machine_specific: Annotated[
        bool,
        option(
            "--allow-machine-specific",
            help="Try the graph that the runtime itself makes, which runs on this kind of processor and with this "
            "version of the runtime only.",
            panel=FILE,
        ),
    ] = False
    allow_inexact: Annotated[
        bool,
        option(
            "--allow-inexact",
            help="Try int8, too, and take it where it is faster: it is not equal to the network.",
            panel=FILE,
        ),
    ] = False
    data: Annotated[
        Path | None,
        but(
            Data,
            help="With --allow-inexact: labelled images, a folder for each class, to say how often such a file is "
            "right.",
            rich_help_panel=FILE,
        ),
    ] = None
    file: NetworkChoices = NetworkChoices()
    timeout: Timeout = TIMEOUT_S
    output: OutputFolder = Path()
    store: StoreFolder = msgspec.field(default_factory=default_store)
    printing: Printing = Printing()

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.tuning.tune import Tuning

        check_output(self.output)
        device, index = parse_device(self.device)
        if device is Device.COREML:
            raise TargetError("effmod tune is for the CPU and NVIDIA's GPUs: --device cpu or cuda")
        if self.tf32 and device is not Device.CUDA:
            raise TargetError(f"--tf32 goes with --device cuda, not with --device {device}")
        if self.denormal_as_zero and device is not Device.CPU:
            raise TargetError(f"--denormal-as-zero goes with --device cpu, not with --device {device}")
        if self.data is not None and not self.allow_inexact:
            raise TargetError("--data goes with --allow-inexact: whatever is proved equal is as often right")
        allow(self.timeout)
        tuning = Tuning(
            target=self.network,
            plan=ComparisonPlan(
                device=device,
                options=RuntimeOptions(device_index=index, denormal_as_zero=self.denormal_as_zero),
                threads=one_number_of_threads(self.threads),
                seed=self.seed,
                margin=self.margin,
            ),
            runtimes=None if self.runtime is None else parse_runtimes(self.runtime),
            choices=self.file.choices(batch_size=self.file.one_batch_size()),
            input_shapes=self.file.shapes(),
            given=self.file.given(),
            budget_s=self.budget,
            tf32=self.tf32,
            allow_machine_specific=self.allow_machine_specific,
            allow_inexact=self.allow_inexact,
            data=self.data,
            output=self.output,
            store=self.store,
            wait=not self.no_wait,
        )
        return tuning.run(console, self.printing.output_format)
