"""A run of pairs: two artifacts timed in turn in one process, again and again, each process on disk before the next."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from effmod_bench.instrument.clock import monotonic_s, wait_until
from effmod_bench.instrument.estimate import Progress
from effmod_bench.instrument.place import Place
from effmod_bench.instrument.process.alternate import is_apart
from effmod_bench.instrument.process.messages import Broken, PairJob, PairMember, PairTimed
from effmod_bench.instrument.schedule import at
from effmod_bench.instrument.sessions.registry import share_process
from effmod_bench.instrument.sessions.session import SessionRequest, taking_turns
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import draw_cores
from effmod_bench.instrument.watch import Watched, attempts, not_begun
from results import ComparisonPlan, ComparisonProcess, Device, Outcome, Store, compare
from results.statistics.gate import GateVerdict
from results.statistics.looks import next_look
from results.tables.words import labels, on_runtimes


def run(
    run_id: str,
    plan: ComparisonPlan,
    subjects: Sequence[Subject],
    place: Place,
    store: Store,
    progress: Progress,
    *,
    on_record: Callable[[ComparisonProcess], None],
    earlier: Sequence[ComparisonProcess] = (),
    timeout_s: float | None = None,
) -> int:
    """Carry out a plan: the comparisons take turns, in an order drawn anew each time, a process each.

    Where they are to be spread over some time, it waits between two turns.

    Each record is on disk, and `on_record` has been told, before the next process begins. A process in which the
    machine was suspended, or its clock set, or that was cut off from it, failed, and is repeated at once. Where the
    place is lost, none begins any more, and a target that has none gets the record of one that failed; so does one
    that could not be made, before all others.

    Args:
        subjects: the first is the baseline.
        earlier: the processes of this run at this place that are stored; those that failed are repeated.
        timeout_s: what a process may take; None for a generous multiple of what it should take.

    Returns:
        How many processes did not begin since the place is lost, as far as one can tell now.

    Raises:
        StoreError: a record could not be written; the run stops there.
        KeyboardInterrupt: the user interrupts; what is finished is stored.
    """
    records = _finished(plan, len(subjects), earlier)
    tries = Counter((record.target, record.index) for record in earlier)
    before = sum(map(len, records.values()))
    turns = random.Random(plan.seed)
    names = _names(plan, subjects)
    began_s = monotonic_s()
    next_s = began_s

    def keep(record: ComparisonProcess) -> None:
        store.write(record)
        on_record(record)

    for target in [target for target in records if subjects[target].failure is not None]:
        pair, why = (subjects[0], subjects[target]), subjects[target].failure or ""
        keep(_not_timed(run_id, plan, pair, place, target, why, attempt=tries[target, 0]))
        del records[target]
    while waiting := [target for target in records if _to_come(plan, records[target])]:
        if _is_time_up(plan, records):
            return 0
        wait_until(next_s)
        next_s = monotonic_s() + plan.gap_s
        for target in turns.sample(waiting, len(waiting)):
            if _is_time_up(plan, records):
                return 0
            pair = (subjects[0], subjects[target])
            if place.lost is not None:
                for left in waiting:
                    if not records[left] and not tries[left, 0]:
                        keep(_not_timed(run_id, plan, (subjects[0], subjects[left]), place, left, place.lost))
                return sum(_to_come(plan, others) for others in records.values())
            index = min(set(range(len(records[target]) + 1)) - {record.index for record in records[target]})
            record = time_pair(
                run_id,
                plan,
                pair,
                place,
                store,
                _ticker(plan, records, progress, names[target], before, began_s),
                target=target,
                index=index,
                attempt=tries[target, index],
                timeout_s=timeout_s,
                on_record=on_record,
            )
            records[target].append(record)
    return 0


def _names(plan: ComparisonPlan, subjects: Sequence[Subject]) -> list[str]:
    """What the progress calls each target."""
    runtimes = [plan.options_of(target).runtime for target in range(len(subjects))]
    return on_runtimes(labels([subject.artifact for subject in subjects]), runtimes)


def _not_timed(
    run_id: str,
    plan: ComparisonPlan,
    pair: tuple[Subject, Subject],
    place: Place,
    target: int,
    why: str,
    *,
    attempt: int = 0,
) -> ComparisonProcess:
    """What stands for the processes of a target that could not be timed at a place at all."""
    job = draw_job(plan, pair, place, target=target, index=0)
    watched = not_begun(place.environment(job), why)
    return _record(plan, pair, run_id, target, 0, attempt, job, watched)


def _ticker(
    plan: ComparisonPlan,
    records: Mapping[int, Sequence[ComparisonProcess]],
    progress: Progress,
    name: str,
    before: int,
    began_s: float,
) -> Callable[[float], None]:
    """Tells how far a run is.

    Args:
        records: that there are, by target.
        before: how many there were when this invocation began.
    """
    done = sum(map(len, records.values()))
    total = done + sum(_to_come(plan, others) for others in records.values())
    process_s = (monotonic_s() - began_s) / (done - before) if done > before else None

    def tick(elapsed_s: float) -> None:
        part = 0.0 if process_s is None else min(elapsed_s / process_s, 0.99)
        left_s = None if process_s is None else (total - done - part) * process_s
        progress.show(name, done + part, total, left_s)

    return tick


def time_pair(
    run_id: str,
    plan: ComparisonPlan,
    pair: tuple[Subject, Subject],
    place: Place,
    store: Store,
    tick: Callable[[float], None],
    *,
    target: int,
    index: int,
    attempt: int = 0,
    timeout_s: float | None = None,
    on_record: Callable[[ComparisonProcess], None] = lambda _: None,
) -> ComparisonProcess:
    """One process of a comparison, on disk when this returns.

    One in which the machine was suspended, or its clock set, failed, and is repeated at once: the last one counts.

    Args:
        pair: the baseline, and the plan's target.
        tick: told the seconds since the process started, now and then.
        attempt: how many there were before.
        on_record: told of each, before the next begins.

    Raises:
        StoreError: the record could not be written.
        KeyboardInterrupt: the user interrupts; the process is gone by then.
    """
    drawn: list[PairJob] = []

    def time_once() -> Watched[PairTimed]:
        drawn.append(draw_job(plan, pair, place, target=target, index=index))  # the place may have other cores by now
        return place.time(drawn[-1], pair, on_warm=lambda _: None, tick=tick, timeout_s=timeout_s)

    for number, watched in enumerate(attempts(time_once, tick), attempt):
        record = _record(plan, pair, run_id, target, index, number, drawn[-1], watched)
        store.write(record)
        on_record(record)
    return record


def missing(plan: ComparisonPlan, subjects: int, earlier: Sequence[ComparisonProcess]) -> int:
    """How many processes are still to come, as far as one can tell now."""
    records = _finished(plan, subjects, earlier)
    return 0 if _is_time_up(plan, records) else sum(_to_come(plan, others) for others in records.values())


def _finished(
    plan: ComparisonPlan, subjects: int, earlier: Sequence[ComparisonProcess]
) -> dict[int, list[ComparisonProcess]]:
    """By target, what need not be measured again."""
    return {
        target: [record for record in earlier if record.target == target and record.outcome is Outcome.OK]
        for target in range(0 if plan.control else 1, subjects)
    }


def _record(
    plan: ComparisonPlan,
    pair: tuple[Subject, Subject],
    run_id: str,
    target: int,
    index: int,
    attempt: int,
    job: PairJob,
    watched: Watched[Any],
) -> ComparisonProcess:
    outcome = watched.outcome
    timed = outcome if isinstance(outcome, PairTimed) else None
    return ComparisonProcess(
        id=f"{run_id}-comparison-{target}{at(watched.environment.share)}-{index}"
        + (f"-attempt-{attempt}" if attempt else ""),
        run_id=run_id,
        target=target,
        index=index,
        attempt=attempt,
        started_at=watched.started_at,
        plan=plan,
        environment=watched.environment,
        candidate_session=timed.sessions["B"] if timed else None,
        apart=is_apart(job),
        cores=job.cores,
        baseline=pair[0].artifact,
        candidate=pair[1].artifact,
        load_order=job.load_order,
        order=job.order,
        outcome=Outcome.OK if timed else Outcome.FAILED,
        failure=outcome.reason if isinstance(outcome, Broken) else None,
        baseline_ns=timed.durations_ns["A"] if timed else (),
        candidate_ns=timed.durations_ns["B"] if timed else (),
        relative_error=timed.relative_error if timed else None,
        baseline_fed_ns=timed.fed_ns.get("A", ()) if timed else (),
        baseline_other_ns=timed.other_ns.get("A", ()) if timed else (),
        candidate_fed_ns=timed.fed_ns.get("B", ()) if timed else (),
        candidate_other_ns=timed.other_ns.get("B", ()) if timed else (),
        baseline_subnormals=pair[0].subnormals,
        candidate_subnormals=pair[1].subnormals,
        baseline_remarks=pair[0].remarks,
        candidate_remarks=pair[1].remarks,
    )


def draw_job(plan: ComparisonPlan, pair: tuple[Subject, Subject], place: Place, *, target: int, index: int) -> PairJob:
    """One process: in what order it loads and runs the two, and on which cores.

    What is loaded last is faster, by about half a percent on the machine that this was found on. So of two processes
    in a row each loads another one first, and which does is drawn: over an even number of them neither has an
    advantage. The processes still differ by it, and an interval that takes all of that for chance is a little wide.
    """
    draws = random.Random(f"{plan.seed}-{target}-{index}")
    load_order = random.Random(f"{plan.seed}-{target}-loading-{index // 2}").choice(("AB", "BA"))
    threads = place.threads(plan)
    assert threads is not None  # Core ML's packages are not timed in pairs
    options = plan.options, plan.options_of(target)
    sessions = tuple(
        SessionRequest(
            path=subject.address,
            sha256=subject.artifact.sha256,
            device=plan.device,
            options=each,
            intra_op_num_threads=threads,
        )
        for subject, each in zip(pair, options, strict=True)
    )
    if share_process(*(each.runtime for each in options)):
        sessions = taking_turns(*sessions)
    return PairJob(
        members={
            letter: PairMember(
                session=session,
                inputs=subject.artifact.inputs,
                feeds=subject.feeds,
                mean=subject.preprocessing.mean,
                std=subject.preprocessing.std,
            )
            for letter, subject, session in zip("AB", pair, sessions, strict=True)
        },
        load_order=load_order if index % 2 == 0 else load_order[::-1],
        order="".join(draws.choice(("ABBA", "BAAB")) for _ in range(plan.blocks)),
        warmup_runs=plan.warmup_runs,
        tries_other=index == 0,  # once is enough to see it
        cores=draw_cores(draws, threads, place.cores()) if plan.device is Device.CPU else None,
    )


def _is_time_up(plan: ComparisonPlan, records: Mapping[int, Sequence[ComparisonProcess]]) -> bool:
    """By what the processes themselves took, which their records hold: a resumed run has what was left to it."""
    conditions = [record.environment.conditions for others in records.values() for record in others]
    spent_s = sum(each.elapsed_s for each in conditions if each is not None)
    return plan.max_time_s is not None and spent_s >= plan.max_time_s


def _is_done(plan: ComparisonPlan, records: Sequence[ComparisonProcess]) -> bool:
    if len(records) < next_look(plan, len(records)).processes:
        return False
    if not plan.is_open_ended:
        return True
    (comparison,) = compare(records)
    if comparison.estimate is None or 2 * comparison.processes < len(records):
        return True  # where most of it fails, more of it tells little, and what fails at once never spends the time
    if plan.until is not None:
        return comparison.estimate.half_width <= plan.until
    # A control decides nothing.
    return comparison.gate is None or comparison.gate.verdict is not GateVerdict.UNDECIDED


def _to_come(plan: ComparisonPlan, records: Sequence[ComparisonProcess]) -> int:
    """How many more processes of a comparison there are to be, as far as one can tell now."""
    latest = _latest(records)
    return 0 if _is_done(plan, latest) else next_look(plan, len(latest) + 1).processes - len(latest)


def _latest(records: Sequence[ComparisonProcess]) -> list[ComparisonProcess]:
    """Those of the environment that the last one met: where a run was resumed on another, it begins anew."""
    now = records[-1].environment.stable if records else None
    return [record for record in records if record.environment.stable == now]
