"""`effmod tune` from what is asked to its file: candidates are made, proved and raced, the best compared again."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.instrument.available import check_installed, check_runs
from effmod_bench.instrument.clock import monotonic_s, utc_now
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.isolation.apart import end
from effmod_bench.options.export import ExportChoices, refuse_feeds
from effmod_bench.screen.console import Console
from effmod_bench.screen.weights import say_weights
from effmod_bench.targets.limits import check_image_sizes
from effmod_bench.targets.names import check_file, find_networks, is_file
from effmod_bench.targets.subjects import say_changed
from effmod_bench.targets.target import FileTarget, NetworkTarget
from effmod_bench.tuning.candidates import (
    Candidate,
    Form,
    file_forms,
    int8_forms,
    machine_form,
    network_forms,
    with_settings,
)
from effmod_bench.tuning.proof import Standard, measure_top1, prove, read_standard
from effmod_bench.tuning.race import Race, compare_again
from effmod_bench.tuning.report import Winner, hand_over, list_trials, say_how_to_run, say_winner, title
from exporters.artifact.scratch import scratch
from exporters.feeds.given import Given
from results import ComparisonPlan, Store, Verdict
from results.statistics.tuning import Trial, TuningReport
from results.tables.trials import tuning_table
from results.tables.write import OutputFormat

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
        given: what a file is fed.
        data: labelled images, to say how often such files are right.
        output: folder for the file.
    """

    target: str
    plan: ComparisonPlan
    choices: ExportChoices
    input_shapes: dict[str | None, tuple[int, ...]]
    given: Given
    budget_s: float
    tf32: bool
    allow_machine_specific: bool
    allow_inexact: bool
    data: Path | None
    output: Path
    store: Path
    wait: bool

    def run(self, console: Console, output_format: OutputFormat) -> ExitCode:
        """As the function `run`."""
        return run(self, console, output_format)


def run(tuning: Tuning, console: Console, output_format: OutputFormat) -> ExitCode:
    """Find the fastest way to run the target that is proved equal, and leave its file in the folder.

    Raises:
        DeviceUnavailableError: the device cannot be used here.
        StoreError, OutputError: the store or the folder cannot be written.
        UnknownModelError, ImageSizeError, TargetError, ArtifactError, CheckpointError, ExportError, ParityError:
            the target cannot be tuned, or the budget is too small for one comparison.
    """
    plan = tuning.plan
    target = _find(tuning)
    check_installed(plan.device, plan.options)
    store = Store(tuning.store)
    store.check_writable()
    with (
        measuring_alone(wait=tuning.wait, on_wait=console.note),
        scratch(Path(tempfile.gettempdir()), "effmod-tune-") as folder,
    ):
        check_runs(plan.device, plan.options)
        return _tune(tuning, target, console, store, folder, output_format)


def _find(tuning: Tuning) -> NetworkTarget | FileTarget:
    """What the target's name stands for: one file, or one network."""
    name, choices = tuning.target, tuning.choices
    if is_file(name):
        file = Path(name)
        check_file(file, choices.format)
        given = choices.given(apart_from=("format", "batch_size"))
        if given:
            raise TargetError(f"{given[0]} is for networks that effmod exports, and {file} is a file")
        return FileTarget(path=file, shapes=tuning.input_shapes, batch_size=choices.batch_size, given=tuning.given)
    found = find_networks([name], image_size=choices.image_size)
    if len(found) > 1:
        raise TargetError(f"{name} stands for {len(found)} networks; tune one at a time")
    if tuning.input_shapes:
        raise TargetError("--input-shape is for .onnx files; --image-size is for networks")
    refuse_feeds(tuning.given)
    check_image_sizes(choices, found)
    return NetworkTarget(spec=found[0], choices=choices, as_it_is=False)


def _tune(
    tuning: Tuning,
    target: NetworkTarget | FileTarget,
    console: Console,
    store: Store,
    folder: Path,
    output_format: OutputFormat,
) -> ExitCode:
    """Nobody else measures here until it returns; what is made on the way goes into the folder, which is temporary."""
    from effmod_bench.instrument.machine.machine import read_machine

    began_s, started_at = monotonic_s(), utc_now().isoformat(timespec="milliseconds")
    first, *others = _forms(target, console, folder)
    plain = Candidate(name=first.name, subject=first.make(), options=tuning.plan.options)
    say_weights(console, [(plain.subject.artifact.name, plain.subject.artifact.weights)])
    standard = read_standard(plain, tuning.target, tuning.data)
    race = Race(tuning.plan, plain, read_machine(), store, began_s=began_s, budget_s=tuning.budget_s)
    left_out: list[Trial] = []
    code, top1 = ExitCode.OK, None
    try:
        _Search(tuning, console, folder, standard, race, left_out).run(others)
        winner = _winner(race, console)
        top1 = measure_top1(plain.subject, standard.data, console)
    except KeyboardInterrupt:
        code, winner = ExitCode.INTERRUPTED, Winner(candidate=race.best())
        console.warn("interrupted: what was the best so far is not compared again")
    trials = list_trials(race, winner, left_out, top1=top1)
    console.table(tuning_table(trials, title(race)), output_format)
    path = _hand_over(tuning, started_at, race, winner, trials, console)
    if output_format is OutputFormat.TABLE:
        console.print(str(path))
    else:
        console.note(str(path))
    return code


def _forms(target: NetworkTarget | FileTarget, console: Console, folder: Path) -> list[Form]:
    """The forms of the target, of which the first is the baseline."""
    if isinstance(target, NetworkTarget):
        return network_forms(console, target)
    say_changed(console, [target.read])
    return file_forms(console, target.read, folder)


class _Search:
    """The order in which candidates are made, proved and raced: each step rests on who was the best in the one before.

    Args:
        folder: where forms are written.
        left_out: of what is made, those that do not come into the race are added to it.
    """

    def __init__(
        self, tuning: Tuning, console: Console, folder: Path, standard: Standard, race: Race, left_out: list[Trial]
    ) -> None:
        self._tuning, self._console, self._folder = tuning, console, folder
        self._standard, self._race, self._left_out = standard, race, left_out

    def run(self, forms: Sequence[Form]) -> None:
        """The forms race, then whatever else there is to do with the fastest."""
        self._let_race(self._proved(forms), share=_SHARE_OF_FORMS)
        best = self._race.best()
        settings = with_settings(best, self._tuning.plan, tf32=self._tuning.tf32)
        if not self._let_race([*settings, *self._proved(self._further_forms(best))]):
            self._console.note("the --budget is spent: more of it may tell apart what is left")

    def _further_forms(self, best: Candidate) -> list[Form]:
        """What the user allows to be made of the fastest form."""
        tuning, baseline = self._tuning, self._standard.baseline
        forms = [machine_form(best, baseline.subject, self._folder)] if tuning.allow_machine_specific else []
        if tuning.allow_inexact:
            for source in {each.name: each for each in (baseline, best)}.values():
                forms += int8_forms(self._console, source, baseline.subject, self._folder)
        return forms

    def _proved(self, forms: Sequence[Form]) -> list[Candidate]:
        known = [self._race.baseline, *self._race.candidates.values()]
        return [*prove(forms, known, self._standard, self._console, on_left_out=self._left_out.append)]

    def _let_race(self, candidates: Sequence[Candidate], *, share: float = 1.0) -> bool:
        end()  # what has made the files is in the way of timing them
        with self._console.progress("tuning", unit="process") as progress:
            return self._race.run(candidates, progress, share=share)


def _winner(race: Race, console: Console) -> Winner:
    """The best that is faster when it is compared again; the baseline where none is."""
    while (best := race.best()) is not race.baseline:
        console.note(f"{best.name} is the fastest so far; comparing it again, in new processes ...")
        with console.progress("comparing again", unit="process") as progress:
            again = compare_again(race, best, progress)
        if again.verdict is Verdict.FASTER:
            return Winner(candidate=best, again=again)
        race.dropped[best.name] = f"{again.verdict or 'failed'} when it was compared again"
    return Winner(candidate=race.baseline)


def _hand_over(
    tuning: Tuning, started_at: str, race: Race, winner: Winner, trials: Sequence[Trial], console: Console
) -> Path:
    """Leave the file and its report in the folder, and say what they are; returns where the file is."""
    best, again = winner.candidate, winner.again
    report = TuningReport(
        target=tuning.target,
        started_at=started_at,
        machine=race.machine,
        plan=tuning.plan,
        trials=tuple(trials),
        verdict=again.verdict if again else None,
        run_ids=(race.run_id, *((again.run_id,) if again else ())),
    )
    path, beside = hand_over(best.subject.path, report, tuning.output)
    say_winner(console, race.baseline, winner)
    say_how_to_run(
        console,
        path,
        tuning.plan,
        best.options,
        input_shapes=tuning.input_shapes,
        given=tuning.given,
        batch_size=tuning.choices.batch_size,
    )
    console.note(f"Records in {race.store.path}; what the choice rests on: {beside}")
    return path
