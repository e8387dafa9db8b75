"""Synthetic times, of which the truth is known: how often two modes are seen where they are, and where they are not."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from results.statistics.modes import fall_in_two, rounds_have_two_modes

Times = npt.NDArray[np.float64]


def nanoseconds(milliseconds: Times) -> list[int]:
    return [round(value * 1e6) for value in milliseconds]


def normal(rng: np.random.Generator) -> Times:
    return rng.normal(10, 0.3, 800)


def lognormal(rng: np.random.Generator) -> Times:
    return 9 + rng.lognormal(0, 0.8, 800)


def with_outliers(rng: np.random.Generator) -> Times:
    times = normal(rng)
    times[rng.random(800) < 0.06] *= 3
    return times


def uniform(rng: np.random.Generator) -> Times:
    return rng.uniform(8, 12, 800)


def wandering(rng: np.random.Generator) -> Times:
    return normal(rng) * (1 + 0.03 * np.sin(np.linspace(0, 20, 800)))


def has_two_modes(durations_ns: Sequence[int]) -> bool:
    (found,) = rounds_have_two_modes(np.array([durations_ns]))
    return bool(found)


@pytest.mark.parametrize("shape", [normal, lognormal, with_outliers, uniform, wandering])
def test_one_mode_is_hardly_ever_taken_for_two(shape: Callable[[np.random.Generator], Times]) -> None:
    rng = np.random.default_rng(0)
    assert sum(has_two_modes(nanoseconds(shape(rng))) for _ in range(300)) <= 3


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("outliers", [0.0, 0.03])
def test_two_modes_thirty_percent_apart_are_seen(share: float, outliers: float) -> None:
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(100):
        times = normal(rng) * np.where(rng.random(800) < share, 1.3, 1.0)
        seen += has_two_modes(nanoseconds(times * np.where(rng.random(800) < outliers, 3.0, 1.0)))
    assert seen >= 99


def test_two_modes_closer_than_five_percent_make_no_difference_worth_a_warning() -> None:
    times = np.where(np.arange(800) % 2, 10.0, 10.3) + np.random.default_rng(0).normal(0, 0.01, 800)
    assert not has_two_modes(nanoseconds(times))


def test_few_runs_show_no_modes() -> None:
    assert has_two_modes([10_000_000] * 50 + [13_000_000] * 50)
    assert not has_two_modes([10_000_000] * 49 + [13_000_000] * 50)
    assert not has_two_modes([10_000_000] * 800)


@pytest.mark.parametrize(("rounds", "at_most"), [(5, 30), (10, 6), (20, 3)])
def test_rounds_that_merely_scatter_do_not_fall_in_two(rounds: int, at_most: int) -> None:
    rng = np.random.default_rng(0)
    assert sum(fall_in_two(list(rng.normal(10, 1.5, rounds).clip(5))) for _ in range(300)) <= at_most


@pytest.mark.parametrize("rounds", [5, 10, 20])
def test_rounds_of_a_machine_with_two_speeds_fall_in_two(rounds: int) -> None:
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(100):
        speeds = np.where(np.arange(rounds) < rng.integers(2, rounds - 1), 1.0, 1.4)
        seen += fall_in_two(list(speeds * rng.normal(10, 0.2, rounds)))
    assert seen >= 95


def test_one_slow_round_is_no_second_speed() -> None:
    assert not fall_in_two([10.0, 10.1, 10.0, 10.1, 14.0])


def test_each_row_is_judged_by_itself() -> None:
    rng = np.random.default_rng(0)
    one, two = normal(rng), normal(rng) * np.where(rng.random(800) < 0.3, 1.3, 1.0)
    rows = np.array([nanoseconds(times) for times in (one, two, one * 7, two * 7)])
    assert rounds_have_two_modes(rows).tolist() == [False, True, False, True]
