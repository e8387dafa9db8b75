import math

import numpy as np
import pytest
from scipy import stats

from results import Verdict
from results.statistics.estimate import (
    Estimate,
    estimate,
    estimate_over_runs,
    judge,
    median_ratio,
    quotient,
    split,
    twice_as_wide,
)
from tests.benchmarks.simulation import draw_ratios


def test_the_ratio_of_a_process_is_the_median_over_its_pairs() -> None:
    assert median_ratio([100, 200, 400], [110, 180, 400]) == 1.0
    assert median_ratio([100, 200], [110, 180]) == pytest.approx((1.1 + 0.9) / 2)


def test_interruptions_of_a_third_of_the_runs_leave_the_ratio_where_it_is() -> None:
    draws = np.random.default_rng(0)
    baseline, candidate = (
        np.round(1e6 * base * draws.normal(1, 0.002, 600) + 4e6 * (draws.random(600) < 0.33)).astype(int).tolist()
        for base in (1.0, 1.02)
    )
    assert sum(candidate) / sum(baseline) != pytest.approx(1.02, abs=0.01)
    assert median_ratio(baseline, candidate) == pytest.approx(1.02, abs=0.002)


def test_a_machine_that_slows_down_steadily_delays_both_alike() -> None:
    ramp = [1000 + 10 * i for i in range(80)]
    order = "ABBABAAB" * 10
    baseline, candidate = ([ns for ran, ns in zip(order, ramp, strict=True) if ran == letter] for letter in "AB")
    assert median_ratio(baseline, candidate) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("baseline", "candidate"), [([], []), ([1, 2], [1])])
def test_runs_without_their_other_are_refused(baseline: list[int], candidate: list[int]) -> None:
    with pytest.raises(ValueError, match="a run without its other"):
        median_ratio(baseline, candidate)


@pytest.mark.parametrize("error", [0.05, 0.05 / 6])
def test_the_interval_is_students_t_of_the_logarithms(error: float) -> None:
    ratios = [0.97, 0.99, 0.98, 0.985, 0.975, 0.995]
    logs = np.log(ratios)
    low, high = stats.t.interval(1 - error, df=5, loc=logs.mean(), scale=stats.sem(logs))
    found = estimate(ratios, error=error)
    assert found is not None
    assert found.ratio == pytest.approx(stats.gmean(ratios), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)), rel=1e-9)
    assert found.high == pytest.approx(found.ratio * (1 + found.half_width), rel=1e-12)


def test_the_other_way_round_the_ratio_is_the_inverse() -> None:
    ratios = [0.97, 0.99, 0.98]
    one, other = estimate(ratios), estimate([1 / ratio for ratio in ratios])
    assert one is not None
    assert other is not None
    assert (other.ratio, other.low, other.high) == pytest.approx((1 / one.ratio, 1 / one.high, 1 / one.low))


def test_one_process_has_no_interval() -> None:
    assert estimate([]) is None
    assert estimate([0.5]) is None


@pytest.mark.parametrize(
    ("ratio", "low", "high", "margin", "verdict"),
    [
        (0.98, 0.97, 0.99, 0.005, Verdict.FASTER),
        (1.02, 1.01, 1.03, 0.005, Verdict.SLOWER),
        (1.02, 0.99, 1.05, 0.005, Verdict.NOT_DISTINGUISHABLE),  # the interval holds 1
        (1.02, 1.0, 1.04, 0.005, Verdict.NOT_DISTINGUISHABLE),
        (0.996, 0.995, 0.997, 0.005, Verdict.NOT_DISTINGUISHABLE),  # less than the margin
        (0.996, 0.995, 0.997, 0.004, Verdict.FASTER),
        (1.004, 1.003, 1.005, 0.0, Verdict.SLOWER),
    ],
)
def test_a_verdict_needs_an_interval_without_1_and_a_difference_that_matters(
    ratio: float, low: float, high: float, margin: float, verdict: Verdict
) -> None:
    assert judge(Estimate(ratio=ratio, low=low, high=high, half_width=0.01), margin) is verdict


def test_without_an_interval_there_is_no_verdict() -> None:
    assert judge(None, 0.0) is None


def test_two_processes_that_have_nothing_in_common_have_the_widest_interval() -> None:
    found = estimate([1e-18, 1e18], error=1e-5)
    assert found is not None
    assert found.ratio == pytest.approx(1)
    assert 0 < found.low < 1e-200 < 1e200 < found.high < float("inf")
    assert found.speed.high == pytest.approx(1 / found.low)


def test_many_processes_that_are_alike_have_the_interval_of_as_many_as_they_are_worth() -> None:
    # Correlation 0.6: a quarter as many, so the standard error is twice as large.
    draws = np.random.default_rng(0)
    values = np.zeros(4000)
    for i in range(1, 4000):
        values[i] = 0.6 * values[i - 1] + 0.008 * draws.standard_normal()
    found = estimate(np.exp(values).tolist())
    assert found is not None
    assert math.log1p(found.half_width) == pytest.approx(1.96 * 0.01 * math.sqrt(4 / 4000), rel=0.1)


def test_processes_that_are_worth_next_to_nothing_tell_no_more_than_what_was_seen() -> None:
    logs = [0.01] * 6 + [0.21] * 6  # a machine that changed its speed once
    found = estimate([math.exp(each + 0.001 * (-1) ** i) for i, each in enumerate(logs)])
    assert found is not None
    assert math.log1p(found.half_width) == pytest.approx(0.101, abs=1e-3)
    assert found.ratio == pytest.approx(math.exp(0.11), rel=1e-3)


def test_earlier_runs_add_what_they_differ_by() -> None:
    ratios = [0.97, 0.99, 0.98]
    alone, same, apart = (estimate(ratios, earlier=earlier) for earlier in ([], [ratios], [[1.97, 1.99, 1.98]]))
    assert alone is not None
    assert apart is not None
    assert (same, alone.between_runs) == (alone, 0.0)
    assert apart.ratio == alone.ratio
    assert apart.between_runs == pytest.approx(math.log(1.98 / 0.98) / math.sqrt(2), rel=1e-2)
    own = math.log1p(alone.half_width)
    assert math.log1p(apart.half_width) == pytest.approx(math.hypot(own, 1.96 * apart.between_runs), rel=1e-4)


def test_over_several_runs_the_units_are_the_runs_where_they_differ() -> None:
    together = estimate_over_runs([[1.0, 1.001], [1.2, 1.201], [1.1, 1.101]])
    assert together is not None
    assert together.ratio == pytest.approx(1.0984, rel=1e-3)
    # The standard deviation of the three logarithms, in a mean of three.
    assert together.between_runs == pytest.approx(0.0912 / math.sqrt(3), rel=1e-2)
    assert math.log1p(together.half_width) == pytest.approx(1.96 * together.between_runs, rel=1e-2)


def test_over_one_run_and_over_runs_of_one_process_the_units_are_the_processes() -> None:
    ratios = [0.97, 0.99, 0.98]
    assert estimate_over_runs([ratios]) == estimate_over_runs([[ratio] for ratio in ratios]) == estimate(ratios)
    assert estimate_over_runs([]) is None
    assert estimate_over_runs([[1.0]]) is None


@pytest.mark.parametrize("error", [0.05, 0.01])
def test_a_quotient_of_two_estimates_has_welchs_interval(error: float) -> None:
    before, after = [1.0, 1.1, 1.2], [2.0, 2.5, 2.1, 2.6]
    one, other = estimate(before, error=error), estimate(after)
    assert one is not None
    assert other is not None
    found = quotient(other, one)
    low, high = stats.ttest_ind(np.log(after), np.log(before), equal_var=False).confidence_interval(1 - error)
    assert found.error == error  # the smaller of the two
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((low, high), rel=1e-9)


def test_what_differs_between_runs_of_both_is_in_a_quotient() -> None:
    alone, apart = estimate([1.0, 1.02, 0.99]), estimate([1.0, 1.02, 0.99], earlier=[[1.1, 1.12]])
    assert alone is not None
    assert apart is not None
    steady, both = quotient(alone, alone), quotient(apart, apart)
    assert both.between_runs == pytest.approx(math.sqrt(2) * apart.between_runs)
    assert split(both)[0] == pytest.approx(math.log1p(steady.half_width))


def test_an_interval_is_split_into_what_more_processes_narrow_and_what_not() -> None:
    alone, apart = estimate([1.0, 1.02, 0.99]), estimate([1.0, 1.02, 0.99], earlier=[[1.1, 1.12]])
    assert alone is not None
    assert apart is not None
    assert split(alone) == pytest.approx((math.log1p(alone.half_width), 0.0))
    own, lasting = split(apart)
    assert own == pytest.approx(math.log1p(alone.half_width))
    assert lasting == pytest.approx(1.96 * apart.between_runs, rel=1e-4)
    assert math.log1p(twice_as_wide(alone).half_width) == pytest.approx(2 * own)


def test_runs_whose_processes_are_alike_have_a_wider_interval_together_too() -> None:
    """Two runs of twenty, of which each is worth five: an interval as of ten, not of forty."""
    missed = 0
    for seed in range(300):
        draws = np.random.default_rng(seed)
        runs = [draw_ratios(draws, 20, scatter=0.01, correlation=0.6).tolist() for _ in range(2)]
        found = estimate_over_runs(runs)
        assert found is not None
        missed += not found.low <= 1 <= found.high
    assert missed / 300 < 0.12  # 16 % by the scatter alone


def test_what_differs_between_runs_stays_in_a_quotient_of_processes_without_scatter() -> None:
    apart = estimate([1.0] * 3, earlier=[[1.1] * 3])
    assert apart is not None
    found = quotient(apart, apart)
    assert math.log1p(found.half_width) == pytest.approx(math.sqrt(2) * math.log1p(apart.half_width))
