"""A run: every artifact's rounds, interleaved, each on disk before the next begins."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import fmean

import msgspec

from effmod_bench.instrument.clock import monotonic_s
from effmod_bench.instrument.estimate import Progress, Timeline
from effmod_bench.instrument.place import Place
from effmod_bench.instrument.process.messages import Broken, Job, Timed
from effmod_bench.instrument.schedule import Turn, at, missing, slug_of, way_of
from effmod_bench.instrument.sessions.session import SessionRequest
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.watch import Watched, attempts, not_begun
from results import BenchPlan, Outcome, Round, Store
from results.tables.words import counted, labels


def run(
    run_id: str,
    plan: BenchPlan,
    subjects: Sequence[Subject],
    place: Place,
    store: Store,
    progress: Progress,
    *,
    on_record: Callable[[Round], None],
    earlier: Sequence[Round] = (),
    threads: Sequence[int] = (),
    round_timeout_s: float | None = None,
    max_time_s: float | None = None,
) -> int:
    """Carry out a plan at one place. Each record is on disk, and `on_record` told, before the next round begins.

    What could not be made is not timed: in the place of its first round, each way, stands the record of why.

    A round in which the machine was suspended, or its clock set, or that was cut off from it, failed, and is repeated
    at once.

    Args:
        earlier: the rounds of this run at this place that are stored; what they have is not measured again.
        threads: several numbers, to be timed one by one; empty for the plan's alone.
        round_timeout_s: what a round may take; None for a generous multiple of what it should take.
        max_time_s: when this has passed, no round begins any more, and none where the place is lost. An artifact that
            then has none at all gets the record of one that failed for that.

    Returns:
        How many rounds did not begin.

    Raises:
        StoreError: a record could not be written; the run stops there.
        KeyboardInterrupt: the user interrupts; what is finished is stored.
    """
    to_come = missing(plan, [subject.artifact for subject in subjects], earlier, threads=threads)
    turns = [turn for turn in to_come if subjects[turn.subject].failure is None]
    timeline = Timeline(plan, [subject.artifact.macs for subject in subjects], turns)
    names = labels([subject.artifact for subject in subjects])
    began_s = monotonic_s()

    def keep(record: Round) -> None:
        store.write(record)
        on_record(record)

    for turn in to_come:
        subject = subjects[turn.subject]
        if subject.failure is not None and turn.index == 0:
            environment = place.environment(_job(subject, turn, place))
            keep(_record(subject, run_id, turn, not_begun(environment, subject.failure)))
    for number, turn in enumerate(turns):
        is_late = max_time_s is not None and monotonic_s() - began_s >= max_time_s
        if is_late or place.lost is not None:
            for left in _first_of_each(turns, number, subjects, earlier, threads):
                environment = place.environment(_job(subjects[left.subject], left, place))
                watched = not_begun(environment, place.lost or "time was up")
                keep(_record(subjects[left.subject], run_id, left, watched))
            return len(turns) - number
        timeline.now = number
        subject, name = subjects[turn.subject], names[turn.subject]
        if threads:
            name = f"{name}, {counted(turn.plan.threads or 0, 'thread')}"
        tick = _ticker(progress, name, timeline)
        time_once = partial(_time, place, subject, turn, timeline, tick, round_timeout_s)
        for attempt, watched in enumerate(attempts(time_once, tick), turn.attempt):
            if isinstance(watched.outcome, Timed):
                timeline.saw(fmean(watched.outcome.durations_ns))
            keep(_record(subject, run_id, msgspec.structs.replace(turn, attempt=attempt), watched))
    return 0


def _ticker(progress: Progress, name: str, timeline: Timeline) -> Callable[[float], None]:
    def tick(elapsed_s: float) -> None:
        progress.show(name, timeline.done(elapsed_s), len(timeline.turns), timeline.left_s(elapsed_s))

    return tick


def _time(
    place: Place,
    subject: Subject,
    turn: Turn,
    timeline: Timeline,
    tick: Callable[[float], None],
    round_timeout_s: float | None,
) -> Watched[Timed]:
    """A round in a process of its own; the timeline hears how long a run takes once it is warm."""
    return place.time(
        _job(subject, turn, place),
        [subject],
        on_warm=lambda warm: timeline.saw(warm.expected_ns),
        tick=tick,
        timeout_s=round_timeout_s,
    )


def _job(subject: Subject, turn: Turn, place: Place) -> Job:
    plan = turn.plan
    return Job(
        session=SessionRequest(
            path=subject.address,
            sha256=subject.artifact.sha256,
            device=plan.device,
            options=plan.options,
            intra_op_num_threads=place.threads(plan) or 0,
        ),
        inputs=subject.artifact.inputs,
        feeds=subject.feeds,
        tries_other=turn.index == 0,  # once is enough to see it
        warmup_runs=plan.warmup_runs,
        runs=turn.runs,
        mean=subject.preprocessing.mean,
        std=subject.preprocessing.std,
    )


def _first_of_each(
    turns: Sequence[Turn],
    number: int,
    subjects: Sequence[Subject],
    earlier: Sequence[Round],
    threads: Sequence[int],
) -> Iterator[Turn]:
    """Of each artifact that was never tried in a way, the round that would have come first.

    Args:
        number: of the turns, that have begun.
    """
    seen = {(each.artifact, way_of(each.plan, threads)) for each in earlier}
    seen |= {(subjects[each.subject].artifact, way_of(each.plan, threads)) for each in turns[:number]}
    for turn in turns[number:]:
        timed = subjects[turn.subject].artifact, way_of(turn.plan, threads)
        if timed not in seen:
            seen.add(timed)
            yield turn


def _record(
    subject: Subject,
    run_id: str,
    turn: Turn,
    watched: Watched[Timed],
) -> Round:
    artifact, outcome = subject.artifact, watched.outcome
    slug = slug_of(artifact.name)
    timed = outcome if isinstance(outcome, Timed) else None
    again = f"-attempt-{turn.attempt}" if turn.attempt else ""
    where = at(watched.environment.share)
    return Round(
        id=f"{run_id}-{turn.subject}-{slug}{turn.way}{where}-{turn.index}{again}",
        run_id=run_id,
        index=turn.index,
        attempt=turn.attempt,
        started_at=watched.started_at,
        plan=turn.plan,
        environment=watched.environment,
        artifact=artifact,
        outcome=Outcome.OK if timed else Outcome.FAILED,
        failure=outcome.reason if isinstance(outcome, Broken) else None,
        load_ns=timed.load_ns if timed else None,
        first_inference_ns=timed.first_inference_ns if timed else None,
        warmup_runs=timed.warmup_runs if timed else None,
        steady=timed.steady if timed else None,
        durations_ns=timed.durations_ns if timed else (),
        parts_ns=timed.parts_ns if timed else {},
        fed_ns=timed.fed_ns if timed else (),
        other_ns=timed.other_ns if timed else (),
        gpu_durations_ns=timed.gpu_durations_ns if timed else None,
        peak_memory_bytes=timed.peak_memory_bytes if timed else None,
        subnormals=subject.subnormals,
        remarks=subject.remarks,
    )
