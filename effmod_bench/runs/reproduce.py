"""`effmod reproduce`: a suite's runs one after another, and at the end its own tables."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from effmod_bench.errors import DeviceUnavailableError, ExitCode, TargetError, describe, exit_code
from effmod_bench.instrument.clock import monotonic_s, utc_now
from effmod_bench.instrument.schedule import new_run_id
from effmod_bench.options.places import Elsewhere
from effmod_bench.runs.items import find_targets
from effmod_bench.runs.measure import measure, measure_pairs
from effmod_bench.runs.plan import Invocation, RunPlan, resume_command
from effmod_bench.runs.prepare import prepared
from effmod_bench.runs.resume import check_folder
from effmod_bench.runs.where import HERE, check_places, leave
from effmod_bench.screen.console import Console
from effmod_bench.screen.progress import in_words
from effmod_bench.screen.reproductions import NotMeasured, not_measured_table, print_tables
from effmod_bench.suites.packages import Package
from effmod_bench.suites.suite import Suite, View
from effmod_bench.suites.views import Seen, seen_of, tables_of
from effmod_bench.targets.names import find_networks, is_file
from effmod_bench.targets.obtain import obtain_artifact
from effmod_bench.targets.target import FileTarget
from effmod_bench.targets.trained import with_weights
from exporters import Format
from exporters.formats import FORMATS
from models import ModelSpec
from results import Record, Store
from results.frame import read_contents
from results.statistics.timed import TimedPair, TimedRound
from results.tables.write import OutputFormat


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One of a suite's runs.

    Attributes:
        suite: its place among the reproduction's suites.
        run: as it is begun; what it came to stands under its id in the store.
        optional: nobody asked for this device, so that where there is none it is left out.
    """

    suite: int
    run: RunPlan
    optional: bool = False


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """Whose figures are measured again: a store's.

    Attributes:
        path: of the folder or zip.
        sha256: of what it held.
        select: patterns of names; none for all.
        margin: by how much figures may differ and be the same, as a share.
        asked: which claims each step measures, by their place among the store's, and as what target.
        refused: why a claim is not measured, by its place.
    """

    path: str
    sha256: str
    select: tuple[str, ...]
    margin: float
    asked: tuple[dict[int, str], ...]
    refused: dict[int, str]


class Reproduction(Record, frozen=True, kw_only=True, tag="reproduction"):
    """What one `effmod reproduce` is to measure, stored before anything is, so that it can go on at any moment.

    Attributes:
        asked: the suites, as the user named them, or the store.
        suites: what they were then; none of a store's figures.
        claimed: None for suites.
    """

    asked: tuple[str, ...]
    suites: tuple[Suite, ...]
    steps: tuple[Step, ...]
    claimed: Claimed | None = None

    def resume_command(self, store: Path) -> str:
        """What a user enters to go on with it."""
        return resume_command("reproduce", self.id, store)


def new_reproduction(
    asked: Sequence[str],
    suites: Sequence[Suite],
    steps: Callable[[Suite], Sequence[tuple[RunPlan, bool]]],
) -> Reproduction:
    """A reproduction that begins now.

    Args:
        steps: the runs of a suite, and whether each is optional.
    """
    own = new_run_id()
    every = [(i, *step) for i, suite in enumerate(suites) for step in steps(suite)]
    return Reproduction(
        id=f"{own}-reproduction",
        started_at=utc_now().isoformat(timespec="milliseconds"),
        asked=tuple(asked),
        suites=tuple(suites),
        steps=tuple(
            Step(
                suite=i,
                run=msgspec.structs.replace(run, id=f"{own}-{number:02}", reproduction=f"{own}-reproduction"),
                optional=optional,
            )
            for number, (i, run, optional) in enumerate(every)
        ),
    )


def find_reproduction(store: Store, asked: Sequence[str]) -> Reproduction:
    """The latest reproduction of a store, the latest of these suites, or the one of this id.

    Raises:
        TargetError: there is none.
        StoreError: the store cannot be read.
    """
    every = store.read_kind(Reproduction)
    found = [each for each in every if not asked or each.asked == tuple(asked) or [each.id] == list(asked)]
    if found:
        return found[-1]
    what = f" of {', '.join(asked)}" if asked else ""
    latest = ", ".join(f"{each.id} ({', '.join(each.asked)})" for each in every[:-4:-1])
    raise TargetError(
        f"the store {store.path} holds no reproduction{what} to resume"
        + (f"; the latest are {latest}" if latest else "; repeat the command that was cut short, as it was")
    )


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a reproduction is carried out with.

    Attributes:
        wait, round_timeout_s, elsewhere: as of an `Invocation`.
    """

    console: Console
    store: Store
    output_format: OutputFormat
    wait: bool
    round_timeout_s: float | None
    elsewhere: Elsewhere = HERE

    def invocation(self, run: RunPlan, *, resumed: bool) -> Invocation:
        """One of its runs, to be carried out now."""
        return Invocation(
            run=run,
            store=self.store,
            resumed=resumed,
            wait=self.wait,
            round_timeout_s=self.round_timeout_s,
            elsewhere=self.elsewhere,
            stays_connected=True,  # a cluster of this machine alone ends with the connection, and has other nodes then
        )


class Reproducing:
    """Carries a reproduction out."""

    def __init__(self, reproduction: Reproduction, means: Means) -> None:
        self._reproduction, self._means = reproduction, means
        self._console, self._store, self._output_format = means.console, means.store, means.output_format
        self._not_measured: list[NotMeasured] = []
        self._code = ExitCode.OK
        self._is_empty = True
        self._began = ""
        self._begun: dict[str, RunPlan] = {}  # those of its runs that the store has
        self._measured_s = 0.0  # by processes that load, warm up and time, in this invocation

    def carry_out(self) -> ExitCode:
        """Measure what is missing, suite by suite, and show each as soon as it is done.

        Raises:
            As `find_targets`, before anything is measured; as `prepared`, where the one suite that was asked for cannot
            be begun: of several the others go on.
        """
        reproduction = self._reproduction
        for step in reproduction.steps:
            check_places(step.run, self._means.elsewhere)
        self._store.check_writable()
        if reproduction.id not in {each.id for each in self._store.read_kind(Reproduction)}:
            # What is wrong is said before hours of measuring.
            for target in [target for step in reproduction.steps for target in find_targets(step.run).targets]:
                if isinstance(target, FileTarget):
                    _ = target.read
            self._store.write(reproduction)
        self._begun = {run.id: run for run in self._store.read_kind(RunPlan)}
        began_s, self._began = monotonic_s(), utc_now().isoformat(timespec="milliseconds")
        try:
            for i, suite in enumerate(reproduction.suites):
                if self._code is ExitCode.INTERRUPTED:
                    break
                self._suite(i, suite)
        finally:
            leave(self._means.elsewhere)
            self._say_share(monotonic_s() - began_s)
        return ExitCode.UNAVAILABLE if self._is_empty and self._code is ExitCode.OK else self._code

    def _suite(self, number: int, suite: Suite) -> None:
        steps = [step for step in self._reproduction.steps if step.suite == number]
        self._not_measured = []
        try:
            for step in steps:
                if self._code is not ExitCode.INTERRUPTED:
                    self._take(suite, step)
        finally:
            self._show(suite, steps)

    def _take(self, suite: Suite, step: Step) -> None:
        """One run, or what is missing of it."""
        stored = self._begun.get(step.run.id)
        invocation = self._means.invocation(stored or step.run, resumed=stored is not None)
        try:
            if stored is not None:
                check_folder(stored, self._store)
            with prepared(self._console, invocation) as ready:
                if invocation.run.compared is not None:
                    code = measure_pairs(self._console, invocation, ready, self._output_format, shown=False)
                else:
                    code = measure(self._console, invocation, ready, self._output_format, table_of=None)
                self._not_measured += [NotMeasured(what=what, why=why) for what, why in ready.not_timed.items()]
                if code is ExitCode.OK and not ready.is_whole:
                    code = ExitCode.SOME_FAILED
        except DeviceUnavailableError as error:
            if not step.optional:
                raise
            self._not_measured.append(NotMeasured(what=f"on {step.run.plan.device}", why=str(error)))
            return
        except Exception as error:
            if len(self._reproduction.suites) == 1 or exit_code(error) in (ExitCode.BUG, ExitCode.STORE):
                raise
            self._console.error(f"{suite.name}: {describe(error)}")
            self._not_measured.append(NotMeasured(what=", ".join(step.run.targets), why=describe(error)))
            code = ExitCode.SOME_FAILED
        self._code = max(self._code, code)

    def _show(self, suite: Suite, steps: Sequence[Step]) -> None:
        """The suite's tables, of what this reproduction measured."""
        contents, run_ids = read_contents(self._store), {step.run.id for step in steps}
        rounds = tuple(each for each in contents.rounds if each.run_id in run_ids)
        contents = msgspec.structs.replace(contents, rounds=rounds)  # earlier pairs tell how ratios differ by run
        measured: list[TimedRound | TimedPair] = [*rounds]
        measured += (each for each in contents.pairs if each.run_id in run_ids)
        self._measured_s += sum(
            each.environment.conditions.elapsed_s
            for each in measured
            if each.started_at >= self._began and each.environment.conditions is not None
        )
        seen = seen_of(suite, contents, run_ids=run_ids)
        if suite.view is View.PACKAGES and self._code is not ExitCode.INTERRUPTED:
            seen = msgspec.structs.replace(seen, packages=self._packages(steps, seen))
        tables = tables_of(suite, seen)
        self._is_empty = self._is_empty and not tables
        if self._not_measured:
            tables.append(not_measured_table(self._not_measured))
        if tables:
            print_tables(self._console, seen.measurements, tables, self._output_format)
            again = self._reproduction.resume_command(self._store.path) + self._means.elsewhere.again
            self._console.note(f"Records in {self._store.path}; the same again: {again}")

    def _packages(self, steps: Sequence[Step], seen: Seen) -> tuple[Package, ...]:
        """The packages of a suite's networks, made where the cache lacks them: that needs no Mac."""
        measured = {m.artifact.sha256: m for m in seen.measurements}
        found = []
        runs = [step.run for step in steps if step.run.choices.format is Format.COREML]
        for spec, choices in [(spec, run.choices) for run in runs for spec in _networks(run)]:
            try:
                network = with_weights(spec, choices)
                made = obtain_artifact(self._console, network.spec, network.choices)
                operators = FORMATS[Format.COREML].count_operators(made.path)
            except Exception as error:
                if exit_code(error) is ExitCode.BUG:
                    raise
                self._not_measured.append(NotMeasured(what=f"the package of {spec.name}", why=describe(error)))
                continue
            found.append(
                Package(
                    artifact=made.artifact,
                    operators=dict(operators),
                    measurement=measured.get(made.artifact.sha256),
                    by_hand=tuple(each for each in reversed(seen.by_hand) if each.name == spec.name),
                )
            )
        return tuple(found)

    def _say_share(self, all_s: float) -> None:
        """How long it took, and how much of that was spent on anything but measuring."""
        if self._measured_s:
            share = max(0.0, 1 - self._measured_s / all_s)
            self._console.note(
                f"{in_words(all_s)} in all, {share:.1%} of it outside of the processes that load, warm up and time"
            )


def _networks(run: RunPlan) -> list[ModelSpec]:
    """The networks of a run, whose other targets are files."""
    return find_networks([name for name in run.targets if not is_file(name)])
