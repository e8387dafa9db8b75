"""Two artifacts in one process, timed in turn: what a comparison's process does.

Fresh processes differ in how they lay out memory and in what regime the processor is, by more than most networks
differ; within one process, both artifacts meet the same of everything.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.sessions import SessionRequest, check_outputs, open_session
from results import InputTensor, SessionFacts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class PairMember(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two artifacts, and what it is fed.

    Attributes:
        mean, std: by channel, of the images that are fed.
    """

    session: SessionRequest
    inputs: tuple[InputTensor, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class PairJob(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Which two artifacts a worker is to time, and in what order.

    Attributes:
        members: by the letters "A" and "B".
        load_order, order: of loading, and of the timed runs; a letter each.
        cores: to bind the process to, before it starts threads; None for none.
    """

    members: dict[str, PairMember]
    load_order: str
    order: str
    warmup_runs: int
    cores: tuple[int, ...] | None


class PairTimed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Both were timed. Two fields go by "A" and "B"; durations are in the order in which the runs were made.

    Attributes:
        relative_error: of what B gave against what A gave; None where the two cannot be set side by side.
    """

    sessions: dict[str, SessionFacts]
    durations_ns: dict[str, tuple[int, ...]]
    relative_error: float | None = None

    @property
    def session(self) -> SessionFacts:
        """The baseline's."""
        return self.sessions["A"]


def run_pair(job: PairJob, *, on_warm: Callable[[int], None]) -> PairTimed:
    """Load both artifacts, warm them up in turn, then time each run by itself.

    Args:
        on_warm: told about how many nanoseconds a run takes, when the timed ones begin.

    Raises:
        FloatingPointError: an artifact gives NaN or infinity.
        Exception: whatever the runtime raises for a file that it cannot load or run.
    """
    from effmod_bench.inputs import make_input
    from effmod_bench.timing import no_garbage_collection, time_in_turn, time_once

    if job.cores is not None:
        os.sched_setaffinity(0, job.cores)
    sessions = {}
    for letter in job.load_order:
        member = job.members[letter]
        inputs = {tensor.name: make_input(tensor, member.mean, member.std) for tensor in member.inputs}
        sessions[letter] = open_session(member.session, inputs)
    first_ns = []
    for session in sessions.values():
        first_ns.append(time_once(session.run)[1])
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
    return PairTimed(
        sessions={letter: session.facts() for letter, session in sessions.items()},
        durations_ns={
            letter: tuple(ns for ran, ns in zip(job.order, durations, strict=True) if ran == letter) for letter in runs
        },
        relative_error=_relative_error(sessions["A"].outputs(), sessions["B"].outputs()),
    )


def _relative_error(
    expected: "Mapping[str, npt.NDArray[np.generic]]", found: "Mapping[str, npt.NDArray[np.generic]]"
) -> float | None:
    """The largest difference of any output value, over the largest value of that output; None for other outputs."""
    import numpy as np

    if {name: x.shape for name, x in expected.items()} != {name: x.shape for name, x in found.items()}:
        return None
    errors = [0.0]
    for name, x in expected.items():
        a, b = x.astype(np.float64), found[name].astype(np.float64)
        difference, largest = float(np.abs(a - b).max(initial=0.0)), float(np.abs(a).max(initial=0.0))
        errors.append(difference / largest if largest else np.inf if difference else 0.0)
    return max(errors)
