"""Signs that a number should not be leaned on. It is kept all the same, and marked."""

from collections.abc import Sequence
from enum import StrEnum

from results.record import Round

SPREAD_LIMIT = 0.1


class StabilityWarning(StrEnum):
    """What makes a measurement doubtful."""

    FEWER_CORES = "fewer-cores-than-threads"
    ROUNDS_DISAGREE = "rounds-disagree"


def find_warnings(round_spread: float | None, rounds: Sequence[Round]) -> tuple[StabilityWarning, ...]:
    """The warnings that a measurement's good rounds give."""
    found = []
    if any((record.environment.threads or 0) > record.environment.machine.available_cores for record in rounds):
        found.append(StabilityWarning.FEWER_CORES)
    if round_spread is not None and round_spread > SPREAD_LIMIT:
        found.append(StabilityWarning.ROUNDS_DISAGREE)
    return tuple(found)
