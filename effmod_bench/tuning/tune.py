"""`effmod tune` from what is asked to its file: candidates are made, proved and raced, the best compared again."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.instrument.available import check_runs
from effmod_bench.instrument.clock import monotonic_s, utc_now
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES, ONNXRUNTIMES
from effmod_bench.isolation.apart import end
from effmod_bench.options.export import ExportChoices, refuse_feeds
from effmod_bench.screen.console import Console
from effmod_bench.screen.weights import say_weights
from effmod_bench.targets.limits import check_image_sizes
from effmod_bench.targets.names import check_file, find_networks, is_file
from effmod_bench.targets.subjects import say_changed
from effmod_bench.targets.target import FileTarget, NetworkTarget
from effmod_bench.targets.trained import check_checkpoints, with_weights
from effmod_bench.tuning.candidates import Candidate, int8_forms, machine_form, with_settings
from effmod_bench.tuning.code import code_of
from effmod_bench.tuning.forms import Form, file_forms, network_forms
from effmod_bench.tuning.proof import Standard, measure_top1, prove, prove_baseline, read_standard
from effmod_bench.tuning.race import Race, compare_again
from effmod_bench.tuning.report import Winner, hand_over, list_trials, say_how_to_run, say_winner, title
from effmod_bench.tuning.runtimes import choose_runtimes, options_by
from exporters import ArtifactError, ParityError
from exporters.artifact.scratch import scratch
from exporters.feeds.given import Given
from results import ComparisonPlan, Runtime, Store, Verdict
from results.statistics.tuning import Trial, TuningReport
from results.tables.trials import tuning_table
from results.tables.write import OutputFormat

# What the forms may take of the budget; the settings have the rest. When the second share is spent, only what is
# essential is made.
_SHARE_OF_FORMS = 0.5
_SHARE_OF_MAKING = 0.4


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked `effmod tune` to do.

    Attributes:
        target: a network of the zoo, or an .onnx file of the user's own.
        plan: of the comparisons; its options are the baseline's, but for the runtime.
        runtimes: to try; None for all that are installed and can run the target.
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
    runtimes: tuple[Runtime, ...] | None
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
        DeviceUnavailableError: the device, or a runtime that was asked for, cannot be used here.
        StoreError, OutputError: the store or the folder cannot be written.
        UnknownModelError, ImageSizeError, TargetError, ArtifactError, CheckpointError, ExportError, ParityError:
            the target cannot be tuned, or the budget is too small for one comparison.
    """
    console.expect(tuning_table((), ""))
    target = _find(tuning)
    runtimes = choose_runtimes(tuning.runtimes, tuning.plan, target)
    plan = msgspec.structs.replace(tuning.plan, options=options_by(tuning.plan.options, runtimes[0]))
    tuning = msgspec.structs.replace(tuning, plan=plan, runtimes=runtimes)
    store = Store(tuning.store)
    store.check_writable()
    with (
        measuring_alone(wait=tuning.wait, on_wait=console.note),
        scratch(Path(tempfile.gettempdir()), "effmod-tune-") as folder,
    ):
        for runtime in runtimes:
            check_runs(plan.device, options_by(plan.options, runtime))
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
    check_checkpoints(choices, found)
    network = with_weights(found[0], choices)
    return NetworkTarget(spec=network.spec, choices=network.choices, as_it_is=False)


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
    tuning, standard, others = _baseline(tuning, target, console, folder)
    plain = standard.baseline
    say_weights(console, [(plain.subject.artifact.name, plain.subject.artifact.weights)])
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
    path = _hand_over(tuning, target, started_at, race, winner, trials, console)
    if output_format is OutputFormat.TABLE:
        console.print(str(path))
    else:
        console.note(str(path))
    return code


def _baseline(
    tuning: Tuning, target: NetworkTarget | FileTarget, console: Console, folder: Path
) -> tuple[Tuning, Standard, list[Form]]:
    """What all else is compared with, and the forms beside it: the first of its runtimes that runs the plain file.

    Returns:
        The tuning with that runtime first; what the others are, the race says of each of their files.

    Raises:
        ArtifactError, ParityError: none does, or nothing can be proved equal to that file.
    """
    assert tuning.runtimes
    of_files = [runtime for runtime in tuning.runtimes if runtime not in NETWORK_RUNTIMES]
    for number, runtime in enumerate(of_files, 1):
        plan = msgspec.structs.replace(tuning.plan, options=options_by(tuning.plan.options, runtime))
        ordered = (runtime, *(other for other in tuning.runtimes if other is not runtime))
        tuning = msgspec.structs.replace(tuning, plan=plan, runtimes=ordered)
        first, *others = _forms(tuning, target, console, folder)
        plain = Candidate(name=first.name, subject=first.make(), options=plan.options)
        standard = read_standard(plain, tuning.target, tuning.data)
        try:
            prove_baseline(plain)
        except (ArtifactError, ParityError) as error:
            if number == len(of_files):
                raise
            console.warn(f"{error}: what the others are compared with runs on {of_files[number]}")
        else:
            break
    return tuning, standard, others


def _forms(tuning: Tuning, target: NetworkTarget | FileTarget, console: Console, folder: Path) -> list[Form]:
    """The forms of the target, of which the first is the baseline."""
    assert tuning.runtimes
    if isinstance(target, NetworkTarget):
        return network_forms(console, target, tuning.runtimes)
    say_changed(console, [target.read])
    return file_forms(console, target.read, folder, tuning.runtimes)


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
        self._was_late = False

    def run(self, forms: Sequence[Form]) -> None:
        """The forms race, then whatever else there is to do with the fastest."""
        # Compiling a network and each process with it take long: when that begins, the files are known.
        networks = [form for form in forms if form.runtime in NETWORK_RUNTIMES]
        first = [form for form in forms if form not in networks and form.essential]
        others = [form for form in forms if form not in networks and not form.essential]
        self._screen(self._proved(first))
        self._let_race(self._proved(others), share=_SHARE_OF_FORMS)
        best = self._race.best()
        settings = with_settings(best, self._tuning.plan, tf32=self._tuning.tf32)
        if not self._let_race([*settings, *self._proved([*self._further_forms(best), *networks])]) or self._was_late:
            self._console.note("the --budget is spent: more of it may tell apart what is left")

    def _further_forms(self, best: Candidate) -> list[Form]:
        """What the user allows to be made of the fastest form."""
        tuning, baseline = self._tuning, self._standard.baseline
        # What ONNX Runtime makes of a file, and int8 files, whose accuracy it tells, are for itself.
        sources = [each for each in (baseline, best) if each.options.runtime in ONNXRUNTIMES]
        forms = []
        if tuning.allow_machine_specific and best in sources:
            forms.append(machine_form(best, baseline.subject, self._folder))
        if tuning.allow_inexact:
            for source in {each.name: each for each in sources}.values():
                forms += int8_forms(self._console, source, baseline.subject, self._folder)
        return forms

    def _proved(self, forms: Sequence[Form]) -> list[Candidate]:
        known = [self._race.baseline, *self._race.candidates.values()]
        left_out = self._left_out.append
        return [*prove(forms, known, self._standard, self._console, on_left_out=left_out, no_time=self._no_time)]

    def _no_time(self, form: Form) -> str | None:
        race = self._race
        if form.essential:
            return None
        # Where those that are there have too little time already, nothing is made that would take of it.
        if not form.least_s and race.spent < _SHARE_OF_MAKING and race.left_s >= race.enough_s:
            return None
        if form.least_s and race.left_s >= form.least_s:
            return None
        self._was_late = True
        return "the budget has no time to make it"

    def _screen(self, candidates: Sequence[Candidate]) -> None:
        end()  # as below
        with self._console.progress("screening", unit="process") as progress:
            self._race.screen(candidates, progress)

    def _let_race(self, candidates: Sequence[Candidate], *, share: float = 1.0) -> bool:
        end()  # what has made the files is in the way of timing them
        with self._console.progress("tuning", unit="process") as progress:
            return self._race.run(candidates, progress, share=share)


def _winner(race: Race, console: Console) -> Winner:
    """The best that is faster when it is compared again; the baseline where none is.

    Where the budget had time for a screening alone, the best of that.
    """
    while (best := race.best()) is not race.baseline:
        if not race.may_compare(best):
            _warn_of_screening(race, best, console)
            return Winner(candidate=best)
        console.note(f"{best.name} is the fastest so far; comparing it again, in new processes ...")
        with console.progress("comparing again", unit="process") as progress:
            again = compare_again(race, best, progress)
        if again.verdict is Verdict.FASTER:
            return Winner(candidate=best, again=again)
        race.dropped[best.name] = f"{again.verdict or 'failed'} when it was compared again"
    if race.left and not any(map(len, race.left.values())):
        _warn_of_screening(race, race.baseline, console)
    return Winner(candidate=race.baseline)


def _warn_of_screening(race: Race, best: Candidate, console: Console) -> None:
    console.warn(
        f"no comparison fit into the --budget: {best.name} was the fastest where each had one short process; "
        f"another {race.enough_s:.0f} s would tell"
    )


def _hand_over(
    tuning: Tuning,
    target: NetworkTarget | FileTarget,
    started_at: str,
    race: Race,
    winner: Winner,
    trials: Sequence[Trial],
    console: Console,
) -> Path:
    """Leave the file and its report in the folder, and say what they are; returns where the file is."""
    best, again = winner.candidate, winner.again
    report = TuningReport(
        target=tuning.target,
        started_at=started_at,
        machine=race.machine,
        plan=race.plan,
        trials=tuple(trials),
        verdict=again.verdict if again else None,
        run_ids=(race.screening_id, race.run_id, *((again.run_id,) if again else ())),
        code=code_of(Path(best.subject.path.name), best.subject.artifact.inputs, tuning.plan, best.options),
    )
    path, beside = hand_over(best.subject.path, report, tuning.output)
    say_winner(console, race.baseline, winner)
    say_how_to_run(
        console,
        path,
        tuning.plan,
        best.options,
        code=code_of(path, best.subject.artifact.inputs, tuning.plan, best.options),
        network=target if isinstance(target, NetworkTarget) and best.options.runtime in NETWORK_RUNTIMES else None,
        input_shapes=tuning.input_shapes,
        given=tuning.given,
        batch_size=tuning.choices.batch_size,
    )
    console.note(f"Records in {race.store.path}; what the choice rests on: {beside}")
    return path
