"""`effmod bench` from its options to its table."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.instrument.available import check_installed, check_runs
from effmod_bench.instrument.clock import utc_now
from effmod_bench.instrument.estimate import Timeline, guess_s
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.machine.system import available_cores
from effmod_bench.instrument.schedule import missing, new_run_id, schedule
from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES, ONNXRUNTIMES
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import PAPER_THREADS, threads_to_use
from effmod_bench.listing import PlannedRun, plan_table
from effmod_bench.options.export import ExportChoices
from effmod_bench.resuming import Anchor, Command, RunPlan, check_folder, check_same, find_run, records_of, say_missing
from effmod_bench.screen.console import Console
from effmod_bench.screen.measurements import print_measurements, say_precision
from effmod_bench.screen.progress import in_words
from effmod_bench.targets.limits import check_checkpoint, check_image_sizes
from effmod_bench.targets.names import check_file, find_networks, is_file
from effmod_bench.targets.obtain import obtain_artifact, obtain_weights
from exporters import ExportConfig, is_cached, is_network_cached
from models import ModelSpec
from results import (
    BenchPlan,
    ComparisonPlan,
    ComparisonProcess,
    Device,
    Round,
    Store,
    StoreError,
    TimedArtifact,
    compare,
    summarise,
)
from results.tables.table import Table
from results.tables.words import counted
from results.tables.write import OutputFormat

# From torch's start to the last check, by image size 224 on two cores: for the dry run's estimate only.
_EXPORT_S = 12.0

DEFAULT_ANCHOR = "efficientmod_xxs"

# How long --until may go on where nobody says, for each target.
MAX_TIME_S = 600.0


def choose_anchor(
    target: str | None,
    plan: BenchPlan,
    *,
    table: str | None,
    processes: int | None,
    until: float | None,
    max_time_s: float | None,
    sweep: bool,
) -> Anchor | None:
    """What the user's options come to: with a table of the paper there is an anchor, where it can be timed.

    Args:
        sweep: over batch sizes, which have no anchor.

    Raises:
        TargetError: an option is for anchors, and there is none.
    """
    if target is None and table is not None and plan.options.runtime in ONNXRUNTIMES and not sweep:
        target = DEFAULT_ANCHOR
    if target in (None, "none"):
        given = {"--processes": processes, "--until": until, "--max-time": max_time_s}
        for option, value in given.items():
            if value is not None:
                raise TargetError(f"{option} is for the ratios to an anchor; add --anchor {DEFAULT_ANCHOR}")
        return None
    if sweep:
        raise TargetError("--anchor is for one --batch-size; leave it out, or give one size")
    if max_time_s is not None and until is None:
        raise TargetError("--max-time goes with --until; without it, --processes says how long to measure")
    pairs = ComparisonPlan(
        device=plan.device,
        options=plan.options,
        threads=plan.threads,
        seed=plan.seed,
        until=until,
        max_time_s=max_time_s,
    )
    if processes is not None:
        pairs = msgspec.structs.replace(pairs, processes=processes)
    return Anchor(target=target, plan=pairs)


class Benchmark(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked `effmod bench` to do.

    Attributes:
        batch_sizes: each target is timed with each of these; empty for that of `choices` alone.
        anchor: what every target is timed in turn with, after the rounds; None for nothing.
        table: of the paper, that the targets stand in and the result is shown as.
        resumed: the run that is to be completed; None to begin one.
        wait: where another effmod measures, until it is done; False to give up.
        round_timeout_s: what a round may take; None for a limit that follows from what it should take.
    """

    targets: tuple[str, ...]
    plan: BenchPlan
    choices: ExportChoices
    input_shapes: dict[str | None, tuple[int, ...]]
    store: Path
    batch_sizes: tuple[int, ...] = ()
    anchor: Anchor | None = None
    table: str | None = None
    resumed: RunPlan | None = None
    wait: bool = True
    round_timeout_s: float | None = None

    @classmethod
    def resume(
        cls,
        run_id: str | None,
        store: Path,
        *,
        wait: bool,
        round_timeout_s: float | None,
        command: Command = Command.BENCH,
    ) -> "Benchmark":
        """What is missing or failed in a run of the store; None for the latest run of the command.

        Raises:
            TargetError: there is no such run, or it names files that are not there as seen from this folder.
            StoreError: the store cannot be read.
        """
        run = find_run(Store(store), run_id, command)
        check_folder(run, Store(store))
        return cls(
            targets=run.targets,
            plan=run.plan,
            choices=run.choices,
            input_shapes=dict(run.input_shapes),
            store=store,
            batch_sizes=run.batch_sizes,
            anchor=run.anchor,
            table=run.table,
            resumed=run,
            wait=wait,
            round_timeout_s=round_timeout_s,
        )

    def preview(self) -> Table[PlannedRun]:
        """What `run` would do, and about how long it would take; nothing is exported or measured.

        Raises:
            UnknownModelError, ImageSizeError, TargetError, ArtifactError: as `run` would.
        """
        anchor = self._anchor_item()
        anchor_macs = self._macs(anchor) if anchor else None
        rows = [one._planned(item, anchor, anchor_macs) for one in self._each_batch_size() for item in one._items()]
        known = [row.about_s for row in rows if row.about_s is not None]
        if known:
            others = "" if len(known) == len(rows) else ", and the files of which nothing is known"
            time = f"{in_words(sum(known))} in all{others}"
        else:
            time = "how long it takes is unknown until it runs"
        threads = threads_to_use(self.plan)
        index = self.plan.options.device_index
        device = f"{self.plan.device}:{index}" if index else str(self.plan.device)
        where = device if threads is None else f"{device}, {counted(threads, 'thread')}"
        note = (
            f"{where}; {self.plan.runs} runs each, "
            f"split over {counted(min(self.plan.rounds, self.plan.runs), 'process', 'processes')}; "
            + (f"then each in turn with {self.anchor.target}, processes of its own; " if self.anchor else "")
            + f"{time}; records go to {self.store}"
        )
        return plan_table(rows, [note])

    def _planned(self, item: Path | ModelSpec, anchor: Path | ModelSpec | None, anchor_macs: int | None) -> PlannedRun:
        if isinstance(item, Path):
            artifact = self._files([item])[item].artifact
            macs = artifact.macs
            export_s, action = 0.0, "as it is"
            name, batch, size = artifact.name, artifact.batch_size, None
        else:
            config, macs = self.choices.config(item), self._macs(item)
            export_s, action = (0.0, "cached") if self._is_cached(item, config) else (_EXPORT_S, "to be exported")
            name, batch, size = item.name, config.batch_size, config.image_size
        measure_s = Timeline(self.plan, [macs]).left_s()
        pairs_s = guess_s(self.anchor.plan, (anchor_macs, macs)) if self.anchor and anchor != item else 0.0
        about_s = None if measure_s is None or pairs_s is None else measure_s + pairs_s + export_s
        return PlannedRun(
            name=name, action=action, image_size=size, batch_size=batch, runs=self.plan.runs, about_s=about_s
        )

    def _each_batch_size(self) -> list["Benchmark"]:
        """The same with one batch size each; files of a fixed batch take no other."""
        sizes = self.batch_sizes or (self.choices.batch_size,)
        return [
            msgspec.structs.replace(
                self, choices=msgspec.structs.replace(self.choices, batch_size=size), batch_sizes=()
            )
            for size in sizes
        ]

    def run(self, console: Console, output_format: OutputFormat) -> ExitCode:
        """Export what is missing, measure, and print the table; what is finished is printed whatever happens.

        Raises:
            StoreError: the store cannot be written.
            DeviceUnavailableError: the device cannot be used here.
            UnknownModelError, ImageSizeError, TargetError, ArtifactError, CheckpointError, ExportError, ParityError:
                before anything is measured.
        """
        run = self.asked()
        with self.prepared(console, run) as (store, subjects, anchor):
            return self._measure(console, output_format, run, store, subjects, anchor)

    def asked(self) -> RunPlan:
        """The run that is resumed, or a new one, of which nothing is known but what the user asked."""
        return self.resumed or RunPlan(
            id=new_run_id(),
            started_at=utc_now().isoformat(timespec="milliseconds"),
            targets=self.targets,
            plan=self.plan,
            choices=self.choices,
            batch_sizes=self.batch_sizes,
            input_shapes=tuple(self.input_shapes.items()),
            anchor=self.anchor,
            table=self.table,
        )

    def _measure(
        self,
        console: Console,
        output_format: OutputFormat,
        run: RunPlan,
        store: Store,
        subjects: Sequence[Subject],
        anchor: Subject | None,
    ) -> ExitCode:
        from effmod_bench.instrument import pairs as pair_runner
        from effmod_bench.instrument import rounds as runner
        from effmod_bench.instrument.machine.machine import read_machine

        run = self._begin(run, store, [subject.artifact for subject in subjects], anchor)
        records = records_of(run, store, Round) if self.resumed else []
        pairs = records_of(run, store, ComparisonProcess) if self.resumed else []
        if self.resumed:
            self._say_missing(console, run, records, pairs)
        code, machine = ExitCode.OK, read_machine()
        try:
            with console.progress("measuring") as progress:
                runner.run(
                    run.id,
                    run.plan,
                    subjects,
                    machine,
                    store,
                    progress,
                    on_record=records.append,
                    earlier=tuple(records),
                    round_timeout_s=self.round_timeout_s,
                )
            if run.anchor and anchor:
                others = [subject for subject in subjects if subject.artifact != anchor.artifact]
                with console.progress("timing in turn with the anchor", unit="process") as progress:
                    pair_runner.run(
                        run.id,
                        run.anchor.plan,
                        [anchor, *others],
                        machine,
                        store,
                        progress,
                        on_record=pairs.append,
                        earlier=tuple(pairs),
                        timeout_s=self.round_timeout_s,
                    )
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
            # It may have come between a record's storing and its telling.
            records, pairs = records_of(run, store, Round), records_of(run, store, ComparisonProcess)
            console.warn("interrupted" + (": the table holds what was finished" if records else ""))
        finally:
            measurements = summarise(records, pairs)
            if records:
                print_measurements(console, measurements, output_format, table=self.table)
                say_precision(console, compare(pairs))
                options = [*(["--table", self.table] if self.table else []), *naming_run(store, run.id)]
                again = shlex.join(["effmod", "show", str(self.store), *options])
                console.note(
                    f"{counted(len(records) + len(pairs), 'record')} in {self.store}; the table again: {again}"
                )
        if code is ExitCode.OK and any(measurement.failures for measurement in measurements):
            code = ExitCode.SOME_FAILED
        if code is not ExitCode.OK:
            console.note(f"what is missing or failed, again: {run.resume_command(self.store)}")
        return code

    def _begin(self, run: RunPlan, store: Store, artifacts: Sequence[TimedArtifact], anchor: Subject | None) -> RunPlan:
        """The run with what its targets came to, stored before anything is measured."""
        if run.artifacts:
            check_same(run, artifacts, anchor.artifact if anchor else None)
            return run
        run = msgspec.structs.replace(
            run,
            plan=msgspec.structs.replace(run.plan, targets=tuple(artifact.name for artifact in artifacts)),
            artifacts=tuple(artifacts),
            anchor=self._pairs_planned(artifacts, anchor.artifact) if anchor else None,
            anchor_artifact=anchor.artifact if anchor else None,
        )
        store.write(run, again=True)
        return run

    def _pairs_planned(self, artifacts: Sequence[TimedArtifact], anchor: TimedArtifact) -> Anchor:
        """The pairs, by the names of what is paired; the anchor comes first."""
        assert self.anchor
        plan = self.anchor.plan
        others = [artifact.name for artifact in artifacts if artifact != anchor]
        max_time_s = plan.max_time_s or MAX_TIME_S * len(others) if plan.until is not None else None
        plan = msgspec.structs.replace(plan, targets=(anchor.name, *others), max_time_s=max_time_s)
        return msgspec.structs.replace(self.anchor, plan=plan)

    def _say_missing(
        self, console: Console, run: RunPlan, records: Sequence[Round], pairs: Sequence[ComparisonProcess]
    ) -> None:
        from effmod_bench.instrument import pairs as pair_runner

        rounds = len(schedule(run.plan, len(run.artifacts)))
        left = len(missing(run.plan, run.artifacts, records))
        to_do = [f"{left} of {counted(rounds, 'round')}"] if left else []
        if run.anchor and (processes := pair_runner.missing(run.anchor.plan, len(run.anchor.plan.targets), pairs)):
            to_do.append(f"{counted(processes, 'process', 'processes')} beside {run.anchor.target}")
        say_missing(console, run, run.plan.targets, to_do)

    @contextmanager
    def prepared(
        self, console: Console, run: RunPlan, *, check: Callable[[Sequence[str]], None] = lambda _: None
    ) -> Iterator[tuple[Store, list[Subject], Subject | None]]:
        """All that comes before measuring: wrong use is said, the store can be written, every file is there.

        It gives the store, what is to be timed, and the anchor where there is one. Nobody else measures on this
        machine until the block ends. Where it is cut short, the user is told how to go on.

        Args:
            run: stored before anything takes long, where it is not one that is resumed.
            check: refuses names that make no sense together: those of the targets, before anything is exported, and
                those of the artifacts that they came to.

        Raises:
            As `run`, and as `check`.
        """
        from effmod_bench.targets.subjects import say_changed

        anchor = self._anchor_item()
        each = [(one, one._items()) for one in self._each_batch_size()]
        check([item.name for _, items in each for item in items])
        check_installed(self.plan.device, self.plan.options)
        store = Store(self.store)
        store.check_writable()
        threads = threads_to_use(self.plan)
        if threads is not None:
            self._say_threads(console, threads)
        files = [one._files(items) for one, items in each]
        anchors_file = self._files([anchor] if anchor else [])
        given = {path: subject for each in (*files, anchors_file) for path, subject in each.items()}
        say_changed(console, given.values())
        if self.resumed is None:
            store.write(run)
        try:
            with measuring_alone(wait=self.wait, on_wait=console.note):
                check_runs(self.plan.device, self.plan.options)
                subjects = [
                    subject
                    for (one, items), its_files in zip(each, files, strict=True)
                    for subject in one._subjects(console, items, its_files)
                ]
                # One artifact named twice, as a network and as its file, say, is one target.
                once = {msgspec.json.encode(subject.artifact): subject for subject in reversed(subjects)}
                anchors = self._anchor_subject(console, anchor, each[0][1], anchors_file) if anchor else None
                check([subject.artifact.name for subject in once.values()])
                yield store, list(once.values())[::-1], anchors
        except KeyboardInterrupt:
            console.note(f"go on: {run.resume_command(self.store)}")
            raise
        except StoreError as error:
            raise StoreError(
                f"{error}. What it holds stays readable; once it can be written, go on: "
                f"{run.resume_command(self.store)}"
            ) from error

    def _items(self) -> list[Path | ModelSpec]:
        """Files and networks, each once, in the order given."""
        if self.plan.device is Device.COREML and self.plan.threads is not None:
            raise TargetError("--threads is for the CPU; Core ML chooses its threads itself")
        items: list[Path | ModelSpec] = []
        for target in self.targets:
            found = [Path(target)] if is_file(target) else find_networks([target], image_size=self.choices.image_size)
            items += [item for item in found if item not in items]
        for item in items:
            if isinstance(item, Path):
                check_file(item, self.choices.format)
            else:
                self.choices.config(item)
        networks = [item for item in items if not isinstance(item, Path)]
        if self._runs_networks:
            self._check_network_options(items)
        check_image_sizes(self.choices, networks)
        if networks:
            check_checkpoint(self.choices.checkpoint, networks)
        else:
            self._check_file_options()
        if self.input_shapes and len(networks) == len(items):
            raise TargetError("--input-shape is for .onnx files, and no target is one; --image-size is for networks")
        return items

    def _anchor_item(self) -> Path | ModelSpec | None:
        """The file or network that every target is paired with."""
        if self.anchor is None:
            return None
        if self.plan.options.runtime not in ONNXRUNTIMES:
            runtime = self.plan.options.runtime
            raise TargetError(f"--anchor is for ONNX Runtime, not for {runtime}; leave it out, or give --anchor none")
        if is_file(self.anchor.target):
            file = Path(self.anchor.target)
            check_file(file, self.choices.format)
            return file
        found = find_networks([self.anchor.target], image_size=self.choices.image_size)
        if len(found) > 1:
            raise TargetError(f"--anchor {self.anchor.target} stands for {len(found)} networks; name one")
        check_image_sizes(self.choices, found)
        return found[0]

    def _anchor_subject(
        self, console: Console, item: Path | ModelSpec, items: Sequence[Path | ModelSpec], files: dict[Path, Subject]
    ) -> Subject:
        if isinstance(item, Path):
            return files[item]
        if item in items:
            return self._network_subject(console, item)
        # The weights that the user gave are another network's; latency does not depend on them.
        choices = msgspec.structs.replace(self.choices, checkpoint=None)
        return msgspec.structs.replace(self, choices=choices)._network_subject(console, item)

    def _macs(self, item: Path | ModelSpec) -> int | None:
        """Multiply-adds of an inference; None for a file of which nothing is known."""
        if isinstance(item, Path):
            return self._files([item])[item].artifact.macs
        config = self.choices.config(item)
        return item.macs * config.batch_size * config.image_size**2 // item.image_size**2

    def _check_file_options(self) -> None:
        """Refuse options of the export where nothing is exported."""
        given = self.choices.given(apart_from=("format", "batch_size"))
        if given:
            raise TargetError(f"{given[0]} is for networks that effmod exports, and every target is a file")

    def _check_network_options(self, items: Sequence[Path | ModelSpec]) -> None:
        """Refuse files and options of the export where PyTorch runs the network itself."""
        runtime = self.plan.options.runtime
        file = next((item for item in items if isinstance(item, Path)), None)
        if file is not None:
            raise TargetError(f"{runtime} runs networks, not {file}; name a network, or leave --runtime out")
        own = ["format", "image_size", "batch_size", "checkpoint"]
        if not self.choices.rewrites():  # 'none' is what it does
            own.append("rewrite")
        given = self.choices.given(apart_from=own)
        if given:
            raise TargetError(f"{given[0]} is for exported files, and {runtime} runs the network itself")

    def _files(self, items: Sequence[Path | ModelSpec]) -> dict[Path, Subject]:
        """The user's own files; a wrong one is said before waiting, and before the minutes that exporting takes."""
        from effmod_bench.targets.subjects import file_subject

        return {
            item: file_subject(item, self.input_shapes, batch_size=self.choices.batch_size)
            for item in items
            if isinstance(item, Path)
        }

    def _subjects(
        self, console: Console, items: Sequence[Path | ModelSpec], files: dict[Path, Subject]
    ) -> list[Subject]:
        return [files[item] if isinstance(item, Path) else self._network_subject(console, item) for item in items]

    def _network_subject(self, console: Console, spec: ModelSpec) -> Subject:
        from effmod_bench.targets.subjects import network_subject, zoo_subject

        if self._runs_networks:
            return network_subject(obtain_weights(console, spec, self.choices), batch_size=self.choices.batch_size)
        return zoo_subject(obtain_artifact(console, spec, self.choices), batch_size=self.choices.batch_size)

    @property
    def _runs_networks(self) -> bool:
        return self.plan.options.runtime in NETWORK_RUNTIMES

    def _is_cached(self, spec: ModelSpec, config: ExportConfig) -> bool:
        if self._runs_networks:
            return is_network_cached(spec, image_size=config.image_size, checkpoint=self.choices.checkpoint)
        return is_cached(spec, config, checkpoint=self.choices.checkpoint)

    def _say_threads(self, console: Console, threads: int) -> None:
        cores = available_cores()
        if self.plan.threads is None and cores < PAPER_THREADS:
            console.note(
                f"{counted(threads, 'thread')}, one for each core; the paper used {PAPER_THREADS} "
                f"(--threads {PAPER_THREADS} obeys, on shared cores)"
            )
        elif threads > cores:
            console.warn(
                f"{threads} threads on {counted(cores, 'core')} wait for each other: expect slow and uneven times"
            )


def naming_run(store: Store, run_id: str) -> list[str]:
    """The options by which `effmod show` gives the table of one run, and not that of all."""
    return ["--run", run_id] if store.holds_others(run_id) else []
