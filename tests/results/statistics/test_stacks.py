import numpy as np
import numpy.typing as npt
import pytest

from results.statistics import stacks
from results.statistics.stacks import of_each

Counts = npt.NDArray[np.int64]


def test_rounds_of_all_lengths_come_back_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "_VALUES", 6)
    rounds = [[3, 1, 2], [5], [4, 4, 7], [], [9, 9, 9], [6]]
    shapes = []

    def largest(rows: Counts) -> Counts:
        shapes.append(rows.shape)
        return rows.max(axis=1, initial=0)

    assert of_each(rounds, largest) == [3, 5, 7, 0, 9, 6]
    assert shapes == [(2, 3), (1, 3), (2, 1), (1, 0)]
    assert of_each([], largest) == []
