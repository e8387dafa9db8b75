"""The two of a pair in processes of their own, one after the other, where their runtimes cannot share one."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from effmod_bench.instrument.clock import monotonic_s
from effmod_bench.instrument.process.messages import Broken, PairJob, PairTimed
from effmod_bench.instrument.process.outputs import load, relative_error
from effmod_bench.instrument.sessions.registry import share_process
from exporters.artifact.scratch import scratch


class Run(Protocol):
    """What does a job in a fresh process, and tells the seconds since its start."""

    def __call__(self, job: PairJob, *, tick: Callable[[float], None]) -> PairTimed | Broken: ...


def is_apart(job: PairJob) -> bool:
    """Whether each of the two has a process of its own."""
    return not share_process(*job.runtimes)


def run_apart(job: PairJob, run: Run, *, tick: Callable[[float], None]) -> PairTimed | Broken:
    """Time each of the two by itself, first the one that the job loads first; the n-th runs of both are still a pair.

    What the machine does in the seconds between the two processes is in their ratio; over the processes of a
    comparison either comes first as often, and their scatter widens the interval.
    """
    began_s = monotonic_s()
    timed: dict[str, PairTimed] = {}
    with scratch(Path(tempfile.gettempdir()), "effmod-pair-") as folder:
        paths = {letter: folder / f"{letter}.npz" for letter in job.load_order}
        for letter in job.load_order:
            before_s = monotonic_s() - began_s
            outcome = run(_alone(job, letter, paths[letter]), tick=lambda s, before_s=before_s: tick(before_s + s))  # type: ignore[misc]
            if isinstance(outcome, Broken):
                return outcome
            timed[letter] = outcome
        found = {letter: load(path) for letter, path in paths.items()}
    return PairTimed(
        sessions={letter: each.sessions[letter] for letter, each in timed.items()},
        durations_ns={letter: each.durations_ns[letter] for letter, each in timed.items()},
        fed_ns={letter: each.fed_ns[letter] for letter, each in timed.items() if letter in each.fed_ns},
        other_ns={letter: each.other_ns[letter] for letter, each in timed.items() if letter in each.other_ns},
        relative_error=relative_error(found["A"], found["B"]),
    )


def _alone(job: PairJob, letter: str, outputs: Path) -> PairJob:
    """What of a job is one's own; it runs as often as in turn with the other."""
    return msgspec.structs.replace(
        job,
        members={letter: job.members[letter]},
        load_order=letter,
        order=letter * job.order.count(letter),
        outputs=str(outputs),
    )
