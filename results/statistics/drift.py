"""Whether what is measured later takes longer, or less long."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from results.statistics.stacks import LEAST_ROUNDS, LEAST_RUNS, of_each

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from results.statistics.timed import Times

    Values = npt.NDArray[np.float64]

DRIFT_LIMIT = 0.03
_PARTS = 10
_MOST_VALUES = 500  # all pairs of fifty thousand would not fit into memory


def drifts(medians: Sequence[float], *, level: float) -> bool:
    """Whether values in the order of time rise or fall by more than 3 % from first to last, and not by chance.

    How much is Sen's slope (1968), the median over all pairs, so that neither a spike nor one jump makes it; chance
    is the test of Mann (1945), Kendall's tau against time. Fewer than five values never drift; of more than 500, the
    medians of as many successive parts are looked at.

    Args:
        level: how often chance alone may pass.
    """
    import numpy as np

    if len(medians) < LEAST_ROUNDS:
        return False
    rows = np.array([medians])
    rows = _medians_of_parts(rows, _MOST_VALUES) if len(medians) > _MOST_VALUES else rows
    return bool(_changes(rows)[0] > DRIFT_LIMIT) and _chance(rows[0]) < level


def rounds_drift(times: "Sequence[Sequence[int] | Times]", *, level: float, share: float) -> bool:
    """Whether at least such a share of rounds drift, by the medians of ten successive parts of each.

    A round too short to tell does not.

    Args:
        times: of each round, in the order in which they ran.
        level: how often chance alone may pass, in each round.
    """
    parts = of_each([each for each in times if len(each) >= LEAST_RUNS], lambda rows: _medians_of_parts(rows, _PARTS))
    changed = [values for values, change in zip(parts, of_each(parts, _changes), strict=True) if change > DRIFT_LIMIT]
    least = max(1, share * len(times))
    # What chance says takes far longer to find, and cannot make them more.
    return len(changed) >= least and sum(_chance(values) < level for values in changed) >= least


def _medians_of_parts(rows: "Values", parts: int) -> "Values":
    """The medians of so many successive parts of each row, of shape (rows, parts)."""
    import numpy as np

    return np.stack([np.median(part, axis=1) for part in np.array_split(rows, parts, axis=1)], axis=1)


def _changes(rows: "Values") -> "Values":
    """Of each row, by how much its values change from first to last: Sen's slope, relative to their median."""
    import numpy as np

    n = rows.shape[1]
    first, last = np.triu_indices(n, 1)
    slopes = np.median((rows[:, last] - rows[:, first]) / (last - first), axis=1)
    changes: Values = np.abs(slopes) * (n - 1) / np.median(rows, axis=1)
    return changes


def _chance(values: "Values") -> float:
    """How often chance alone would order values so well in time (Mann 1945)."""
    import numpy as np
    from scipy.stats import kendalltau

    first, last = np.triu_indices(len(values), 1)
    steps = values[last] - values[first]
    if not steps.all():  # of equal values it matters which they are
        return float(kendalltau(range(len(values)), values).pvalue)
    return _chance_of(len(values), int(np.count_nonzero(steps < 0)))


@functools.cache
def _chance_of(n: int, inversions: int) -> float:
    """The same of n different values: nothing counts but how many pairs of them are in the wrong order."""
    from scipy.stats import kendalltau

    left, order = list(range(n)), []
    for after in range(n - 1, -1, -1):
        skipped = min(inversions, after)
        order.append(left.pop(skipped))
        inversions -= skipped
    return float(kendalltau(range(n), order).pvalue)
