"""Of processes that were repeated, what counts, and why the others failed."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from results.records.measured import ComparisonProcess, Outcome, Round
from results.statistics.timed import TimedPair, TimedRound

Process = Round | TimedRound | ComparisonProcess | TimedPair
P = TypeVar("P", bound=Process)


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


def failures(records: Iterable[Process]) -> tuple[str, ...]:
    """The reason of each process that failed."""
    return tuple(record.failure or "no reason recorded" for record in records if record.outcome is Outcome.FAILED)
