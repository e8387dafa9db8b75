"""Rounds of one length, one a row: numpy takes a thousand rows in hardly more time than one."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy.typing as npt

LEAST_RUNS = 100  # fewer in a round tell neither a drift nor two modes
LEAST_ROUNDS = 5
_VALUES = 1 << 19  # in a stack at most, so that it takes megabytes


def by_run(run_ids: Iterable[str], figures: Iterable[float]) -> list[list[float]]:
    """A figure of each round, by the run that the round is of: runs as they are first met, rounds in their order."""
    found: dict[str, list[float]] = defaultdict(list)
    for run_id, figure in zip(run_ids, figures, strict=True):
        found[run_id].append(figure)
    return list(found.values())


def of_each(rounds: "Sequence[npt.ArrayLike]", find: "Callable[[npt.NDArray[Any]], npt.NDArray[Any]]") -> list[Any]:
    """What is found of each round, in their order.

    Args:
        rounds: the times of each.
        find: takes rounds of one length, of shape (rounds, runs), and returns a row or a value for each.
    """
    import numpy as np

    times = [np.asarray(each) for each in rounds]
    by_length: dict[int, list[int]] = defaultdict(list)
    for i, each in enumerate(times):
        by_length[len(each)].append(i)
    found: list[Any] = [None] * len(times)
    for length, places in by_length.items():
        step = max(1, _VALUES // max(length, 1))
        for start in range(0, len(places), step):
            part = places[start : start + step]
            for i, value in zip(part, find(np.stack([times[i] for i in part])), strict=True):
                found[i] = value
    return found
