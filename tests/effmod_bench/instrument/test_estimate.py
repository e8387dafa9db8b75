import pytest

from effmod_bench.instrument.estimate import Timeline
from effmod_bench.instrument.schedule import schedule
from results import BenchPlan, Device


def test_the_time_left_follows_what_was_seen() -> None:
    timeline = Timeline(BenchPlan(runs=100, rounds=2, warmup_runs=0), [None])
    assert timeline.left_s() is None  # nothing is known of the file
    timeline.saw(20e6)  # 20 ms a run, 50 runs a round
    assert timeline.left_s() == pytest.approx(2 * (1 + 1.0))
    assert timeline.left_s(elapsed_s=0.5) == pytest.approx(1.5 + 2)
    assert timeline.done(elapsed_s=1.0) == pytest.approx(0.5)
    timeline.now = 1
    assert timeline.left_s() == pytest.approx(2.0)
    assert timeline.done(elapsed_s=1e6) < 2


def test_a_gpus_inferences_are_timed_twice_and_so_take_twice_the_time() -> None:
    timeline = Timeline(BenchPlan(device=Device.CUDA, runs=100, rounds=2, warmup_runs=10), [None])
    timeline.saw(20e6)
    assert timeline.left_s() == pytest.approx(2 * (1 + 0.2 + 2.0))


def test_what_was_seen_on_one_number_of_threads_says_nothing_of_another() -> None:
    plan = BenchPlan(runs=10, rounds=1, warmup_runs=0, threads=1)
    timeline = Timeline(plan, [None], schedule(plan, 1, threads=(1, 2)))
    timeline.saw(20e6)
    assert timeline.left_s() is None
    timeline.now = 1
    timeline.saw(10e6)
    assert timeline.left_s() == pytest.approx(1 + 0.1)
    timeline.now = 0
    assert timeline.left_s() == pytest.approx(1 + 0.2 + 1 + 0.1)
