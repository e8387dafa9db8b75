"""`effmod compare`: how much longer or shorter one artifact takes than another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.instrument.sessions.registry import ONNXRUNTIMES
from effmod_bench.options.export import OnnxChoices
from effmod_bench.options.option import WRITTEN, but
from effmod_bench.options.output import Printing, StoreFolder, default_store
from effmod_bench.options.protocol import Limits, Pairs, Undecided, check_gate
from effmod_bench.options.runtime import OnnxRuntimeSettings, one_number_of_threads
from effmod_bench.options.targets import Targets
from effmod_bench.screen.console import Console
from results import BenchPlan, ComparisonPlan

if TYPE_CHECKING:
    from effmod_bench.runs.plan import RunPlan


class Compare(msgspec.Struct, frozen=True, kw_only=True):
    """Measure how targets' times differ from the first one's, by timing both in turn in one process."""

    examples: ClassVar = (
        ("effmod compare efficientmod_xxs efficientmod_xs", "which is faster, and by how much"),
        ("effmod compare a.onnx b.onnx --fail-if-slower 5% --until decided", "a gate, by its exit code"),
        ("effmod compare a.onnx b.onnx --until 0.5%", "until the ratio is known to half a percent"),
        ("effmod compare a.onnx --control", "what the machine makes of no difference"),
    )

    targets: Annotated[
        list[str] | None,
        but(Targets, help="As for 'effmod bench'. Each of the others is compared with the first."),
    ] = None
    pairs: Pairs = Pairs()
    limits: Limits = Limits()
    where: OnnxRuntimeSettings = OnnxRuntimeSettings()
    file: OnnxChoices = OnnxChoices()
    store: StoreFolder = msgspec.field(default_factory=default_store)
    printing: Printing = Printing()
    written: Annotated[tuple[str, ...], WRITTEN] = ()

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.runs.measure import measure_pairs
        from effmod_bench.runs.plan import Command
        from effmod_bench.runs.prepare import prepared
        from effmod_bench.runs.resume import invoke

        invocation = invoke(Command.COMPARE, self.limits, self.store, self.targets, self.written, begin=self.asked)
        compared = invocation.run.compared
        assert compared is not None

        def check(names: Sequence[str]) -> None:
            if len(names) < 2 and not compared.control:
                if compared.options.denormal_as_zero:
                    raise TargetError(
                        f"{names[0]} alone is nothing to compare: a process takes subnormal numbers for zero or not, "
                        "so that the times never share one; 'effmod bench --denormal-as-zero' measures both in turn"
                    )
                raise TargetError(
                    f"{names[0]} alone is nothing to compare: name a second target that is another file, or give "
                    "--control to compare it with itself"
                )

        with prepared(console, invocation, check=check) as ready:
            return measure_pairs(console, invocation, ready.subjects, self.printing.output_format)

    def asked(self) -> "RunPlan":
        """The run that it asks for.

        Raises:
            TargetError: options contradict each other.
        """
        from effmod_bench.runs.plan import MAX_TIME_S, check_max_time, new_run

        pairs, limits = self.pairs, self.limits
        if not self.targets:
            raise TargetError("say what to compare: two or more networks of 'effmod list', or .onnx files")
        check_max_time(limits.max_time, limits.until, otherwise="; without it, --processes says how long to measure")
        check_gate(pairs.undecided, pairs.fail_if_slower)
        if limits.until_decided and pairs.fail_if_slower is None:
            raise TargetError("--until decided is for a gate: add --fail-if-slower 5%, or another limit")
        device, options = self.where.resolve()
        threads = one_number_of_threads(self.where.threads)
        if options.runtime not in ONNXRUNTIMES:
            raise TargetError(f"compare times ONNX Runtime, not {options.runtime}; 'effmod bench' measures that")
        plan = ComparisonPlan(
            device=device,
            options=options,
            threads=threads,
            control=pairs.control,
            blocks=pairs.blocks,
            warmup_runs=pairs.warmup,
            seed=pairs.seed,
            margin=pairs.margin,
            fail_if_slower=pairs.fail_if_slower,
            until=limits.width,
            spread_s=pairs.spread,
            until_decided=limits.until_decided,
            max_time_s=None if limits.until is None else limits.max_time or MAX_TIME_S,
        )
        if pairs.processes is not None:
            plan = msgspec.structs.replace(plan, processes=pairs.processes)
        return new_run(
            targets=self.targets,
            plan=BenchPlan(device=device, options=options, threads=threads),
            choices=self.file.choices(batch_size=self.file.one_batch_size()),
            input_shapes=self.file.shapes(),
            given=self.file.given(),
            compared=plan,
            undecided_pass=pairs.undecided is Undecided.PASS,
        )
