"""Two artifacts in one process, timed in turn: what a comparison's process does.

Fresh processes differ in how they lay out memory and in what regime the processor is, by more than most networks
differ; within one process, both artifacts meet the same of everything.
"""

import os
from collections.abc import Callable
from pathlib import Path

from effmod_bench.instrument.process.messages import PairJob, PairTimed
from effmod_bench.instrument.sessions.registry import open_session
from effmod_bench.instrument.sessions.session import check_outputs


def run_pair(job: PairJob, *, on_warm: Callable[[int], None]) -> PairTimed:
    """Load both artifacts, warm them up in turn, then time each run by itself.

    Of a job that was made for one of the two alone, that one.

    Args:
        on_warm: told about how many nanoseconds a run takes, when the timed ones begin.

    Raises:
        FloatingPointError: an artifact gives NaN or infinity.
        Exception: whatever the runtime raises for a file that it cannot load or run.
    """
    from effmod_bench.instrument.clock import no_garbage_collection, time_in_turn, time_once
    from effmod_bench.instrument.process.inputs import make_inputs
    from effmod_bench.instrument.process.other import try_other
    from effmod_bench.instrument.process.outputs import relative_error, save

    if job.cores is not None:
        os.sched_setaffinity(0, job.cores)
    sessions, fed = {}, {}
    for letter in job.load_order:
        member = job.members[letter]
        fed[letter], *others = make_inputs(member.inputs, member.feeds, member.mean, member.std)
        sessions[letter] = open_session(member.session, fed[letter], others)
    first_ns = [time_once(session.run)[1] for session in sessions.values()]
    tried = {}
    if job.tries_other:
        tried = {letter: try_other(each, job.members[letter], fed[letter]) for letter, each in sessions.items()}
    for session in sessions.values():
        session.prepare_outputs()
    runs = {letter: session.run for letter, session in sessions.items()}
    with no_garbage_collection():
        warmup = time_in_turn([*runs.values()] * job.warmup_runs) or first_ns
        on_warm(sum(warmup) // len(warmup))
        durations = time_in_turn([runs[letter] for letter in job.order])
    for letter, session in sessions.items():
        try:
            check_outputs(session)
        except FloatingPointError as error:
            raise FloatingPointError(f"{Path(job.members[letter].session.path).name}: {error}") from error
    given = {letter: session.outputs() for letter, session in sessions.items()}
    if job.outputs is not None:
        for each in given.values():
            save(each, job.outputs)
    return PairTimed(
        sessions={letter: session.facts() for letter, session in sessions.items()},
        durations_ns={
            letter: tuple(ns for ran, ns in zip(job.order, durations, strict=True) if ran == letter) for letter in runs
        },
        fed_ns={letter: fed_ns for letter, (fed_ns, _) in tried.items()},
        other_ns={letter: other_ns for letter, (_, other_ns) in tried.items()},
        relative_error=relative_error(given["A"], given["B"]) if len(given) == 2 else None,
    )
