"""`effmod bench`: how long one inference takes."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.options.accuracy import Top1, parse_top1
from effmod_bench.options.export import BatchSize, FileChoices, ImageSize, parse_batch_sizes, parse_image_sizes
from effmod_bench.options.option import WRITTEN, but
from effmod_bench.options.output import Printing, StoreFolder, default_store
from effmod_bench.options.places import Elsewhere
from effmod_bench.options.protocol import DryRun, Limits, Rounds
from effmod_bench.options.runtime import (
    DenormalAsZero,
    RuntimeSettings,
    Threads,
    artifact_format,
    parse_threads,
)
from effmod_bench.options.targets import Table, Targets
from effmod_bench.screen.console import Console
from results import BenchPlan

if TYPE_CHECKING:
    from effmod_bench.runs.plan import RunPlan


class TimedFile(FileChoices, frozen=True, kw_only=True):
    """The file that is timed, in one image size and batch size or in several."""

    image_size: Annotated[
        str | None,
        but(
            ImageSize,
            metavar="N,...",
            help="Side of the square input in pixels; several, such as 224,256 or 224:512:32, are timed one by one.",
        ),
    ] = None
    batch_size: Annotated[
        str,
        but(
            BatchSize,
            metavar="N,...",
            help="Images in one inference; several, such as 1,2,4, are timed one by one.",
        ),
    ] = "1"


class BenchedSettings(RuntimeSettings, frozen=True, kw_only=True):
    """Where it runs, and how."""

    threads: Annotated[
        str | None,
        but(
            Threads,
            metavar="N,...",
            help="Threads within an operator; several, such as 1,2,4, are timed one by one.",
        ),
    ] = None
    denormal_as_zero: Annotated[
        bool,
        but(
            DenormalAsZero,
            help="Time each target a second time, in processes in turn with the others, with subnormal numbers, nearer "
            "to zero than 1.2e-38, taken for zero.",
        ),
    ] = False


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """Measure how long one inference takes, each round in a fresh process, beside the paper's figures."""

    examples: ClassVar = (
        ("effmod bench", "the four EfficientMod networks, as the paper timed them"),
        ("effmod bench efficientmod_xxs mine.onnx -d cuda --runs 400", "a network and a file, on the GPU"),
        ("effmod bench 'efficientmod_*' --max-time 20m", "as many rounds of them as 20 minutes allow"),
        ("effmod bench --resume", "go on with what was cut short"),
    )

    targets: Targets = None
    table: Table = None
    rounds: Rounds = Rounds()
    limits: Limits = Limits()
    elsewhere: Elsewhere = Elsewhere()
    dry_run: DryRun = False
    where: BenchedSettings = BenchedSettings()
    file: TimedFile = TimedFile()
    top1: Top1 = None
    store: StoreFolder = msgspec.field(default_factory=default_store)
    printing: Printing = Printing()
    written: Annotated[tuple[str, ...], WRITTEN] = ()

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.runs.measure import measure
        from effmod_bench.runs.plan import Command
        from effmod_bench.runs.prepare import prepared
        from effmod_bench.runs.preview import preview
        from effmod_bench.runs.resume import invoke
        from effmod_bench.suites.views import blank_table, table_of

        invocation = invoke(
            Command.BENCH,
            self.limits,
            self.store,
            self.targets,
            self.written,
            begin=self.asked,
            elsewhere=self.elsewhere,
            say=console.note,
        )
        output_format = self.printing.output_format
        to_come = blank_table(invocation.run.table, invocation.run.plan.device)
        if self.dry_run:
            plan = preview(invocation.run, invocation.store)
            console.expect(plan, to_come)
            console.table(plan, output_format)
            return ExitCode.OK
        console.expect(to_come)
        shown = partial(table_of, table=invocation.run.table)
        with prepared(console, invocation) as ready:
            code = measure(console, invocation, ready, output_format, shown)
        return ExitCode.SOME_FAILED if code is ExitCode.OK and not ready.is_whole else code

    def asked(self) -> "RunPlan":
        """The run that it asks for.

        Raises:
            TargetError: options contradict each other.
        """
        from effmod_bench.runs.plan import choose_anchor, new_run
        from effmod_bench.suites import suite_of_table
        from effmod_bench.targets.names import DEFAULT_TARGETS

        table, rounds, limits = self.table, self.rounds, self.limits
        if limits.until_decided:
            raise TargetError("--until decided is for 'effmod compare' with --fail-if-slower; here it is a width: 1%")
        if table is not None and self.file.num_classes is not None:
            raise TargetError(
                f"--table {table} is of networks as the paper has them; leave --num-classes out, or name networks"
            )
        if table is not None and self.targets:
            raise TargetError(
                f"--table {table} says which networks to measure; leave {self.targets[0]} out, or --table"
            )
        device, options = self.where.resolve()
        threads = parse_threads(self.where.threads)
        sizes = parse_batch_sizes(self.file.batch_size)
        sides = () if self.file.image_size is None else parse_image_sizes(self.file.image_size)
        if self.top1 and len(sides) > 1:
            raise TargetError("--top1 is of images of one size; give one --image-size")
        plan = BenchPlan(
            device=device,
            options=options,
            threads=threads[0] if threads else None,
            runs=rounds.runs,
            rounds=rounds.rounds,
            warmup_runs=rounds.warmup,
            seed=rounds.seed,
        )
        anchor = choose_anchor(
            rounds.anchor,
            plan,
            table=table,
            processes=rounds.processes,
            until=limits.width,
            max_time_s=limits.max_time,
            sweep=max(len(sizes), len(sides), len(threads)) > 1,
        )
        rewrite = self.file.rewrite
        return new_run(
            targets=suite_of_table(table).networks() if table is not None else self.targets or DEFAULT_TARGETS,
            plan=plan,
            anchor=anchor,
            table=table,
            max_time_s=limits.max_time if anchor is None else None,
            batch_sizes=sizes if len(sizes) > 1 else (),
            image_sizes=sides if len(sides) > 1 else (),
            threads=threads if len(threads) > 1 else (),
            choices=self.file.choices(
                format=artifact_format(device, self.file.format),
                batch_size=sizes[0],
                image_size=sides[0] if sides else None,
                rewrite=rewrite if rewrite is not None or table is None else "none",
            ),
            input_shapes=self.file.shapes(),
            given=self.file.given(),
            top1=parse_top1(self.top1),
        )
