"""Of processes that were repeated, what counts, what they say alike, and why the others failed."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

import msgspec

from results.records.artifact import Remarks, TimedArtifact
from results.records.measured import ComparisonProcess, Outcome, Round
from results.statistics.timed import TimedPair, TimedRound

Process = Round | TimedRound | ComparisonProcess | TimedPair
P = TypeVar("P", bound=Process)
R = TypeVar("R", Round, TimedRound, Round | TimedRound)


def last_attempts(records: Iterable[P], turn: Callable[[P], Hashable]) -> list[P]:
    """What no later attempt took the place of, in the order given.

    Args:
        turn: what all attempts at one process have in common, and no other process has.
    """
    turns = [(turn(record), record) for record in records]
    last: dict[Hashable, int] = defaultdict(int)
    for key, record in turns:
        last[key] = max(last[key], record.attempt)
    return [record for key, record in turns if record.attempt == last[key]]


def settled(records: Iterable[R], artifacts: Iterable[tuple[str, TimedArtifact]]) -> list[R]:
    """The same, where what could not be made at first, and could when the run was resumed, is one artifact.

    Args:
        artifacts: those of the runs, each after the run's id.
    """
    made = [(run_id, artifact) for run_id, artifact in artifacts if artifact.is_made]

    def settle(record: R) -> R:
        if record.artifact.is_made:
            return record
        later = (each for run_id, each in made if run_id == record.run_id and record.artifact.could_become(each))
        return msgspec.structs.replace(record, artifact=next(later, record.artifact))

    return [settle(record) for record in records]


def first_made(remarks: Iterable[Remarks]) -> Remarks:
    """What the processes of one artifact remark on it: those of a run that began before remarks were made lack them."""
    return next((each for each in remarks if each != Remarks()), Remarks())


def failures(records: Iterable[Process]) -> tuple[str, ...]:
    """The reason of each process that failed."""
    return tuple(record.failure or "no reason recorded" for record in records if record.outcome is Outcome.FAILED)
