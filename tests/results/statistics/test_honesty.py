"""How often intervals hold the truth: one case each of `make check-windows` and `make check-dependence`."""

from pathlib import Path
from statistics import fmean

from results.statistics.estimate import estimate
from tests.benchmarks.interval_dependence import our_looks, simulate
from tests.benchmarks.interval_windows import read_ratios, windows

RECORDS = Path(__file__).parents[3] / "results/measured/amd-epyc-2-cores-table-1"


def test_six_processes_in_a_row_and_those_before_them_know_what_the_whole_run_found() -> None:
    """A machine with two speeds, for minutes each: by the six alone, half of the intervals miss."""
    every = [window for ratios in read_ratios(RECORDS).values() for window in windows(ratios)]
    assert len(every) == 593
    assert fmean(window.before for window in every) < 0.55
    assert fmean(window.with_store for window in every) >= 0.8
    assert fmean(window.with_store for window in every if not window.marked) >= 0.9


def test_until_stops_at_an_interval_with_the_truth_though_successive_processes_are_alike() -> None:
    missed, processes = simulate(300, 0.02, 0.6, looks=our_looks, interval=estimate)
    assert 0 < missed <= 0.08
    assert processes <= 3 * 48  # three times what it took when 15 % missed
