"""Whether the time depends on the input: a few inferences of what is fed and of values drawn otherwise."""

from effmod_bench.instrument.clock import time_in_turn
from effmod_bench.instrument.process.inputs import Inputs, make_other
from effmod_bench.instrument.process.messages import Job, PairMember
from effmod_bench.instrument.sessions.session import Session

# Inferences of each by which that is seen, after one of each that does not count.
_TRIED = 7


def try_other(session: Session, job: Job | PairMember, fed: Inputs) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How long both take, in turn, in nanoseconds; none where the artifact does not take the other values."""
    try:
        other = make_other(job.inputs, job.feeds, fed)
        runs = [session.fed_with(inputs) for inputs in (fed, other)] if other is not None else []
        durations = time_in_turn([run for run in runs if run is not None] * (1 + _TRIED))
    except Exception:  # the runtime raises what it likes of values that nobody asked for
        return (), ()
    return tuple(durations[2::2]), tuple(durations[3::2])
