"""`effmod compare`: how much longer or shorter one artifact takes than another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.isolation.limit import allow
from effmod_bench.options.export import OnnxChoices
from effmod_bench.options.option import WRITTEN, but
from effmod_bench.options.output import Printing, StoreFolder, default_store
from effmod_bench.options.places import Elsewhere
from effmod_bench.options.profile import By, ByOption, Depth, check_depth
from effmod_bench.options.protocol import PairLimits, Pairs, Undecided, check_gate
from effmod_bench.options.runtime import ComparedSettings, one_number_of_threads
from effmod_bench.options.settings import shared_out
from effmod_bench.options.targets import Targets
from effmod_bench.options.words import complete_network
from effmod_bench.screen.console import Console
from results import BenchPlan, ComparisonPlan, Device, ProfilePlan

if TYPE_CHECKING:
    from effmod_bench.runs.plan import RunPlan


_TIMED = (
    *("--control", "--blocks", "--warmup", "--seed", "--margin", "--fail-if-slower", "--undecided", "--spread"),
    *("--until", "--max-time", "--round-timeout", "--resume", "--on"),
)
"""Options of how the two are timed, where nothing is profiled."""


class Compare(msgspec.Struct, frozen=True, kw_only=True):
    """Measure how targets' times differ from the first one's, by timing both in turn."""

    examples: ClassVar = (
        ("effmod compare efficientmod_xxs efficientmod_xs", "which is faster, and by how much"),
        ("effmod compare a.onnx b.onnx --fail-if-slower 5% --until decided", "a gate, by its exit code"),
        ("effmod compare a.onnx --runtime onnxruntime,openvino", "which runtime is faster with a file"),
        ("effmod compare a.onnx --control", "what the machine makes of no difference"),
        ("effmod compare a.onnx b.onnx --by module", "which parts make the difference"),
    )

    targets: Annotated[
        list[str] | None,
        but(
            Targets,
            autocompletion=complete_network,
            help="As for 'effmod bench'. Each of the others is compared with the first.",
        ),
    ] = None
    pairs: Pairs = Pairs()
    limits: PairLimits = PairLimits()
    by: Annotated[
        By | None,
        but(
            ByOption,
            help=f"Profile two targets instead, and say which parts make the difference: by {', '.join(By)}.",
            show_default=False,
        ),
    ] = None
    depth: Annotated[int, but(Depth, hidden=True, help="With --by module, how deep modules are shown.")] = 2
    elsewhere: Elsewhere = Elsewhere()
    where: ComparedSettings = ComparedSettings()
    file: OnnxChoices = OnnxChoices()
    store: StoreFolder = msgspec.field(default_factory=default_store)
    printing: Printing = Printing()
    written: Annotated[tuple[str, ...], WRITTEN] = ()

    def run(self, console: Console) -> ExitCode:
        if self.by is not None:
            return self._by_parts(console)
        if "--depth" in self.written:
            raise TargetError("--depth is of modules: add --by module, or leave it out")
        from effmod_bench.runs.measure import measure_pairs
        from effmod_bench.runs.plan import Command
        from effmod_bench.runs.prepare import prepared
        from effmod_bench.runs.resume import invoke
        from results.tables.comparisons import comparison_table

        console.expect(comparison_table(()))
        invocation = invoke(
            Command.COMPARE,
            self.limits,
            self.store,
            self.targets,
            self.written,
            begin=self.asked,
            elsewhere=self.elsewhere,
            say=console.note,
        )
        compared = invocation.run.compared
        assert compared is not None
        for words in shared_out(invocation.run.every_options):
            console.note(words)

        def check(names: Sequence[str]) -> None:
            if len(names) < 2 and not compared.control:
                if compared.options.denormal_as_zero:
                    raise TargetError(
                        f"{names[0]} alone is nothing to compare: a process takes subnormal numbers for zero or not, "
                        "so that the times never share one; 'effmod bench --denormal-as-zero' measures both in turn"
                    )
                raise TargetError(
                    f"{names[0]} alone is nothing to compare: name a second target that is another file, or give "
                    "--control to compare it with itself, or --runtime onnxruntime,openvino to compare two runtimes"
                )

        with prepared(console, invocation, check=check) as ready:
            return measure_pairs(console, invocation, ready, self.printing.output_format)

    def _by_parts(self, console: Console) -> ExitCode:
        """Profile the two by turns.

        Raises:
            TargetError: there are not two, or an option is for timing them.
        """
        from effmod_bench.runs.profile import Request, compare_profiles

        if others := [name for name in self.written if name in _TIMED]:
            raise TargetError(f"{others[0]} is for timing, and --by profiles; leave one of the two out")
        if "--depth" in self.written:
            check_depth(self.by)
        device, ways = self.where.resolve(share_process=False)
        both = [(target, options) for target in self.targets or () for options in ways]
        if len(both) != 2:
            raise TargetError(
                "--by lays the difference of two on their parts: name two targets, or one and two runtimes, as in "
                "--runtime onnxruntime,openvino"
            )
        allow(self.limits.timeout)
        for words in shared_out(ways):
            console.note(words)
        plan = ProfilePlan(
            device=device,
            options=ways[0],
            target_options=ways if len(ways) > 1 else (),
            threads=one_number_of_threads(self.where.threads),
        )
        if self.pairs.processes is not None:
            plan = msgspec.structs.replace(plan, processes=self.pairs.processes)
        request = Request(
            targets=tuple(target for target, _ in both),
            plan=plan,
            choices=self.file.choices(batch_size=self.file.one_batch_size()),
            input_shapes=tuple(self.file.shapes().items()),
            given=self.file.given(),
            store=self.store,
            wait=not self.limits.no_wait,
            by=self.by,
            depth=self.depth,
        )
        return compare_profiles(console, request, self.printing.output_format)

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
        device, (options, *others) = self.where.resolve()
        threads = one_number_of_threads(self.where.threads)
        if device is Device.COREML:
            raise TargetError("compare times on the CPU or a GPU; 'effmod bench' measures Core ML's packages")
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
        ways = (options, *others)
        return new_run(
            targets=[target for target in self.targets for _ in ways],
            plan=BenchPlan(device=device, options=options, threads=threads),
            choices=self.file.choices(batch_size=self.file.one_batch_size()),
            input_shapes=self.file.shapes(),
            given=self.file.given(),
            compared=plan,
            undecided_pass=pairs.undecided is Undecided.PASS,
            target_options=ways * len(self.targets) if others else (),
        )
