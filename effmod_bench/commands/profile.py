"""`effmod profile`: where the time of an inference goes."""

import shlex
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.isolation.limit import TIMEOUT_S, allow
from effmod_bench.options.export import OnnxChoices
from effmod_bench.options.option import OUTPUT, PRECISELY, WRITTEN, but, option
from effmod_bench.options.output import Printing, StoreFolder, default_store
from effmod_bench.options.profile import ByOption, Depth, check_depth
from effmod_bench.options.protocol import NoWait, Processes, Runs, Timeout
from effmod_bench.options.runtime import RuntimeSettings, artifact_format, check_threads, one_number_of_threads
from effmod_bench.options.targets import ProfiledTargets
from effmod_bench.screen.console import Console
from results import Device, ProfilePlan


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Say where the time of an inference goes: every operator on its module, beside what the machine could do."""

    examples: ClassVar = (
        ("effmod profile efficientmod_xxs --threads 1", "stages and blocks, and the slowest operators"),
        ("effmod profile mine.onnx --by kind", "a file of your own, by kinds of operators"),
        ("effmod profile efficientmod_xxs --runtime openvino", "by OpenVINO's counters, or pytorch's"),
        ("effmod profile efficientmod_xxs --device cuda", "on the GPU, by its kernels"),
        ("effmod profile efficientmod_xxs --trace t.json", "every operator of one inference, for Perfetto"),
    )

    targets: ProfiledTargets
    by: ByOption = None
    depth: Depth = 2
    processes: Annotated[
        int | None, but(Processes, help="Fresh processes that are profiled.", show_default="5", metavar="N")
    ] = None
    runs: Annotated[
        int | None, but(Runs, help="Profiled inferences of each process.", show_default="30", metavar="N")
    ] = None
    no_roof: Annotated[
        bool, option("--no-roof", help="Do not measure what this machine can do at best.", panel=PRECISELY)
    ] = False
    timeout: Timeout = TIMEOUT_S
    no_wait: NoWait = False
    where: RuntimeSettings = RuntimeSettings()
    file: OnnxChoices = OnnxChoices()
    trace: Annotated[
        Path | None,
        option(
            "--trace",
            metavar="FILE",
            help="Write a Chrome trace of one inference too, for ui.perfetto.dev.",
            panel=OUTPUT,
            show_default=False,
        ),
    ] = None
    model_explorer: Annotated[
        Path | None,
        option(
            "--model-explorer",
            metavar="FILE",
            help="Write what each operator of the file takes, as node data for Model Explorer.",
            panel=OUTPUT,
            show_default=False,
        ),
    ] = None
    store: StoreFolder = msgspec.field(default_factory=default_store)
    printing: Printing = Printing()
    written: Annotated[tuple[str, ...], WRITTEN] = ()

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.runs.profile import Request, profile

        if len(self.targets) > 1:
            two = shlex.join(self.targets[:2])
            raise TargetError(
                f"a profile is of one target, not of {len(self.targets)}; 'effmod compare {two} --by module' says "
                "which parts make the difference between two"
            )
        if "--depth" in self.written:
            check_depth(self.by)
        if self.trace is not None and self.trace == self.model_explorer:
            raise TargetError(
                f"--trace and --model-explorer both name {self.trace}; name another file with one of them"
            )
        allow(self.timeout)
        plan = self.asked()
        request = Request(
            targets=tuple(self.targets),
            plan=plan,
            choices=self.file.choices(format=artifact_format(plan.device, None), batch_size=self.file.one_batch_size()),
            input_shapes=tuple(self.file.shapes().items()),
            given=self.file.given(),
            store=self.store,
            wait=not self.no_wait,
            by=self.by,
            depth=self.depth,
            roof=not self.no_roof,
            trace=self.trace,
            model_explorer=self.model_explorer,
        )
        return profile(console, request, self.printing.output_format)

    def asked(self) -> ProfilePlan:
        """The profile that it asks for; of Core ML, whose plan is read, one process in which nothing runs.

        Raises:
            TargetError: options contradict each other, or one is of another device.
        """
        device, options = self.where.resolve()
        if self.no_roof and device is not Device.CPU:
            raise TargetError(f"--no-roof goes with --device cpu: no roof is measured with --device {device}")
        threads = one_number_of_threads(self.where.threads)
        given = {"processes": self.processes, "runs": self.runs}
        counts = {name: count for name, count in given.items() if count is not None}
        if device is not Device.COREML:
            return msgspec.structs.replace(ProfilePlan(device=device, options=options, threads=threads), **counts)
        check_threads(device, () if threads is None else (threads,))
        if counts:
            raise TargetError(f"--{next(iter(counts))} is of what runs, and of Core ML a plan is read; leave it out")
        return ProfilePlan(device=device, options=options, processes=1, runs=1, warmup_runs=0)
