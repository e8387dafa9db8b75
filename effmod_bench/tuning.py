"""`effmod tune` from its options to its file: candidates made and proved, a race, and a last comparison of the best."""

import functools
import os
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.candidates import Candidate, Form, file_forms, network_forms, settings
from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.instrument import pairs as pair_runner
from effmod_bench.instrument.available import check_installed, check_runs
from effmod_bench.instrument.clock import monotonic_s, utc_now
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.schedule import new_run_id
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import threads_to_use
from effmod_bench.instrument.watch import without_folders
from effmod_bench.options.export import ExportChoices
from effmod_bench.options.runtime import arguments
from effmod_bench.race import EQUAL_WITHIN, Race
from effmod_bench.screen.console import Console
from effmod_bench.targets.limits import check_image_sizes
from effmod_bench.targets.names import check_file, find_networks, is_file
from effmod_bench.targets.subjects import derived_subject, file_subject, say_changed
from exporters import ArtifactError, ExportError, ParityError, deliver, writing
from exporters.rewrites import RewriteError
from models import ModelSpec
from results import Comparison, ComparisonPlan, ComparisonProcess, Device, RuntimeOptions, Store, Verdict
from results import compare as compare_records
from results.statistics.estimate import UNCHANGED, Estimate, estimate
from results.statistics.tuning import Decision, Trial, TuningReport
from results.tables.trials import tuning_table
from results.tables.write import OutputFormat

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torchvision.datasets import ImageFolder

    from exporters.derived.int8 import Int8

# What the forms may take of the budget; the settings have the rest.
_SHARE_OF_FORMS = 0.6


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked `effmod tune` to do.

    Attributes:
        target: a network of the zoo, or an .onnx file of the user's own.
        plan: of the comparisons; its options are the baseline's.
        choices: image and batch size, and checkpoint.
        budget_s: seconds, for all of it.
        tf32: try it on a GPU, though it changes what is computed.
        allow_machine_specific: try a file that only this kind of processor and this runtime may run.
        allow_inexact: try files that are not equal.
        data: labelled images, to say how often such files are right.
        output: folder for the file.
    """

    target: str
    plan: ComparisonPlan
    choices: ExportChoices
    input_shapes: dict[str | None, tuple[int, ...]]
    budget_s: float
    tf32: bool
    allow_machine_specific: bool
    allow_inexact: bool
    data: Path | None
    output: Path
    store: Path
    wait: bool

    def run(self, console: Console, output_format: OutputFormat) -> ExitCode:
        """Find the fastest way to run the target that is proved equal, and leave its file in the folder.

        Raises:
            DeviceUnavailableError: the device cannot be used here.
            StoreError, OutputError: the store or the folder cannot be written.
            UnknownModelError, ImageSizeError, TargetError, ArtifactError, CheckpointError, ExportError, ParityError:
                the target cannot be tuned, or the budget is too small for one comparison.
        """
        item = self._item()
        check_installed(self.plan.device, self.plan.options)
        store = Store(self.store)
        store.check_writable()
        with (
            measuring_alone(wait=self.wait, on_wait=console.note),
            tempfile.TemporaryDirectory(prefix="effmod-tune-") as folder,
        ):
            check_runs(self.plan.device, self.plan.options)
            return _Session(self, item, console, store, Path(folder)).run(output_format)

    def _item(self) -> Path | ModelSpec:
        if is_file(self.target):
            file = Path(self.target)
            check_file(file, self.choices.format)
            given = self.choices.given(apart_from=("format", "batch_size"))
            if given:
                raise TargetError(f"{given[0]} is for networks that effmod exports, and {file} is a file")
            return file
        found = find_networks([self.target], image_size=self.choices.image_size)
        if len(found) > 1:
            raise TargetError(f"{self.target} stands for {len(found)} networks; tune one at a time")
        if self.input_shapes:
            raise TargetError("--input-shape is for .onnx files; --image-size is for networks")
        check_image_sizes(self.choices, found)
        return found[0]


class _Session:
    """One run of `effmod tune`, and what is known so far."""

    def __init__(self, tuning: Tuning, item: Path | ModelSpec, console: Console, store: Store, folder: Path) -> None:
        from effmod_bench.instrument.machine.machine import read_machine

        self._tuning, self._item, self._console, self._store, self._folder = tuning, item, console, store, folder
        began_s = monotonic_s()
        self._started_at = utc_now().isoformat(timespec="milliseconds")
        first, *self._others = self._forms()
        self._plain = Candidate(name=first.name, subject=first.make(), options=tuning.plan.options)
        self._feeds = self._make_feeds()
        self._images = self._read_images()
        self._left_out: list[Trial] = []
        self._race = Race(tuning.plan, self._plain, read_machine(), store, began_s=began_s, budget_s=tuning.budget_s)

    def run(self, output_format: OutputFormat) -> ExitCode:
        code = ExitCode.OK
        try:
            self._find()
            best, last = self._faster_again()
        except KeyboardInterrupt:
            code, best, last = ExitCode.INTERRUPTED, self._race.best(), None
            self._console.warn("interrupted: what was the best so far is not compared again")
        trials = self._trials(best, last)
        self._console.table(tuning_table(trials, self._title()), output_format)
        path = self._hand_over(best, trials, last)
        if output_format is OutputFormat.TABLE:
            self._console.print(str(path))
        else:
            self._console.note(str(path))
        return code

    def _find(self) -> None:
        """The forms race, then whatever else there is to do with the fastest."""
        self._run([*self._proved(self._others, [self._plain])], share=_SHARE_OF_FORMS)
        forms = [self._plain, *self._race.candidates.values()]
        best = self._race.best()
        if not self._run([*self._with_settings(best), *self._proved([*self._further_forms(best)], forms)]):
            self._console.note("the --budget is spent: more of it may tell apart what is left")

    def _faster_again(self) -> tuple[Candidate, Comparison | None]:
        """The best that is faster when it is compared again, and that comparison; the plain form where none is."""
        while (best := self._race.best()) is not self._plain:
            last = self._compare_again(best)
            if last.verdict is Verdict.FASTER:
                return best, last
            self._race.dropped[best.name] = f"{last.verdict or 'failed'} when it was compared again"
        return self._plain, None

    def _run(self, candidates: Sequence[Candidate], *, share: float = 1.0) -> bool:
        with self._console.progress("tuning", unit="process") as progress:
            return self._race.run(candidates, progress, share=share)

    def _forms(self) -> list[Form]:
        if isinstance(self._item, Path):
            given = file_subject(self._item, self._tuning.input_shapes, batch_size=self._tuning.choices.batch_size)
            say_changed(self._console, [given])
            return file_forms(self._console, given, self._folder)
        return network_forms(self._console, self._item, self._tuning.choices)

    def _make_feeds(self) -> "list[dict[str, npt.NDArray[np.generic]]]":
        import onnx

        from exporters.derived.feeds import make_feeds
        from exporters.proof.files import check_repeatable

        path, inputs = self._plain.subject.path, self._plain.subject.artifact.inputs
        feeds = make_feeds(onnx.load(path, load_external_data=False), {x.name: x.shape for x in inputs})
        check_repeatable(path, feeds)
        return feeds

    def _proved(self, forms: Sequence[Form], known: Sequence[Candidate]) -> Iterator[Candidate]:
        """Make each form, and let through what is another file and, where it should be, equal to the plain one."""
        from exporters.proof.files import compare_files

        files = {each.subject.artifact.sha256: each.name for each in known}
        for form in forms:
            try:
                subject = form.make()
                same = files.get(subject.artifact.sha256)
                if same is not None:
                    self._leave_out(form.name, f"the same file as {same}", subject)
                    continue
                error = compare_files(self._plain.subject.path, subject.path, self._feeds).relative_error
            except (ArtifactError, ExportError, ParityError, RewriteError) as failure:
                self._leave_out(form.name, f"cannot be made: {failure}")
                continue
            files[subject.artifact.sha256] = form.name
            if form.equal and not error <= EQUAL_WITHIN:
                self._leave_out(form.name, f"not equal: {EQUAL_WITHIN:.0e} is allowed", subject, error)
                continue
            yield Candidate(
                name=form.name,
                subject=subject,
                options=self._plain.options,
                equal=form.equal,
                relative_error=error,
                top1=None if form.equal else self._top1(subject),
            )

    def _leave_out(self, name: str, reason: str, subject: Subject | None = None, error: float | None = None) -> None:
        trial = Trial(
            name=name,
            file=subject.path.name if subject else None,
            sha256=subject.artifact.sha256 if subject else None,
            options=self._plain.options,
            relative_error=error,
            decision=Decision.DROPPED,
            reason=without_folders(reason, [self._plain.subject]),
        )
        self._left_out.append(trial)

    def _with_settings(self, best: Candidate) -> Iterator[Candidate]:
        plan = self._tuning.plan
        for setting in settings(plan.device, threads_to_use(plan) or 1, tf32=self._tuning.tf32):
            yield msgspec.structs.replace(
                best,
                name=f"{best.name}, {setting.name}",
                options=setting.apply(best.options),
                equal=best.equal and setting.equal,
            )

    def _further_forms(self, best: Candidate) -> Iterator[Form]:
        """What the user allows to be made of the fastest form."""
        if self._tuning.allow_machine_specific:
            yield Form(name=f"{best.name}, machine-specific", make=functools.partial(self._optimized, best.subject))
        if self._tuning.allow_inexact:
            from exporters.derived.int8 import Int8

            for source in {each.name: each for each in (self._plain, best)}.values():
                for kind in Int8:
                    make = functools.partial(self._quantized, source.subject, kind)
                    yield Form(name=f"{source.name}, {kind}", make=make, equal=False)

    def _optimized(self, source: Subject) -> Subject:
        from exporters.derived.machine import optimize

        new = self._folder / f"{source.path.stem}-machine.onnx"
        optimize(source.path, new, self._feeds)
        return derived_subject(new, source)

    def _quantized(self, source: Subject, kind: "Int8") -> Subject:
        from exporters.derived.int8 import quantize

        self._console.note(f"quantizing {source.path.name} ({kind}) ...")
        new = self._folder / f"{source.path.stem}-{kind}.onnx"
        quantize(source.path, new, kind, self._feeds)
        return derived_subject(new, source)

    def _read_images(self) -> "ImageFolder | None":
        """The labelled images; a wrong folder is said before the minutes that the race takes."""
        if self._tuning.data is None:
            return None
        from exporters.proof.accuracy import read_folder

        size = self._plain.subject.artifact.image_size
        if size is None:
            raise TargetError(f"{self._tuning.target} takes no square images; leave --data out")
        return read_folder(self._tuning.data, self._plain.subject.preprocessing, image_size=size)

    def _top1(self, subject: Subject) -> float | None:
        if self._images is None:
            return None
        from exporters.proof.accuracy import measure_accuracy
        from exporters.proof.open import open_evaluator

        accuracies = measure_accuracy(
            open_evaluator(subject.path),
            self._images,
            subject.preprocessing,
            batch_size=subject.artifact.batch_size,
            progress=lambda batches, count: self._console.track(batches, count, "classifying"),
        )
        return next(iter(accuracies.values())).top1

    def _compare_again(self, best: Candidate) -> Comparison:
        """The best beside the plain one, in new processes: a winner's own race flatters it."""
        plan = msgspec.structs.replace(
            self._tuning.plan,
            targets=(self._plain.subject.artifact.name, best.subject.artifact.name),
            target_options=(self._plain.options, best.options),
            seed=self._tuning.plan.seed + 1,
        )
        records: list[ComparisonProcess] = []
        self._console.note(f"{best.name} is the fastest so far; comparing it again, in new processes ...")
        with self._console.progress("comparing again", unit="process") as progress:
            pair_runner.run(
                new_run_id(),
                plan,
                [self._plain.subject, best.subject],
                self._race.machine,
                self._store,
                progress,
                on_record=records.append,
            )
        (comparison,) = compare_records(records)
        return comparison

    def _trials(self, best: Candidate, last: Comparison | None) -> list[Trial]:
        """The plain form first, then by speed; what was never timed comes last."""
        timed = [self._trial(each, best, last) for each in self._race.candidates.values()]
        timed.sort(key=lambda trial: trial.estimate.ratio if trial.estimate else float("inf"))
        if best is self._plain:
            decision, reason = Decision.CHOSEN, "nothing is faster beyond doubt"
        else:
            decision, reason = Decision.KEPT, "what the others are compared with"
        plain = msgspec.structs.replace(self._plain, top1=self._top1(self._plain.subject))
        return [_described(plain, UNCHANGED, 0, decision, reason), *timed, *self._left_out]

    def _trial(self, candidate: Candidate, best: Candidate, last: Comparison | None) -> Trial:
        race, name = self._race, candidate.name
        ratios = race.ratios[name]
        found, processes = estimate(ratios), len(ratios)
        if candidate.name == best.name:
            decision, reason = Decision.CHOSEN, "not compared again"
            if last is not None:
                found, processes, reason = last.estimate, last.processes, "compared again, in new processes"
        elif name in race.dropped:
            decision, reason = Decision.DROPPED, race.dropped[name]
        elif found is None:
            decision, reason = Decision.DROPPED, "the budget ended before it was timed often enough"
        else:
            decision, reason = Decision.KEPT, f"not told apart from {best.name}"
        return _described(candidate, found, processes, decision, reason)

    def _title(self) -> str:
        artifact, threads = self._plain.subject.artifact, threads_to_use(self._tuning.plan)
        where = f"{threads} thread{'s' if threads != 1 else ''}" if self._on_cpu else str(self._tuning.plan.device)
        return ", ".join(filter(None, (artifact.name, self._race.machine.cpu_model, where, "timed in turn")))

    @property
    def _on_cpu(self) -> bool:
        return self._tuning.plan.device is Device.CPU

    def _hand_over(self, best: Candidate, trials: Sequence[Trial], last: Comparison | None) -> Path:
        """Leave the file in the folder, with the report beside it, and say how to run it; returns where it is."""
        console, folder, source = self._console, self._tuning.output, best.subject.path
        path = source if source == self._item else deliver(source, folder)
        report = TuningReport(
            target=self._tuning.target,
            started_at=self._started_at,
            machine=self._race.machine,
            plan=self._tuning.plan,
            trials=tuple(trials),
            verdict=last.verdict if last else None,
            run_ids=(self._race.run_id, *((last.run_id,) if last else ())),
        )
        target = folder / f"{path.name}.tuning.json"
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            target.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
        if best is self._plain:
            console.note(f"Nothing was found to be faster than the {best.name} file.")
        elif last is not None and last.estimate is not None:
            speed = last.estimate.speed
            console.note(
                f"{best.name} is {speed.ratio:.3f} times as fast as the {self._plain.name} file "
                f"({speed.low:.3f} to {speed.high:.3f}); its outputs are within {best.relative_error:.1e} of the "
                "largest."
            )
        if not best.equal:
            off = f"its outputs are off by {best.relative_error:.1e}"
            console.warn(f"{best.name} is not equal to the {self._plain.name} file: {off}")
        console.note(f"Run it with ONNX Runtime and {', '.join(self._how_to_run(best.options))}.")
        again = ["effmod", "bench", os.fspath(path), "--threads", str(threads_to_use(self._tuning.plan))]
        again += [*arguments(self._tuning.plan.device, best.options), *self._how_to_feed()]
        console.note(f"Measure it: {shlex.join(again)}")
        console.note(f"Records in {self._store.path}; what the choice rests on: {target}")
        return path

    def _how_to_feed(self) -> Iterator[str]:
        """The options that the user gave for what his file leaves open."""
        for name, shape in self._tuning.input_shapes.items():
            yield f"--input-shape={f'{name}:' if name else ''}{','.join(map(str, shape))}"
        if self._tuning.choices.batch_size != 1:
            yield f"--batch-size={self._tuning.choices.batch_size}"

    def _how_to_run(self, options: RuntimeOptions) -> Iterator[str]:
        """The settings, in the runtime's own words; those of its defaults that were never varied are left out."""
        if self._on_cpu:
            yield f"intra_op_num_threads = {threads_to_use(self._tuning.plan)}"
            yield f"graph_optimization_level = ORT_ENABLE_{options.graph_optimization.upper()}"
            if not options.allow_spinning:
                yield 'session.intra_op.allow_spinning = "0"'
            return
        yield f"prefer_nhwc = {int(options.prefer_nhwc)}"
        yield f"enable_cuda_graph = {int(options.cuda_graph)}"
        yield f"use_tf32 = {int(options.use_tf32)}"


def _described(
    candidate: Candidate, estimate: Estimate | None, processes: int, decision: Decision, reason: str
) -> Trial:
    return Trial(
        name=candidate.name,
        file=candidate.subject.path.name,
        sha256=candidate.subject.artifact.sha256,
        options=candidate.options,
        relative_error=candidate.relative_error,
        equal=candidate.equal,
        top1=candidate.top1,
        estimate=estimate,
        processes=processes,
        decision=decision,
        reason=reason,
    )
