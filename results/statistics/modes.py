"""Whether what is measured falls in two groups, as if the machine had two speeds."""

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING

from results.statistics.stacks import LEAST_ROUNDS, LEAST_RUNS

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from results.statistics.timed import Times

    Values = npt.NDArray[np.float64]

MODES_APART = 0.05
ROUNDS_APART = 0.1
SPLIT_EXPLAINS = 0.95


def rounds_have_two_modes(rows: "Times") -> "npt.NDArray[np.bool_]":
    """Whether a round's runs lie in two groups at least 5 % apart, with little in between: of each row of runs.

    The runs, as logarithms, are split where the variance between the two parts is largest (Otsu 1979); the outermost
    twentieths are moved inwards for that, or rare spikes would decide it. A distribution with one mode is, anywhere
    between two points, at least as dense as at one of them; so the runs are counted in three windows of equal width,
    around the medians of the two parts and halfway between. Of two modes each holds a tenth of all runs, and halfway
    there are fewer than half as many as at the smaller of them.
    """
    import numpy as np

    n = rows.shape[1]
    if n < LEAST_RUNS:
        return np.zeros(len(rows), dtype=bool)
    logs = np.sort(np.log(rows), axis=1)
    least = n // 10
    low_end, high_end = np.percentile(logs, (5, 95), axis=1)[:, :, None]
    splits, _ = _splits(logs.clip(low_end, high_end), least)
    low, high = _median_between(logs, 0, splits), _median_between(logs, splits, n)
    width = (high - low) / 3
    at_low, valley, at_high = (
        np.count_nonzero(np.abs(logs - centre[:, None]) <= width[:, None] / 2, axis=1)
        for centre in (low, (low + high) / 2, high)
    )
    smaller = np.minimum(at_low, at_high)
    found: npt.NDArray[np.bool_] = (high - low > log(1 + MODES_APART)) & (smaller >= least) & (valley < smaller / 2)
    return found


def fall_in_two(medians: Sequence[float]) -> bool:
    """Whether the medians of rounds, five or more, fall in two groups at least 10 % apart, of two rounds or more each.

    Or the ratios of a comparison's processes.

    They do where splitting their logarithms in two explains 95 % of their variance (Otsu's criterion: 64 % for many
    normal values). Five values of one wide uniform distribution pass in about one case of ten, ten hardly ever.
    """
    import numpy as np

    if len(medians) < LEAST_ROUNDS:
        return False
    logs = np.sort(np.log(medians))
    (split,), (explained,) = _splits(logs[None, :], 2)
    apart = logs[split:].mean() - logs[:split].mean()
    return bool(apart > log(1 + ROUNDS_APART) and explained > SPLIT_EXPLAINS)


def _median_between(
    rows: "Values", start: "npt.NDArray[np.int64] | int", end: "npt.NDArray[np.int64] | int"
) -> "Values":
    """The median of a part of each row, all of which are sorted; each has a part of its own."""
    import numpy as np

    row, lower, upper = np.arange(len(rows)), (start + end - 1) // 2, (start + end) // 2
    middle: Values = (rows[row, lower] + rows[row, upper]) / 2
    return middle


def _splits(rows: "Values", least: int) -> "tuple[npt.NDArray[np.int64], Values]":
    """Where to cut sorted rows in two, each part at least so long, and the share of their variance that explains."""
    import numpy as np

    n = rows.shape[1]
    sizes = np.arange(least, n - least + 1)
    centred = rows - rows.mean(axis=1, keepdims=True)
    sums = np.cumsum(centred, axis=1)[:, sizes - 1]
    between = sums**2 * n / (sizes * (n - sizes))
    best, total = between.argmax(axis=1), (centred**2).sum(axis=1)
    share = np.divide(between.max(axis=1), total, out=np.zeros(len(rows)), where=total > 0)
    return sizes[best], share
