import gc

import pytest

from effmod_bench import timing
from tests.fakes import FakeClock, FakeSession


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
