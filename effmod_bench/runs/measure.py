"""A run carried out: what is measured is stored, shown whatever happens, and decides the exit code."""

import shlex
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from effmod_bench.errors import ExitCode
from effmod_bench.instrument import pairs, rounds
from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.schedule import missing, schedule
from effmod_bench.instrument.subject import Subject
from effmod_bench.runs.plan import Invocation, RunPlan, begin
from effmod_bench.runs.resume import records_of, say_missing, with_earlier
from effmod_bench.screen.comparisons import print_comparisons
from effmod_bench.screen.console import Console
from effmod_bench.screen.gates import Gated, holds
from effmod_bench.screen.measurements import print_measurements, say_precision
from results import Comparison, ComparisonPlan, ComparisonProcess, Measurement, Round, Store, compare, summarise
from results.statistics.comparison import gated
from results.statistics.gate import Gate
from results.tables.table import Table
from results.tables.words import candidate_labels, counted, labels
from results.tables.write import OutputFormat


def measure(
    console: Console,
    invocation: Invocation,
    subjects: Sequence[Subject],
    anchor: Subject | None,
    output_format: OutputFormat,
    table_of: Callable[[Sequence[Measurement]], Table[Any]] | None,
) -> ExitCode:
    """Time each artifact by itself, then in turn with the anchor, and print what that came to.

    Args:
        table_of: the table that measurements are shown as; None for none, where they are shown with others later.

    Raises:
        StoreError: a record could not be written; what is finished is stored and printed.
    """
    run = begin(invocation, subjects, anchor)
    return _carry_out(console, _Benched(console, invocation, run, subjects, anchor, output_format, table_of))


def measure_pairs(
    console: Console,
    invocation: Invocation,
    subjects: Sequence[Subject],
    output_format: OutputFormat,
    *,
    shown: bool = True,
) -> ExitCode:
    """Time each artifact in turn with the first, and print how they differ.

    Args:
        shown: False where it is shown with others later.

    Raises:
        StoreError: a record could not be written; what is finished is stored and printed.
    """
    run = begin(invocation, subjects, None)
    compared = _Compared(console, invocation, run, subjects, output_format, shown=shown)
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
        console.note(f"what is missing or failed, again: {work.run.resume_command(work.invocation.store.path)}")
    return code


class _Benched:
    """The rounds of each artifact by itself, then the pairs beside the anchor."""

    def __init__(
        self,
        console: Console,
        invocation: Invocation,
        run: RunPlan,
        subjects: Sequence[Subject],
        anchor: Subject | None,
        output_format: OutputFormat,
        table_of: Callable[[Sequence[Measurement]], Table[Any]] | None,
    ) -> None:
        self.invocation, self.run = invocation, run
        self._console, self._output_format, self._table_of = console, output_format, table_of
        self._subjects, self._anchor = subjects, anchor
        self._rounds: list[Round] = []
        self._beside: list[ComparisonProcess] = []
        if invocation.resumed:
            self.read_again()
            self._say_missing()

    def do(self) -> None:
        run, console, store = self.run, self._console, self.invocation.store
        with console.progress("measuring") as progress:
            left = rounds.run(
                run.id,
                run.plan,
                self._subjects,
                read_machine(),
                store,
                progress,
                on_record=self._rounds.append,
                earlier=tuple(self._rounds),
                threads=run.threads,
                round_timeout_s=self.invocation.round_timeout_s,
                max_time_s=run.max_time_s,
            )
        if left:
            console.warn(f"time was up: {counted(left, 'round')} did not begin; a longer --max-time has them begin")
            console.note(f"what did not begin: {run.resume_command(store.path)}")
        if run.anchor and self._anchor:
            others = [subject for subject in self._subjects if subject.artifact != self._anchor.artifact]
            title = "timing in turn with the anchor"
            _time_in_turn(console, title, self.invocation, run.anchor.plan, [self._anchor, *others], self._beside)

    def read_again(self) -> bool:
        self._rounds = records_of(self.run, self.invocation.store, Round)
        self._beside = records_of(self.run, self.invocation.store, ComparisonProcess)
        return bool(self._rounds)

    def show(self) -> bool:
        store = self.invocation.store
        pairs_so_far = with_earlier(self._console, self._beside, store)
        measurements = summarise(self._rounds, pairs_so_far)
        if self._rounds and self._table_of is not None:
            print_measurements(self._console, measurements, self._table_of(measurements), self._output_format)
            if self.run.anchor and self.run.anchor.plan.until is not None:  # of others there is nothing to say
                say_precision(self._console, _of_run(self.run, compare(pairs_so_far)))
            options = [*(["--table", self.run.table] if self.run.table else []), *_naming_run(store, self.run.id)]
            again = shlex.join(["effmod", "show", str(store.path), *options])
            count = counted(len(self._rounds) + len(self._beside), "record")
            self._console.note(f"{count} in {store.path}; the table again: {again}")
        return any(measurement.failures for measurement in measurements)

    def judge(self) -> None:
        """Nothing was to be judged."""

    def _say_missing(self) -> None:
        run = self.run
        every = len(schedule(run.plan, len(run.artifacts), threads=run.threads))
        left = len(missing(run.plan, run.artifacts, self._rounds, threads=run.threads))
        to_do = [f"{left} of {counted(every, 'round')}"] if left else []
        if run.anchor:
            processes = pairs.missing(run.anchor.plan, len(run.anchor.plan.targets), self._beside)
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
        subjects: Sequence[Subject],
        output_format: OutputFormat,
        *,
        shown: bool,
    ) -> None:
        assert run.compared is not None
        self.invocation, self.run = invocation, run
        self._console, self._output_format, self._shown = console, output_format, shown
        self._plan, self._subjects = run.compared, subjects
        self._records: list[ComparisonProcess] = []
        self._comparisons: list[Comparison] = []
        self.passes = True
        """Whether the gate lets all targets through."""
        if invocation.resumed:
            self.read_again()
            left = pairs.missing(self._plan, len(subjects), self._records)
            to_do = [counted(left, "process", "processes")] if left else []
            say_missing(console, run, self._plan.targets, to_do)

    def do(self) -> None:
        _time_in_turn(self._console, "comparing", self.invocation, self._plan, self._subjects, self._records)

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
        return any(comparison.failures for comparison in self._comparisons)

    def judge(self) -> None:
        # Of a target that met two environments, since the run was resumed, the latest counts, which comes last.
        named = zip(candidate_labels(self._comparisons), self._comparisons, strict=True)
        latest = {each.candidate: (name, each, each.gate) for name, each in named if not each.control}
        rows = [self._gated(name, each, gate) for name, each, gate in latest.values() if gate is not None]
        self.passes = holds(self._console, rows, undecided_pass=self.run.undecided_pass)
        if self._plan.fail_if_slower is None and self.run.fail_if_slower is None:
            return
        for subject in self._subjects[1:]:
            if subject.artifact not in latest:
                self.passes = False
                self._console.error(f"{subject.artifact.name} cannot be judged: time was up before its first process")

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


def _time_in_turn(
    console: Console,
    title: str,
    invocation: Invocation,
    plan: ComparisonPlan,
    subjects: Sequence[Subject],
    records: list[ComparisonProcess],
) -> None:
    """Time artifacts in turn with the first one; the records of that are added to those that there are."""
    with console.progress(title, unit="process") as progress:
        pairs.run(
            invocation.run.id,
            plan,
            subjects,
            read_machine(),
            invocation.store,
            progress,
            on_record=records.append,
            earlier=tuple(records),
            timeout_s=invocation.round_timeout_s,
        )


def _is_decided_alone(comparison: Comparison, gate: Gate) -> bool:
    """Whether the gate would be decided without what earlier runs tell."""
    alone = comparison.estimate_alone
    return alone is not None and not alone.low <= 1 + gate.limit < alone.high


def _of_run(run: RunPlan, comparisons: Sequence[Comparison]) -> list[Comparison]:
    return [comparison for comparison in comparisons if comparison.run_id == run.id]


def _naming_run(store: Store, run_id: str) -> list[str]:
    """The options by which `effmod show` gives the table of one run, and not that of all."""
    return ["--run", run_id] if store.holds_others(run_id) else []
