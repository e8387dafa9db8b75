"""Of processes that were repeated, what counts, and why the others failed."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from results.records.measured import ComparisonProcess, Outcome, Round

P = TypeVar("P", Round, ComparisonProcess)


def last_attempts(records: Iterable[P], turn: Callable[[P], Hashable]) -> list[P]:
    """What no later attempt took the place of, in the order given.

    Args:
        turn: what all attempts at one process have in common, and no other process has.
    """
    records = list(records)
    last: dict[Hashable, int] = defaultdict(int)
    for record in records:
        last[turn(record)] = max(last[turn(record)], record.attempt)
    return [record for record in records if record.attempt == last[turn(record)]]


def failures(records: Iterable[Round | ComparisonProcess]) -> tuple[str, ...]:
    """The reason of each process that failed."""
    return tuple(record.failure or "no reason recorded" for record in records if record.outcome is Outcome.FAILED)
