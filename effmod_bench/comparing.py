"""`effmod compare` from its options to its table: two artifacts timed in turn in one process, again and again."""

import os
import random
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from effmod_bench.benchmark import Benchmark
from effmod_bench.console import Console
from effmod_bench.environment import load_average
from effmod_bench.errors import ExitCode
from effmod_bench.isolation import run_job
from effmod_bench.pair import PairJob, PairMember, PairTimed
from effmod_bench.runner import Progress, Subject, new_run_id, stamp, threads_to_use
from effmod_bench.sessions import SessionRequest
from effmod_bench.targets import TargetError
from effmod_bench.timing import monotonic_s, utc_now
from effmod_bench.worker import Broken
from results import (
    Comparison,
    ComparisonPlan,
    ComparisonProcess,
    Environment,
    Machine,
    Outcome,
    Store,
    Verdict,
    compare,
)
from results.comparison import next_look
from results.tables import OutputFormat, comparison_table, difference_in_words, percent

# How long --until may go on where nobody says.
MAX_TIME_S = 600.0


class Comparing(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked `effmod compare` to do.

    Attributes:
        benchmark: which artifacts, on what; its own runs and rounds are not used.
        fail_if_slower: by how much a target may be slower than the first, as a share; None for any.
    """

    benchmark: Benchmark
    plan: ComparisonPlan
    fail_if_slower: float | None

    def run(self, console: Console, output_format: OutputFormat) -> ExitCode:
        """Export what is missing, compare, and print the table; what is finished is printed whatever happens.

        Raises:
            TargetError: there is nothing to compare with.
            As `Benchmark.run`.
        """
        with self.benchmark.prepared(console) as (store, subjects):
            return self._compare(console, output_format, store, subjects)

    def _compare(
        self, console: Console, output_format: OutputFormat, store: Store, subjects: Sequence[Subject]
    ) -> ExitCode:
        from effmod_bench.environment import read_machine

        if len(subjects) < 2 and not self.plan.control:
            raise TargetError(
                f"{subjects[0].artifact.name} alone is nothing to compare: name a second target that is another file, "
                "or give --control to compare it with itself"
            )
        plan = msgspec.structs.replace(self.plan, targets=tuple(subject.artifact.name for subject in subjects))
        records: list[ComparisonProcess] = []
        code = ExitCode.OK
        try:
            with console.progress("comparing", unit="process") as progress:
                run(plan, subjects, read_machine(), store, progress, on_record=records.append)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
            console.warn("interrupted" + (": the table holds what was finished" if records else ""))
        finally:
            comparisons = compare(records)
            if records:
                print_comparisons(console, comparisons, output_format)
                console.note(f"Records in {store.path}; the table again: effmod show {store.path} --only comparisons")
        too_slow = self._say_too_slow(console, comparisons)
        if code is ExitCode.OK and any(record.outcome is Outcome.FAILED for record in records):
            code = ExitCode.SOME_FAILED
        # That a target is too slow is certain, whatever failed besides.
        return ExitCode.CHECK_FAILED if too_slow and code is not ExitCode.INTERRUPTED else code

    def _say_too_slow(self, console: Console, comparisons: Sequence[Comparison]) -> bool:
        limit = self.fail_if_slower
        if limit is None:
            return False
        found = [
            comparison
            for comparison in comparisons
            if comparison.verdict is Verdict.SLOWER
            and comparison.estimate
            and comparison.estimate.ratio > 1 + limit
            and not comparison.control
        ]
        for comparison in found:
            console.error(
                f"{comparison.candidate.name} is {difference_in_words(comparison)} than {comparison.baseline.name}; "
                f"--fail-if-slower allows {percent(limit)}"
            )
        return bool(found)


def run(
    plan: ComparisonPlan,
    subjects: Sequence[Subject],
    machine: Machine,
    store: Store,
    progress: Progress,
    *,
    on_record: Callable[[ComparisonProcess], None],
) -> None:
    """Carry out a plan: the comparisons take turns, in an order drawn anew each time, a process each.

    Each record is on disk, and `on_record` has been told, before the next process begins.

    Args:
        subjects: the first is the baseline.

    Raises:
        StoreError: a record could not be written; the run stops there.
        KeyboardInterrupt: the user interrupts; what is finished is stored.
    """
    run_id = new_run_id()
    stamps = [stamp(subject.path) for subject in subjects]
    records: dict[int, list[ComparisonProcess]] = {
        target: [] for target in range(0 if plan.control else 1, len(subjects))
    }
    turns = random.Random(plan.seed)
    began = monotonic_s()
    while waiting := [target for target in records if not _is_done(plan, records[target])]:
        for target in turns.sample(waiting, len(waiting)):
            if plan.max_time_s is not None and monotonic_s() - began >= plan.max_time_s:
                return
            pair = (subjects[0], subjects[target])
            index = len(records[target])
            done = sum(map(len, records.values()))
            total = sum(_aim(plan, others) for others in records.values())
            process_s = (monotonic_s() - began) / done if done else None

            def tick(
                elapsed_s: float,
                name: str = pair[1].artifact.name,
                done: int = done,
                total: int = total,
                process_s: float | None = process_s,
            ) -> None:
                part = 0.0 if process_s is None else min(elapsed_s / process_s, 0.99)
                left_s = None if process_s is None else (total - done - part) * process_s
                progress.show(name, done + part, total, left_s)

            tick(0.0)
            started, load = utc_now(), load_average()
            job = draw_job(plan, pair, seed=f"{plan.seed}-{target}-{index}")
            outcome: PairTimed | Broken
            changed = [subjects[i].path.name for i in (0, target) if stamp(subjects[i].path) != stamps[i]]
            if changed:
                outcome = Broken(reason=f"{changed[0]} was changed or deleted during the run", detail="")
            else:
                outcome = run_job(job, on_warm=lambda _: None, tick=tick)
            record = _record(plan, pair, machine, load, run_id, target, index, started, job, outcome)
            store.write(record)
            records[target].append(record)
            on_record(record)


def _record(
    plan: ComparisonPlan,
    pair: tuple[Subject, Subject],
    machine: Machine,
    load: float | None,
    run_id: str,
    target: int,
    index: int,
    started: datetime,
    job: PairJob,
    outcome: PairTimed | Broken,
) -> ComparisonProcess:
    timed = outcome if isinstance(outcome, PairTimed) else None
    return ComparisonProcess(
        id=f"{run_id}-comparison-{target}-{index}",
        run_id=run_id,
        target=target,
        index=index,
        started_at=started.isoformat(timespec="milliseconds"),
        plan=plan,
        environment=Environment(
            machine=machine,
            threads=threads_to_use(plan),
            session=timed.sessions["A"] if timed else None,
            load_average=load,
        ),
        candidate_session=timed.sessions["B"] if timed else None,
        cores=job.cores,
        baseline=pair[0].artifact,
        candidate=pair[1].artifact,
        load_order=job.load_order,
        order=job.order,
        outcome=Outcome.OK if timed else Outcome.FAILED,
        failure=outcome.reason if isinstance(outcome, Broken) else None,
        baseline_ns=timed.durations_ns["A"] if timed else (),
        candidate_ns=timed.durations_ns["B"] if timed else (),
    )


def draw_job(plan: ComparisonPlan, pair: tuple[Subject, Subject], *, seed: str) -> PairJob:
    """One process: in what order it loads and runs the two, and on which cores."""
    draws = random.Random(seed)
    threads = threads_to_use(plan)
    assert threads is not None  # pairs are timed on the CPU
    return PairJob(
        members={
            letter: PairMember(
                session=SessionRequest(
                    path=os.fspath(subject.path.resolve()),
                    device=plan.device,
                    options=plan.options,
                    intra_op_num_threads=threads,
                    shared_threads=True,
                ),
                inputs=subject.artifact.inputs,
                mean=subject.preprocessing.mean,
                std=subject.preprocessing.std,
            )
            for letter, subject in zip("AB", pair, strict=True)
        },
        load_order=draws.choice(("AB", "BA")),
        order="".join(draws.choice(("ABBA", "BAAB")) for _ in range(plan.blocks)),
        warmup_runs=plan.warmup_runs,
        cores=_draw_cores(draws, threads),
    )


def _draw_cores(draws: random.Random, threads: int) -> tuple[int, ...] | None:
    """As many cores as there are threads, or all that this process may use where they are fewer."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return tuple(sorted(draws.sample(allowed, min(threads, len(allowed)))))


def _is_done(plan: ComparisonPlan, records: Sequence[ComparisonProcess]) -> bool:
    if len(records) < next_look(plan, len(records)).processes:
        return False
    (comparison,) = compare(records)
    if plan.until is None or comparison.estimate is None:  # where everything fails, more of it tells nothing
        return True
    return comparison.estimate.half_width <= plan.until


def _aim(plan: ComparisonPlan, records: Sequence[ComparisonProcess]) -> int:
    """How many processes there are to be, as far as one can tell now."""
    return len(records) if _is_done(plan, records) else next_look(plan, len(records) + 1).processes


def print_comparisons(console: Console, comparisons: Sequence[Comparison], output_format: OutputFormat) -> None:
    """The table of comparisons, with what should be known of them."""
    console.table(comparison_table(comparisons), output_format)
    for comparison in comparisons:
        name, estimate, until = comparison.candidate.name, comparison.estimate, comparison.plan.until
        for failure in dict.fromkeys(comparison.failures):
            console.warn(f"{name}: failed: {failure}")
        if until is not None and estimate is not None:
            reached = estimate.half_width <= until
            took = f"{comparison.processes} processes, {comparison.runs} timed runs of each"
            console.note(
                f"{name}: known to within {percent(estimate.half_width)} after {took}"
                + ("" if reached else f", not yet to {percent(until)}: a longer --max-time may do it")
            )
        if comparison.control and comparison.verdict is not Verdict.NOT_DISTINGUISHABLE:
            console.warn(
                f"{name} is called {comparison.verdict} than itself: trust no difference of this size; close other "
                "programs, or raise --processes"
            )
