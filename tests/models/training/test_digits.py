"""What is said of the digits, by what was predicted of them: tests/benchmarks/digits.py."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.digits import ARMS, HERE, difference, read_predictions, summary, write_predictions

DIGITS = np.arange(400) % 10


def predictions(**right: float) -> np.ndarray:
    """Of two seeds: so many of the digits are right, others are one too high; arms that are not named are not there."""
    said = np.full((len(ARMS), 2, len(DIGITS)), -1)
    for number, arm in enumerate(ARMS):
        if arm in right:
            is_right = np.arange(len(DIGITS)) < right[arm] * len(DIGITS)
            said[number] = np.where(is_right, DIGITS, (DIGITS + 1) % 10)
    return said


def test_the_difference_is_of_pairs_and_its_interval_holds_it() -> None:
    better, worse = np.ones((5, 1000), bool), np.ones((5, 1000), bool)
    worse[:, :30] = False
    points, low, high = difference(better, worse, np.random.default_rng(0))
    assert points == pytest.approx(3)
    assert 1.5 < low < 2.2 < 3 < 3.8 < high < 4.5  # of a binomial with p = 0.03: 3 +- 1.96 x 0.54
    assert difference(better, better, np.random.default_rng(0)) == (0, 0, 0)


def test_seeds_that_part_widen_the_interval() -> None:
    alike, apart = np.ones((5, 1000), bool), np.ones((5, 1000), bool)
    alike[:, :30] = False
    apart[0, :150] = False
    intervals = [difference(np.ones_like(alike), each, np.random.default_rng(0)) for each in (alike, apart)]
    assert intervals[0][0] == pytest.approx(intervals[1][0])
    assert intervals[1][2] - intervals[1][1] > 2 * (intervals[0][2] - intervals[0][1])


def test_an_aim_is_reached_where_the_whole_interval_is_above_it() -> None:
    rows = summary(predictions(ln=0.99, taught=0.99, few=0.5), DIGITS)
    assert [(row["network"], row["against"]) for row in rows if row["reached"] != ""] == [
        ("ln", ""),
        ("taught", "ln"),
        ("taught", "few"),
    ]
    assert all(row["reached"] for row in rows if row["reached"] != "")
    (row,) = [row for row in summary(predictions(ln=0.99, taught=0.985), DIGITS) if row["against"] == "ln"]
    assert (row["difference_points"], row["reached"]) == ("-0.50", False)


def test_predictions_are_read_as_they_were_written(tmp_path: Path) -> None:
    said = predictions(ln=0.9, taught=0.8)
    write_predictions(tmp_path / "said.csv", said, DIGITS)
    read, digits = read_predictions(tmp_path / "said.csv")
    assert np.array_equal(read, said)
    assert np.array_equal(digits, DIGITS)


def test_the_committed_figures_are_of_the_committed_predictions() -> None:
    said, digits = read_predictions(HERE.with_name("digits_predictions.csv"))
    with HERE.with_suffix(".csv").open() as file:
        committed = list(csv.DictReader(file))
    assert [{name: str(value) for name, value in row.items()} for row in summary(said, digits)] == committed
