import gc

import pytest

from effmod_bench import timing
from tests.fakes import FakeClock, FakeClocks, FakeSession


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
