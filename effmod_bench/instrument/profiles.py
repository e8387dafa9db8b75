"""Profiles: fresh processes in which the runtime's profiler is on, those of two artifacts by turns."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from effmod_bench.instrument.place import Here
from effmod_bench.instrument.process.messages import Broken, Profiled, ProfileJob
from effmod_bench.instrument.schedule import slug_of
from effmod_bench.instrument.sessions.session import OPTIMIZED, SessionRequest, taking_turns
from effmod_bench.instrument.subject import Subject
from effmod_bench.instrument.threads import threads_to_use
from effmod_bench.instrument.watch import Watched, attempts
from exporters.artifact.scratch import scratch
from results import Machine, Outcome, Profile, ProfiledOperator, ProfilePlan, Roof, Runtime, RuntimeOptions, Store

Describe = Callable[[Subject, Runtime, Path, Profiled], tuple[ProfiledOperator, ...]]
"""What the operators of a profile are: of a subject, of which the runtime left its graph in a file."""


def run(
    run_id: str,
    plan: ProfilePlan,
    subjects: Sequence[Subject],
    machine: Machine,
    store: Store,
    *,
    describe: Describe,
    roof: Roof | None,
    on_record: Callable[[Profile], None],
    on_begin: Callable[[int], None],
) -> None:
    """Carry out a plan. Each record is on disk, and `on_record` has been told, before the next process begins.

    Args:
        on_begin: told which process begins, from 0: those of the targets take turns.

    Raises:
        StoreError: a record could not be written; the run stops there.
        KeyboardInterrupt: the user interrupts; what is finished is stored.
    """
    place = Here(machine)
    for index in range(plan.processes):
        for target, subject in enumerate(subjects):
            on_begin(index * len(subjects) + target)
            with scratch(Path(tempfile.gettempdir()), "effmod-profile-") as folder:
                options = plan.options_of(target)
                job = _job(plan, options, subject, folder, plain_first=index % 2 == 0)
                watched = _watched(job, subject, place)
                outcome = watched.outcome
                operators: tuple[ProfiledOperator, ...] = ()
                if not isinstance(outcome, Broken):
                    operators = describe(subject, options.runtime, folder / OPTIMIZED, outcome)
            record = _record(run_id, plan, subject, target, index, watched, operators, roof)
            store.write(record)
            on_record(record)


def _watched(job: ProfileJob, subject: Subject, place: Here) -> Watched[Profiled]:
    """A process, and again at once where the machine was suspended meanwhile: the last attempt."""

    def time_once() -> Watched[Profiled]:
        return place.time(job, [subject], on_warm=lambda _: None, tick=lambda _: None, timeout_s=None)

    *_, watched = attempts(time_once, tick=lambda _: None)
    return watched


def _job(
    plan: ProfilePlan, options: RuntimeOptions, subject: Subject, folder: Path, *, plain_first: bool
) -> ProfileJob:
    request = SessionRequest(
        path=subject.address,
        sha256=subject.artifact.sha256,
        device=plan.device,
        options=options,
        intra_op_num_threads=threads_to_use(plan) or 0,
        profile_folder=str(folder),
    )
    (session,) = taking_turns(request)  # the worker makes two of it: one with the profiler, one without
    return ProfileJob(
        session=session,
        inputs=subject.artifact.inputs,
        feeds=subject.feeds,
        warmup_runs=plan.warmup_runs,
        runs=plan.runs,
        plain_first=plain_first,
        mean=subject.preprocessing.mean,
        std=subject.preprocessing.std,
    )


def _record(
    run_id: str,
    plan: ProfilePlan,
    subject: Subject,
    target: int,
    index: int,
    watched: Watched[Profiled],
    operators: tuple[ProfiledOperator, ...],
    roof: Roof | None,
) -> Profile:
    outcome = watched.outcome
    seen = outcome if isinstance(outcome, Profiled) else None
    weights = tuple(each.weight for each in seen.operators if each.weight is not None) if seen else ()
    return Profile(
        id=f"{run_id}-{target}-{slug_of(subject.artifact.name)}-profile-{index}",
        started_at=watched.started_at,
        run_id=run_id,
        target=target,
        index=index,
        plan=plan,
        environment=watched.environment,
        artifact=subject.artifact,
        outcome=Outcome.OK if seen else Outcome.FAILED,
        failure=outcome.reason if isinstance(outcome, Broken) else None,
        operators=operators,
        kernel_us=tuple(each.durations_us for each in seen.operators) if seen and not weights else (),
        run_us=seen.run_us if seen else (),
        runs_each=seen.runs_each if seen else 1,
        with_ns=seen.with_ns if seen else (),
        without_ns=seen.without_ns if seen else (),
        roof=roof,
        weights=weights,
    )
