"""Synthetic times, of which the truth is known: how often a drift is seen where one is, and where none is."""

import numpy as np
import pytest
from scipy.stats import kendalltau, theilslopes

from results.statistics import drift
from results.statistics.drift import drifts, rounds_drift


def test_noise_drifts_no_more_often_than_it_may() -> None:
    rng = np.random.default_rng(0)
    assert sum(drifts(list(rng.normal(10, 1, 10)), level=0.05) for _ in range(1000)) <= 50 + 2 * 7  # two sigma


@pytest.mark.parametrize(("rise", "drifting"), [(0.05, True), (-0.05, True), (0.02, False)])
def test_a_steady_rise_of_more_than_three_percent_is_a_drift(rise: float, drifting: bool) -> None:
    times = np.linspace(10, 10 * (1 + rise), 10) + np.random.default_rng(0).normal(0, 0.02, 10)
    assert drifts(list(times), level=0.004) is drifting


def test_neither_a_spike_nor_four_values_are_a_drift() -> None:
    assert not drifts([10, 10.01, 10, 10.02, 10.01, 10, 10.02, 10.01, 10, 30], level=0.02)
    assert not drifts([10, 11, 12, 13], level=1.0)


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0, 5.0, 4.0, 6.0, 9.0], [1.0, 2.0, 2.0, 3.0, 1.0, 4.0, 4.0, 5.0]])
def test_change_and_chance_are_those_of_scipy(values: list[float]) -> None:
    times = range(len(values))
    change = abs(theilslopes(values, times).slope) * (len(values) - 1) / np.median(values)
    assert drift._changes(np.array([values]))[0] == pytest.approx(change, rel=1e-12)
    assert drift._chance(np.array(values)) == pytest.approx(kendalltau(times, values).pvalue, rel=1e-12)


def test_fifty_thousand_medians_are_looked_at_in_parts() -> None:
    noise = np.random.default_rng(0).normal(10, 0.2, 50_000)
    assert not drifts(list(noise), level=0.02)
    assert drifts(list(noise * np.linspace(1, 1.05, 50_000)), level=0.02)


def test_as_many_rounds_must_drift_as_are_asked_for() -> None:
    rising = [round(10_000_000 + 10_000 * i) for i in range(200)]
    steady, short = [10_000_000] * 200, rising[:99]
    assert rounds_drift([rising, steady, steady, short, steady], level=0.004, share=0.2)
    assert not rounds_drift([rising, steady, steady, short, steady, steady], level=0.004, share=0.2)
    assert not rounds_drift([short] * 5, level=0.004, share=0.2)
