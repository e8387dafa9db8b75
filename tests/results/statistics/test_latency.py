import numpy as np
import pytest
from scipy.stats import binom
from scipy.stats import t as student_t

from results import summarise_durations
from results.statistics.latency import FEWEST_RUNS


def test_statistics_are_those_of_all_runs() -> None:
    milliseconds = np.random.default_rng(0).gamma(4, 2, 800)
    durations = [round(value * 1e6) for value in milliseconds]
    latency = summarise_durations([durations[:150], durations[150:]])
    exact = np.array(durations) / 1e6
    assert latency.runs == 800
    assert latency.rounds == 2
    assert latency.mean_ms == pytest.approx(exact.mean())
    assert latency.std_ms == pytest.approx(exact.std(ddof=1))
    assert latency.min_ms == exact.min()
    assert latency.max_ms == exact.max()
    for share, value in ((50, latency.p50_ms), (90, latency.p90_ms), (95, latency.p95_ms), (99, latency.p99_ms)):
        assert value == pytest.approx(np.percentile(exact, share))


@pytest.mark.parametrize(
    ("runs", "known"), [(63, []), (64, [90]), (129, [90]), (130, [90, 95]), (661, [90, 95]), (662, [90, 95, 99])]
)
def test_a_percentile_is_told_of_as_many_runs_as_mlperfs_early_stopping_asks_for(runs: int, known: list[int]) -> None:
    latency = summarise_durations([[1_000_000 + i for i in range(runs)]])
    told = {90: latency.p90_ms, 95: latency.p95_ms, 99: latency.p99_ms}
    assert [share for share, value in told.items() if value is not None] == known


def test_the_fewest_runs_leave_two_beyond_the_percentile_in_99_of_100_cases() -> None:
    for share, fewest in FEWEST_RUNS.items():
        beyond = 1 - share / 100
        assert binom.cdf(1, fewest, beyond) <= 0.01 < binom.cdf(1, fewest - 1, beyond)


def test_the_spread_between_rounds_is_that_of_their_medians() -> None:
    latency = summarise_durations([[9_000_000] * 3, [10_000_000] * 3, [12_000_000] * 3])
    assert latency.round_p50_ms == (9.0, 10.0, 12.0)
    assert latency.round_spread == pytest.approx(0.3)


def test_one_run_has_no_spread() -> None:
    latency = summarise_durations([[5_000_000]])
    assert (latency.mean_ms, latency.std_ms, latency.round_spread) == (5.0, 0.0, None)


def test_the_spread_within_rounds_is_that_of_the_middle_half_of_their_runs() -> None:
    narrow, wide = [9_900_000, 10_000_000, 10_100_000], [19_000_000, 20_000_000, 21_000_000]
    assert summarise_durations([narrow]).run_spread == pytest.approx(0.01)
    assert summarise_durations([narrow, wide, wide]).run_spread == pytest.approx(0.05)


def test_the_median_of_a_process_has_an_interval_over_rounds() -> None:
    medians = [9.0, 10.0, 12.0]
    latency = summarise_durations([[round(m * 1e6)] * 3 for m in medians])
    logs = np.log(medians)
    expected = student_t.interval(0.95, 2, loc=logs.mean(), scale=logs.std(ddof=1) / np.sqrt(3))
    assert latency.process_p50_ms == pytest.approx((9 * 10 * 12) ** (1 / 3))
    assert latency.process_p50_interval_ms == pytest.approx(tuple(np.exp(expected)))
    assert summarise_durations([[5_000_000]]).process_p50_interval_ms is None


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        rounds = rng.lognormal(np.log(10e6), 0.08, (5, 1)).astype(int)
        interval = summarise_durations(rounds.tolist()).process_p50_interval_ms
        assert interval is not None
        covered += interval[0] <= 10 <= interval[1]
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)  # three standard errors


@pytest.mark.parametrize("rounds", [[], [[]], [[1], []]])
def test_a_round_without_runs_is_refused(rounds: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="at least one timed run"):
        summarise_durations(rounds)
