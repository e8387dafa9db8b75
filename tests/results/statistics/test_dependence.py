import itertools
import math

import numpy as np
import pytest

from results.statistics.dependence import depend, independent_number, variance_between


def autoregressive(correlation: float, number: int, seed: int) -> list[float]:
    """Values of variance 1 that follow each other with this correlation."""
    draws = np.random.default_rng(seed).standard_normal(number).tolist()
    values = draws[:1]
    for draw in draws[1:]:
        values.append(correlation * values[-1] + math.sqrt(1 - correlation**2) * draw)
    return values


def test_the_mean_of_values_that_are_alike_is_worth_that_of_fewer() -> None:
    # Of 0.6 it is a quarter: (1 - 0.6) / (1 + 0.6).
    assert independent_number(autoregressive(0.6, 20_000, 0)) == pytest.approx(20_000 / 4, rel=0.05)
    assert independent_number(autoregressive(0.0, 20_000, 0)) == pytest.approx(20_000, rel=0.05)


def test_few_values_and_equal_ones_and_those_that_alternate_count_each() -> None:
    assert independent_number(range(11)) == 11
    assert independent_number([1.0] * 20) == 20
    assert independent_number([0.0, 1.0] * 10) == 20
    assert 1 <= independent_number(range(12)) < 2  # a trend is worth next to nothing


def test_a_correlation_of_few_values_is_found_too_small_and_corrected() -> None:
    worth = [independent_number(autoregressive(0.6, 15, seed)) for seed in range(400)]
    assert np.median(worth) == pytest.approx(15 / 4, rel=0.25)


@pytest.mark.parametrize("values", [[1, 2, 3, 4, 5, 6], [1.0, 1.1, 1.2, 2.0, 2.1, 2.2], list(range(11, 0, -1))])
def test_a_trend_and_a_machine_that_changes_its_speed_once_make_values_depend(values: list[float]) -> None:
    assert depend(values)


@pytest.mark.parametrize("values", [[1, 2, 3, 4], [1.0] * 6, [1, 6, 2, 5, 3, 4], [1, 2] * 4, list(range(12)), []])
def test_too_few_equal_and_alternating_values_do_not_depend_nor_do_those_that_are_corrected(
    values: list[float],
) -> None:
    assert not depend(values)


@pytest.mark.parametrize("number", [6, 9])
def test_independent_values_depend_by_chance_alone_in_one_of_twenty(number: int) -> None:
    draws = np.random.default_rng(0).standard_normal((1000, number))
    assert sum(depend(row) for row in draws.tolist()) / 1000 == pytest.approx(0.05, abs=0.02)


def test_of_all_orders_of_six_values_at_most_one_in_twenty_depends() -> None:
    orders = list(itertools.permutations((0.0, 1.0, 2.0, 4.0, 7.0, 11.0)))
    assert 0.03 < sum(map(depend, orders)) / len(orders) < 0.05


def test_what_runs_differ_by_is_told_from_the_scatter_within_them() -> None:
    draws = np.random.default_rng(0)
    runs = [(mean + 0.3 * draws.standard_normal(6)).tolist() for mean in 2 * draws.standard_normal(500)]
    assert variance_between(runs) == pytest.approx(4, rel=0.1)
    alike = [draws.standard_normal(int(size)).tolist() for size in draws.integers(2, 9, 500)]
    assert variance_between(alike) == pytest.approx(0, abs=0.05)


def test_of_two_runs_it_is_by_hand() -> None:
    # Means 1 and 4, squares within 2 and 2: between 9, within 1, and 9 - 1 over two values a run.
    assert variance_between([[0.0, 2.0], [3.0, 5.0]]) == pytest.approx((9 - 2) / 2)


@pytest.mark.parametrize("runs", [[], [[1.0, 2.0]], [[1.0], [5.0], [9.0]], [[1.0, 3.0], [2.0, 2.0]]])
def test_where_nothing_tells_them_apart_there_is_none(runs: list[list[float]]) -> None:
    assert variance_between(runs) == 0
