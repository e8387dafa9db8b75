"""`effmod bench` from its options to its table."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from effmod_bench.console import Console, in_words
from effmod_bench.devices import NETWORK_RUNTIMES, check_device
from effmod_bench.environment import available_cores
from effmod_bench.errors import ExitCode
from effmod_bench.exporting import obtain_artifact, obtain_weights
from effmod_bench.listing import PlannedRun, plan_table
from effmod_bench.runner import PAPER_THREADS, Subject
from effmod_bench.targets import ExportChoices, TargetError, check_checkpoint, check_image_sizes, find_networks, is_file
from exporters import DEFAULT_OPSET, ExportConfig, Format, is_cached, is_network_cached
from models import ModelSpec
from results import BenchPlan, Measurement, Outcome, Round, StabilityWarning, Store, summarise
from results.tables import OutputFormat, Table, measurement_table

# From torch's start to the last check, by image size 224 on two cores: for the dry run's estimate only.
_EXPORT_S = 12.0

_ADVICE = {
    StabilityWarning.FEWER_CORES: "more threads than cores, which wait for each other: slow and uneven times; "
    "leave --threads out, or use a machine with more cores",
    StabilityWarning.ROUNDS_DISAGREE: "fresh processes disagree by more than 10 %: close other programs, or raise "
    "--rounds; networks that lie closer together than that are not told apart",
}


class Benchmark(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked `effmod bench` to do."""

    targets: tuple[str, ...]
    plan: BenchPlan
    choices: ExportChoices
    input_shapes: dict[str | None, tuple[int, ...]]
    store: Path

    def preview(self) -> Table[PlannedRun]:
        """What `run` would do, and about how long it would take; nothing is exported or measured.

        Raises:
            UnknownModelError, ImageSizeError, TargetError, ArtifactError: as `run` would.
        """
        from effmod_bench.runner import Timeline, threads_to_use
        from effmod_bench.subjects import file_subject

        rows = []
        for item in self._items():
            if isinstance(item, Path):
                subject = file_subject(item, self.input_shapes, batch_size=self.choices.batch_size)
                macs, export_s, action = subject.artifact.macs, 0.0, "as it is"
                name, batch, size = subject.artifact.name, subject.artifact.batch_size, None
            else:
                config = self.choices.config(item)
                cached = self._is_cached(item, config)
                macs = item.macs * config.batch_size * config.image_size**2 // item.image_size**2
                export_s, action = (0.0, "cached") if cached else (_EXPORT_S, "to be exported")
                name, batch, size = item.name, config.batch_size, config.image_size
            measure_s = Timeline(self.plan, [macs]).left_s()
            about_s = None if measure_s is None else measure_s + export_s
            rows.append(
                PlannedRun(
                    name=name, action=action, image_size=size, batch_size=batch, runs=self.plan.runs, about_s=about_s
                )
            )
        total = sum(row.about_s or 0.0 for row in rows)
        known = "" if all(row.about_s is not None for row in rows) else ", and the files of which nothing is known"
        note = (
            f"{self.plan.device}, {_counted(threads_to_use(self.plan), 'thread')}; {self.plan.runs} runs each, "
            f"split over {_counted(min(self.plan.rounds, self.plan.runs), 'process', 'processes')}; "
            f"{in_words(total)} in all{known}; records go to {self.store}"
        )
        return plan_table(rows, [note])

    def run(self, console: Console, output_format: OutputFormat) -> ExitCode:
        """Export what is missing, measure, and print the table; what is finished is printed whatever happens.

        Raises:
            StoreError: the store cannot be written.
            DeviceUnavailableError: the device cannot be used here.
            UnknownModelError, ImageSizeError, TargetError, ArtifactError, CheckpointError, ExportError, ParityError:
                before anything is measured.
        """
        from effmod_bench import runner
        from effmod_bench.environment import read_machine

        items = self._items()
        check_device(self.plan.device, self.plan.options)
        store = Store(self.store)
        store.check_writable()
        self._say_threads(console, runner.threads_to_use(self.plan))
        subjects = self._subjects(console, items)
        records: list[Round] = []
        code = ExitCode.OK
        try:
            with console.progress("measuring") as progress:
                plan = msgspec.structs.replace(self.plan, targets=tuple(s.artifact.name for s in subjects))
                runner.run(plan, subjects, read_machine(), store, progress, on_record=records.append)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
            console.warn("interrupted" + (": the table holds what was finished" if records else ""))
        finally:
            if records:
                print_measurements(console, summarise(records), output_format)
                console.note(
                    f"{_counted(len(records), 'record')} in {self.store}; the table again: effmod show {self.store}"
                )
        if code is ExitCode.OK and any(record.outcome is Outcome.FAILED for record in records):
            code = ExitCode.SOME_FAILED
        return code

    def _items(self) -> list[Path | ModelSpec]:
        """Files and networks, each once, in the order given."""
        if self.choices.format is not Format.ONNX:
            raise TargetError(
                f"effmod bench times ONNX files; --format {self.choices.format} runs on Apple's devices alone"
            )
        items: list[Path | ModelSpec] = []
        for target in self.targets:
            found = [Path(target)] if is_file(target) else find_networks([target], image_size=self.choices.image_size)
            items += [item for item in found if item not in items]
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

    def _check_file_options(self) -> None:
        """Refuse options of the export where nothing is exported."""
        default = ExportChoices(opset=self.choices.opset)
        names = {"image_size": "--image-size", "dynamic_batch": "--dynamic-batch", "checkpoint": "--checkpoint"}
        for field, name in names.items():
            if getattr(self.choices, field) != getattr(default, field):
                raise TargetError(f"{name} is for networks that effmod exports, and every target is a file")

    def _check_network_options(self, items: Sequence[Path | ModelSpec]) -> None:
        """Refuse files and options of the export where PyTorch runs the network itself."""
        runtime = self.plan.options.runtime
        file = next((item for item in items if isinstance(item, Path)), None)
        if file is not None:
            raise TargetError(f"{runtime} runs networks, not {file}; name a network, or leave --runtime out")
        of_files = {
            "--opset": self.choices.opset != DEFAULT_OPSET,
            "--dynamic-batch": self.choices.dynamic_batch,
            "--no-simplify": not self.choices.simplify,
            "--rewrite": self.choices.rewrites(),
        }
        for name, given in of_files.items():
            if given:
                raise TargetError(f"{name} is for exported files, and {runtime} runs the network itself")

    def _subjects(self, console: Console, items: Sequence[Path | ModelSpec]) -> list[Subject]:
        from effmod_bench.subjects import file_subject

        # Files first: a wrong one is said before the minutes that exporting takes.
        files = {
            item: file_subject(item, self.input_shapes, batch_size=self.choices.batch_size)
            for item in items
            if isinstance(item, Path)
        }
        subjects = [files[item] if isinstance(item, Path) else self._network_subject(console, item) for item in items]
        # One artifact named twice, as a network and as its file, say, is one target.
        return list({msgspec.json.encode(subject.artifact): subject for subject in reversed(subjects)}.values())[::-1]

    def _network_subject(self, console: Console, spec: ModelSpec) -> Subject:
        from effmod_bench.subjects import network_subject, zoo_subject

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
                f"{_counted(threads, 'thread')}, one for each core; the paper used {PAPER_THREADS} "
                f"(--threads {PAPER_THREADS} obeys, on shared cores)"
            )
        elif threads > cores:
            console.warn(
                f"{threads} threads on {_counted(cores, 'core')} wait for each other: expect slow and uneven times"
            )


def print_measurements(console: Console, measurements: Sequence[Measurement], output_format: OutputFormat) -> None:
    """The table of measurements, with advice on the doubtful ones."""
    console.table(measurement_table(measurements), output_format)
    for measurement in measurements:
        for warning in measurement.warnings:
            console.warn(f"{measurement.name}: {_ADVICE[warning]}")
        for failure in dict.fromkeys(measurement.failures):
            console.warn(f"{measurement.name}: failed: {failure}")


def _counted(count: int, noun: str, plural: str | None = None) -> str:
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
