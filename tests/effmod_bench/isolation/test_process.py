import signal

import pytest

from effmod_bench.errors import UnfinishedProofError
from effmod_bench.isolation import process
from effmod_bench.isolation.limit import allow
from effmod_bench.isolation.process import Step
from exporters.stage import Stage


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in seconds."""
    time = [0.0]
    monkeypatch.setattr(process, "monotonic_s", lambda: time[0])
    allow(10)
    return time


def test_the_limit_is_for_each_step_and_not_for_all_of_them(now: list[float]) -> None:
    step = Step("x", Stage.LOADING)
    for after in (9, 18, 27):
        now[0] = after
        step.check()
        step.go_on()
    now[0] = 36
    step.begin(Stage.PROVING)
    now[0] = 46
    with pytest.raises(UnfinishedProofError, match="x: it was not proved within 10 s"):
        step.check()


def test_who_is_not_done_is_named_for_as_long_as_he_is_at_it(now: list[float]) -> None:
    step = Step("x.onnx", Stage.LOADING)
    step.begin(Stage.MAKING, "own.py:net")
    step.go_on()
    assert str(step.crashed(3)) == "own.py:net: the process that made it ended with status 3"
    step.begin(Stage.PROVING)
    now[0] = 10
    with pytest.raises(UnfinishedProofError, match=r"x\.onnx: it was not proved within 10 s"):
        step.check()


def test_a_signal_without_a_name_has_its_number() -> None:
    text = str(Step("x", Stage.MAKING).crashed(-(signal.SIGRTMIN + 1)))
    assert text == f"x: the process that made it ended by signal {signal.SIGRTMIN + 1} (which has no name)"
