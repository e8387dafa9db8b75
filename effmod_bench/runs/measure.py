"""A run carried out: what is measured is stored, shown whatever happens, and decides the exit code."""

import shlex
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, Protocol

import msgspec

from effmod_bench.errors import ExitCode
from effmod_bench.instrument import pairs, rounds
from effmod_bench.instrument.place import Place
from effmod_bench.instrument.schedule import missing, schedule
from effmod_bench.instrument.subject import Subject
from effmod_bench.runs.places import Shares, everywhere
from effmod_bench.runs.plan import Invocation, RunPlan, begin
from effmod_bench.runs.prepare import Prepared
from effmod_bench.runs.resume import accuracies_in, at_place, records_of, say_missing, with_earlier
from effmod_bench.screen.comparisons import print_comparisons
from effmod_bench.screen.console import Console
from effmod_bench.screen.gates import Gated, holds
from effmod_bench.screen.measurements import print_measurements, say_precision
from effmod_bench.screen.nodes import print_nodes
from effmod_bench.screen.reproductions import SINGLE
from results import (
    Comparison,
    ComparisonPlan,
    ComparisonProcess,
    Measurement,
    Round,
    RuntimeOptions,
    Store,
    TimedArtifact,
    compare,
    summarise,
)
from results.statistics.comparison import gated
from results.statistics.gate import Gate
from results.tables.table import Table
from results.tables.words import candidate_labels, counted, labels, on_place
from results.tables.write import OutputFormat


def measure(
    console: Console,
    invocation: Invocation,
    ready: Prepared,
    output_format: OutputFormat,
    table_of: Callable[[Sequence[Measurement]], Table[Any]] | None,
) -> ExitCode:
    """Time each artifact by itself, then in turn with the anchor, and print what that came to.

    Args:
        ready: what is timed, and where.
        table_of: the table that measurements are shown as; None for none, where they are shown with others later.

    Raises:
        StoreError: a record could not be written; what is finished is stored and printed.
    """
    run = begin(invocation, ready.subjects, ready.anchor)
    return _carry_out(console, _Benched(console, invocation, run, ready, output_format, table_of))


def measure_pairs(
    console: Console,
    invocation: Invocation,
    ready: Prepared,
    output_format: OutputFormat,
    *,
    shown: bool = True,
) -> ExitCode:
    """Time each artifact in turn with the first, and print how they differ.

    Args:
        ready: what is timed, and where.
        shown: False where it is shown with others later.

    Raises:
        StoreError: a record could not be written; what is finished is stored and printed.
    """
    run = begin(invocation, ready.subjects, None, options=ready.options)
    compared = _Compared(console, invocation, run, ready, output_format, shown=shown)
    code = _carry_out(console, compared)
    # What a gate says is certain, whatever failed besides.
    return code if compared.passes or code is ExitCode.INTERRUPTED else ExitCode.CHECK_FAILED


class _Work(Protocol):
    """What a run measures, and what is finished of it."""

    invocation: Invocation
    run: RunPlan

    def do(self) -> None:
        """Measure what is missing."""
        ...

    def read_again(self) -> bool:
        """Take the records from the store; whether there are any."""
        ...

    def show(self) -> bool:
        """Print what is finished; whether anything of it failed."""
        ...

    def judge(self) -> None:
        """Say what follows from it."""
        ...


def _carry_out(console: Console, work: _Work) -> ExitCode:
    """Do a run's work and show what is finished, whatever happens."""
    code, failed = ExitCode.OK, False
    try:
        work.do()
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
        # It may have come between a record's storing and its telling.
        console.warn("interrupted" + (": the table holds what was finished" if work.read_again() else ""))
    finally:
        failed = work.show()
    if code is not ExitCode.INTERRUPTED:
        work.judge()
    if code is ExitCode.OK and failed:
        code = ExitCode.SOME_FAILED
    if code is not ExitCode.OK:
        console.note(f"what is missing or failed, again: {work.invocation.resume_command}")
    return code


class _Benched:
    """The rounds of each artifact by itself, then the pairs beside the anchor."""

    def __init__(
        self,
        console: Console,
        invocation: Invocation,
        run: RunPlan,
        ready: Prepared,
        output_format: OutputFormat,
        table_of: Callable[[Sequence[Measurement]], Table[Any]] | None,
    ) -> None:
        self.invocation, self.run = invocation, run
        self._console, self._output_format, self._table_of = console, output_format, table_of
        self._subjects, self._anchor, self._places = ready.subjects, ready.anchor, ready.places
        self._rounds: list[Round] = []
        self._beside: list[ComparisonProcess] = []
        self._left_undone = 0  # at places that are lost
        if invocation.resumed:
            self.read_again()
            self._say_missing()

    def do(self) -> None:
        run, console = self.run, self._console
        left: dict[Place, int] = {}
        with console.progress("measuring") as progress:
            shares = Shares(progress)

            def time_at(place: Place) -> None:
                left[place] = rounds.run(
                    run.id,
                    run.plan,
                    self._subjects,
                    place,
                    self.invocation.store,
                    shares.of(place),
                    on_record=self._rounds.append,
                    earlier=at_place(self._rounds, place.name),
                    threads=run.threads,
                    round_timeout_s=self.invocation.round_timeout_s,
                    max_time_s=run.max_time_s,
                )

            everywhere(self._places, time_at)
        self._left_undone = sum(count for place, count in left.items() if place.lost is not None)
        if late := sum(count for place, count in left.items() if place.lost is None):
            console.warn(f"time was up: {counted(late, 'round')} did not begin; a longer --max-time has them begin")
            console.note(f"what did not begin: {self.invocation.resume_command}")
        if run.anchor and self._anchor:
            others = [subject for subject in self._subjects if subject.artifact != self._anchor.artifact]
            title = "timing in turn with the anchor"
            subjects = [self._anchor, *others]
            undone = _time_in_turn(
                console, title, self.invocation, run.anchor.plan, subjects, self._places, self._beside
            )
            self._left_undone += sum(undone.values())

    def read_again(self) -> bool:
        self._rounds = records_of(self.run, self.invocation.store, Round)
        self._beside = records_of(self.run, self.invocation.store, ComparisonProcess)
        return bool(self._rounds)

    def show(self) -> bool:
        store = self.invocation.store
        pairs_so_far = with_earlier(self._console, self._beside, store)
        measurements = summarise(self._rounds, pairs_so_far, accuracies_in(self._console, store))
        if self._rounds and self._table_of is not None:
            print_measurements(self._console, measurements, self._table_of(measurements), self._output_format)
            if self._output_format not in SINGLE:
                print_nodes(self._console, measurements, self._output_format)
            if self.run.anchor and self.run.anchor.plan.until is not None:  # of others there is nothing to say
                say_precision(self._console, _of_run(self.run, compare(pairs_so_far)))
            options = [*(["--table", self.run.table] if self.run.table else []), *_naming_run(store, self.run.id)]
            again = shlex.join(["effmod", "show", str(store.path), *options])
            count = counted(len(self._rounds) + len(self._beside), "record")
            self._console.note(f"{count} in {store.path}; the table again: {again}")
        return self._left_undone > 0 or any(measurement.failures for measurement in measurements)

    def judge(self) -> None:
        """Nothing was to be judged."""

    def _say_missing(self) -> None:
        run = self.run
        names = run.places or (None,)
        every = len(schedule(run.plan, len(run.artifacts), threads=run.threads)) * len(names)
        left = sum(
            len(missing(run.plan, run.artifacts, at_place(self._rounds, name), threads=run.threads)) for name in names
        )
        to_do = [f"{left} of {counted(every, 'round')}"] if left else []
        if run.anchor:
            processes = _processes_missing(run, run.anchor.plan, len(run.anchor.plan.targets), self._beside)
            if processes:
                to_do.append(f"{counted(processes, 'process', 'processes')} beside {run.anchor.target}")
        say_missing(self._console, run, run.plan.targets, to_do)


class _Compared:
    """The pairs of each artifact with the first."""

    def __init__(
        self,
        console: Console,
        invocation: Invocation,
        run: RunPlan,
        ready: Prepared,
        output_format: OutputFormat,
        *,
        shown: bool,
    ) -> None:
        assert run.compared is not None
        self.invocation, self.run = invocation, run
        self._console, self._output_format, self._shown = console, output_format, shown
        self._plan, self._subjects, self._places = run.compared, ready.subjects, ready.places
        self._records: list[ComparisonProcess] = []
        self._comparisons: list[Comparison] = []
        self._left_undone: dict[str, int] = {}  # at places that are lost
        self.passes = True
        """Whether the gate lets all targets through."""
        if invocation.resumed:
            self.read_again()
            left = _processes_missing(run, self._plan, len(self._subjects), self._records)
            to_do = [counted(left, "process", "processes")] if left else []
            say_missing(console, run, self._plan.targets, to_do)

    def do(self) -> None:
        places = self._places
        self._left_undone = _time_in_turn(
            self._console, "comparing", self.invocation, self._plan, self._subjects, places, self._records
        )

    def read_again(self) -> bool:
        self._records = records_of(self.run, self.invocation.store, ComparisonProcess)
        return bool(self._records)

    def show(self) -> bool:
        store = self.invocation.store
        found = _of_run(self.run, compare(with_earlier(self._console, self._records, store)))
        # A run of an older version has its limit beside the plan.
        self._comparisons = [gated(each, self.run.fail_if_slower) for each in found]
        if self._records and self._shown:
            print_comparisons(self._console, self._comparisons, self._output_format)
            options = ["--only", "comparisons", *_naming_run(store, self.run.id)]
            again = shlex.join(["effmod", "show", str(store.path), *options])
            self._console.note(f"Records in {store.path}; the table again: {again}")
        return bool(self._left_undone) or any(comparison.failures for comparison in self._comparisons)

    def judge(self) -> None:
        # Of a target that met two environments at a place, since the run was resumed, the latest counts: the last.
        named = zip(candidate_labels(self._comparisons), self._comparisons, strict=True)
        latest = {_asked(each): (name, each, each.gate) for name, each in named if not each.control}
        rows = [self._gated(name, each, gate) for name, each, gate in latest.values() if gate is not None]
        self.passes = holds(self._console, rows, undecided_pass=self.run.undecided_pass)
        if self._plan.fail_if_slower is None and self.run.fail_if_slower is None:
            return
        begun = {(record.target, record.environment.share) for record in self._records}
        for (target, subject), place in product([*enumerate(self._subjects)][1:], self._places):
            if (target, place.name) not in begun:
                self.passes = False
                name = on_place(subject.artifact.name, place.name)
                self._console.error(f"{name} cannot be judged: time was up before its first process")
        for lost, left in self._left_undone.items():
            self.passes = False
            processes = counted(left, "process", "processes")
            self._console.error(f"{lost} cannot be judged: it is lost, and {processes} did not begin")

    def _gated(self, name: str, comparison: Comparison, gate: Gate) -> Gated:
        baseline = labels([comparison.candidate, comparison.baseline])[1]
        some = "a single process" if comparison.processes else "no process"
        more = None
        if gate.more is not None:
            together = f"--processes {comparison.processes + gate.more}"
            if not self._plan.until_decided:
                together = f"--until decided, or {together}"
            elif not _is_decided_alone(comparison, gate):  # or it had stopped before its time was up
                together = f"a longer --max-time, or {together}"
            more = f"{counted(gate.more, 'more process', 'more processes')} ({together})"
        return Gated(
            name=name,
            gate=gate,
            estimate=comparison.estimate,
            than=f"than {baseline}",
            lacks=f"{some} that timed it beside {baseline} did not fail, and --fail-if-slower needs two or more",
            more=more,
        )


def _asked(comparison: Comparison) -> tuple[bytes, str | None]:
    """What of a run a comparison is of."""
    return _key(comparison.candidate, comparison.options), comparison.share


def _key(artifact: TimedArtifact, options: RuntimeOptions) -> bytes:
    return msgspec.json.encode((artifact, options))


def _time_in_turn(
    console: Console,
    title: str,
    invocation: Invocation,
    plan: ComparisonPlan,
    subjects: Sequence[Subject],
    places: Sequence[Place],
    records: list[ComparisonProcess],
) -> dict[str, int]:
    """Time artifacts in turn with the first one; the records of that are added to those that there are.

    Returns:
        How many processes did not begin at places that are lost, where there are any.
    """
    left: dict[str, int] = {}
    with console.progress(title, unit="process") as progress:
        shares = Shares(progress)

        def time_at(place: Place) -> None:
            left[str(place.name)] = pairs.run(
                invocation.run.id,
                plan,
                subjects,
                place,
                invocation.store,
                shares.of(place),
                on_record=records.append,
                earlier=at_place(records, place.name),
                timeout_s=invocation.round_timeout_s,
            )

        everywhere(places, time_at)
    return {name: count for name, count in left.items() if count}


def _processes_missing(run: RunPlan, plan: ComparisonPlan, subjects: int, records: Sequence[ComparisonProcess]) -> int:
    """Over all places."""
    return sum(pairs.missing(plan, subjects, at_place(records, name)) for name in run.places or (None,))


def _is_decided_alone(comparison: Comparison, gate: Gate) -> bool:
    """Whether the gate would be decided without what earlier runs tell."""
    alone = comparison.estimate_alone
    return alone is not None and not alone.low <= 1 + gate.limit < alone.high


def _of_run(run: RunPlan, comparisons: Sequence[Comparison]) -> list[Comparison]:
    return [comparison for comparison in comparisons if comparison.run_id == run.id]


def _naming_run(store: Store, run_id: str) -> list[str]:
    """The options by which `effmod show` gives the table of one run, and not that of all."""
    return ["--run", run_id] if store.holds_others(run_id) else []
