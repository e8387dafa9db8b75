import math

import numpy as np
import pytest
from scipy import stats

from results import Verdict
from results.statistics.estimate import Estimate, estimate, judge, median_ratio


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
