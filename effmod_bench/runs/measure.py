"""A run carried out: what is measured is stored, shown whatever happens, and decides the exit code."""

import shlex
from collections.abc import Callable, Sequence
from typing import Any

from effmod_bench.errors import ExitCode
from effmod_bench.instrument import pairs, rounds
from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.schedule import missing, schedule
from effmod_bench.instrument.subject import Subject
from effmod_bench.runs.plan import Invocation, RunPlan, begin
from effmod_bench.runs.resume import records_of, say_missing
from effmod_bench.screen.comparisons import print_comparisons
from effmod_bench.screen.console import Console
from effmod_bench.screen.measurements import print_measurements, say_precision
from results import Comparison, ComparisonPlan, ComparisonProcess, Measurement, Round, Store, compare, summarise
from results.statistics.estimate import is_slower
from results.tables.table import Table
from results.tables.words import counted, difference_in_words, labels, percent
from results.tables.write import OutputFormat


def measure(
    console: Console,
    invocation: Invocation,
    subjects: Sequence[Subject],
    anchor: Subject | None,
    output_format: OutputFormat,
    table_of: Callable[[Sequence[Measurement]], Table[Any]],
) -> ExitCode:
    """Time each artifact by itself, then in turn with the anchor, and print what that came to.

    Args:
        table_of: the table that measurements are shown as.

    Raises:
        StoreError: a record could not be written; what is finished is stored and printed.
    """
    run, store = begin(invocation, subjects, anchor), invocation.store
    singles: list[Round] = records_of(run, store, Round) if invocation.resumed else []
    beside: list[ComparisonProcess] = records_of(run, store, ComparisonProcess) if invocation.resumed else []
    if invocation.resumed:
        _say_missing(console, run, singles, beside)

    def work() -> None:
        machine = read_machine()
        with console.progress("measuring") as progress:
            left = rounds.run(
                run.id,
                run.plan,
                subjects,
                machine,
                store,
                progress,
                on_record=singles.append,
                earlier=tuple(singles),
                round_timeout_s=invocation.round_timeout_s,
                max_time_s=run.max_time_s,
            )
        if left:
            console.warn(f"time was up: {counted(left, 'round')} did not begin; --max-time gives more")
        if run.anchor and anchor:
            others = [subject for subject in subjects if subject.artifact != anchor.artifact]
            _time_in_turn(
                console,
                "timing in turn with the anchor",
                invocation,
                run,
                run.anchor.plan,
                [anchor, *others],
                beside,
            )

    def show() -> bool:
        measurements = summarise(singles, beside)
        if singles:
            print_measurements(console, measurements, table_of(measurements), output_format)
            say_precision(console, compare(beside))
            options = [*(["--table", run.table] if run.table else []), *naming_run(store, run.id)]
            again = shlex.join(["effmod", "show", str(store.path), *options])
            count = counted(len(singles) + len(beside), "record")
            console.note(f"{count} in {store.path}; the table again: {again}")
        return any(measurement.failures for measurement in measurements)

    def read_again() -> bool:
        singles[:], beside[:] = records_of(run, store, Round), records_of(run, store, ComparisonProcess)
        return bool(singles)

    return _carry_out(console, run, store, work, read_again, show)


def measure_pairs(
    console: Console, invocation: Invocation, subjects: Sequence[Subject], output_format: OutputFormat
) -> ExitCode:
    """Time each artifact in turn with the first, and print how they differ.

    Raises:
        StoreError: a record could not be written; what is finished is stored and printed.
    """
    run, store = begin(invocation, subjects, None), invocation.store
    plan = run.compared
    assert plan is not None
    records: list[ComparisonProcess] = []
    if invocation.resumed:
        records = records_of(run, store, ComparisonProcess)
        left = pairs.missing(plan, len(subjects), records)
        say_missing(console, run, plan.targets, [counted(left, "process", "processes")] if left else [])
    comparisons: list[Comparison] = []

    def show() -> bool:
        comparisons[:] = compare(records)
        if records:
            print_comparisons(console, comparisons, output_format)
            again = shlex.join(["effmod", "show", str(store.path), "--only", "comparisons", *naming_run(store, run.id)])
            console.note(f"Records in {store.path}; the table again: {again}")
        return any(comparison.failures for comparison in comparisons)

    def read_again() -> bool:
        records[:] = records_of(run, store, ComparisonProcess)
        return bool(records)

    code = _carry_out(
        console,
        run,
        store,
        lambda: _time_in_turn(console, "comparing", invocation, run, plan, subjects, records),
        read_again,
        show,
        before_the_end=lambda: _say_too_slow(console, comparisons, run.fail_if_slower),
    )
    # That a target is too slow is certain, whatever failed besides.
    too_slow = _too_slow(comparisons, run.fail_if_slower)
    return ExitCode.CHECK_FAILED if too_slow and code is not ExitCode.INTERRUPTED else code


def _carry_out(
    console: Console,
    run: RunPlan,
    store: Store,
    work: Callable[[], None],
    read_again: Callable[[], bool],
    show: Callable[[], bool],
    *,
    before_the_end: Callable[[], None] = lambda: None,
) -> ExitCode:
    """Do a run's work and show what is finished, whatever happens.

    Args:
        read_again: takes the records from the store, and says whether there are any.
        show: says whether anything of what it shows failed.
        before_the_end: what is said between the table and how to go on.
    """
    code, failed = ExitCode.OK, False
    try:
        work()
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
        # It may have come between a record's storing and its telling.
        console.warn("interrupted" + (": the table holds what was finished" if read_again() else ""))
    finally:
        failed = show()
    before_the_end()
    if code is ExitCode.OK and failed:
        code = ExitCode.SOME_FAILED
    if code is not ExitCode.OK:
        console.note(f"what is missing or failed, again: {run.resume_command(store.path)}")
    return code


def _time_in_turn(
    console: Console,
    title: str,
    invocation: Invocation,
    run: RunPlan,
    plan: ComparisonPlan,
    subjects: Sequence[Subject],
    records: list[ComparisonProcess],
) -> None:
    """Time artifacts in turn with the first one; the records of that are added to those that there are."""
    with console.progress(title, unit="process") as progress:
        pairs.run(
            run.id,
            plan,
            subjects,
            read_machine(),
            invocation.store,
            progress,
            on_record=records.append,
            earlier=tuple(records),
            timeout_s=invocation.round_timeout_s,
        )


def naming_run(store: Store, run_id: str) -> list[str]:
    """The options by which `effmod show` gives the table of one run, and not that of all."""
    return ["--run", run_id] if store.holds_others(run_id) else []


def _say_missing(console: Console, run: RunPlan, singles: Sequence[Round], beside: Sequence[ComparisonProcess]) -> None:
    every = len(schedule(run.plan, len(run.artifacts)))
    left = len(missing(run.plan, run.artifacts, singles))
    to_do = [f"{left} of {counted(every, 'round')}"] if left else []
    if run.anchor and (processes := pairs.missing(run.anchor.plan, len(run.anchor.plan.targets), beside)):
        to_do.append(f"{counted(processes, 'process', 'processes')} beside {run.anchor.target}")
    say_missing(console, run, run.plan.targets, to_do)


def _too_slow(comparisons: Sequence[Comparison], limit: float | None) -> list[Comparison]:
    """What was found slower than the first, by more than is allowed."""
    if limit is None:
        return []
    return [
        comparison
        for comparison in comparisons
        if not comparison.control and is_slower(comparison.estimate, comparison.verdict, limit)
    ]


def _say_too_slow(console: Console, comparisons: Sequence[Comparison], limit: float | None) -> None:
    for comparison in _too_slow(comparisons, limit):
        candidate, baseline = labels([comparison.candidate, comparison.baseline])
        console.error(
            f"{candidate} is {difference_in_words(comparison)} than {baseline}; "
            f"--fail-if-slower allows {percent(limit or 0.0)}"
        )
