import gc
from pathlib import Path

import pytest

from effmod_bench.instrument import clock as timing
from tests.benchmarks.timed_loop import memory_growth
from tests.fakes import FakeClock, FakeClocks, FakeSession, write_onnx


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr("time.perf_counter_ns", clock)
    return clock


def test_each_run_is_timed_by_itself(clock: FakeClock) -> None:
    session = FakeSession(clock, [3.0, 1.5])
    assert list(timing.time_runs(session.run, 4)) == [3_000_000, 1_500_000, 3_000_000, 1_500_000]
    assert session.runs == 4


def test_no_run_gives_no_duration(clock: FakeClock) -> None:
    assert list(timing.time_runs(FakeSession(clock, [1.0]).run, 0)) == []


def test_one_call_gives_its_result_and_duration(clock: FakeClock) -> None:
    def call() -> str:
        clock.pass_ms(2)
        return "done"

    assert timing.time_once(call) == ("done", 2_000_000)


def test_a_warm_up_that_settles_at_once_is_as_long_as_asked(clock: FakeClock) -> None:
    session = FakeSession(clock, [5.0])
    assert timing.warm_up(session.run, 50) == timing.WarmUp(runs=50, steady=True, run_ns=5_000_000)
    assert session.runs == 50


def test_a_warm_up_goes_on_until_three_windows_agree(clock: FakeClock) -> None:
    slow = FakeSession(clock, [9.0] * 43 + [5.0] * 1000)
    # The windows of ten that begin at 50 and 60 agree with that of 43 to 50, whose median is fast already.
    assert timing.warm_up(slow.run, 50).runs == 70
    falling = FakeSession(clock, [10 * 0.99**i for i in range(200)] + [1.0] * 1000)
    assert timing.warm_up(falling.run, 50) == timing.WarmUp(runs=230, steady=True, run_ns=1_000_000)


def test_a_warm_up_that_never_settles_ends_and_says_so(clock: FakeClock) -> None:
    uneven = FakeSession(clock, [1.0] * 10 + [2.0] * 10)
    assert timing.warm_up(uneven.run, 50) == timing.WarmUp(runs=500, steady=False, run_ns=2_000_000)


def test_a_warm_up_of_slow_runs_ends_after_ten_seconds(clock: FakeClock) -> None:
    slow = FakeSession(clock, [400.0, 500.0, 600.0])
    assert timing.warm_up(slow.run, 5) == timing.WarmUp(runs=21, steady=False, run_ns=600_000_000)


@pytest.mark.parametrize(("run_ms", "runs"), [(2000.0, 15), (31_000.0, 3)])
def test_what_was_asked_of_a_warm_up_is_cut_short_after_half_a_minute(
    clock: FakeClock, run_ms: float, runs: int
) -> None:
    slow = FakeSession(clock, [run_ms])
    assert timing.warm_up(slow.run, 50) == timing.WarmUp(runs=runs, steady=True, run_ns=round(run_ms * 1e6))


def test_what_a_part_takes_in_one_inference_is_added_up_once_the_device_is_done(clock: FakeClock) -> None:
    parts = timing.PartTimer(wait=lambda: clock.pass_ms(1))
    for run in range(3):
        parts.begin()
        for part, ms in (("nms", 4.0 + run), ("paste", 2.0), ("nms", 8.0)):
            with parts(part):
                clock.pass_ms(ms)
        clock.pass_ms(100)
    # What was queued before a part is not the part's; what it queues itself is.
    assert parts.last(2) == {"nms": (15_000_000, 16_000_000), "paste": (3_000_000, 3_000_000)}


@pytest.mark.parametrize(("least", "runs"), [(0, 0), (1, 3), (2, 3), (3, 3), (7, 7)])
def test_short_warm_ups_have_windows_of_one_run(clock: FakeClock, least: int, runs: int) -> None:
    assert timing.warm_up(FakeSession(clock, [1.0]).run, least).runs == runs


def test_no_warm_up_is_neither_steady_nor_not(clock: FakeClock) -> None:
    session = FakeSession(clock, [1.0])
    assert timing.warm_up(session.run, 0) == timing.WarmUp(runs=0, steady=None, run_ns=None)
    assert session.runs == 0


def test_a_hundred_thousand_runs_leave_no_memory_behind(tmp_path: Path) -> None:
    # The smallest object that Python makes takes 16 bytes: one a run would be 1.6 MB.
    assert memory_growth(write_onnx(tmp_path / "x.onnx")) < 1e6


def test_garbage_collection_is_off_in_between() -> None:
    assert gc.isenabled()
    with timing.no_garbage_collection():
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("running_s", "suspended_s", "set_s", "said"),
    [
        (600, 0, 0, None),
        (600, 0, 0.3, None),  # corrected little by little, as NTP does
        (1, 2, 0, "the machine was suspended for 2 s"),
        (1, 2, 3600, "the machine was suspended for 2 s"),
        (1, 0, 3600, "the system's clock was set forward by 3600 s"),
        (1, 0, -2, "the system's clock was set back by 2 s"),
    ],
)
def test_clocks_that_part_say_what_happened(
    running_s: float, suspended_s: float, set_s: float, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = FakeClocks(monkeypatch)
    before = timing.read_clocks()
    clocks.running_s += running_s
    clocks.suspended_s += suspended_s
    clocks.set_s += set_s
    assert timing.disturbance(before, timing.read_clocks()) == said


def test_without_a_clock_that_runs_through_a_suspension_the_time_of_day_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = FakeClocks(monkeypatch)
    monkeypatch.delattr("time.CLOCK_BOOTTIME")
    before = timing.read_clocks()
    clocks.suspended_s += 5
    assert timing.disturbance(before, timing.read_clocks()) == "the system's clock was set forward by 5 s"


def test_nothing_happens_to_real_clocks_in_a_moment() -> None:
    assert timing.disturbance(timing.read_clocks(), timing.read_clocks()) is None


def test_it_waits_until_a_moment_and_not_for_one_that_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.monotonic", lambda: 100.0)
    monkeypatch.setattr("time.sleep", slept.append)
    for moment_s in (103.5, 100.0, 7.0):
        timing.wait_until(moment_s)
    assert slept == [3.5, 0.0, 0.0]
