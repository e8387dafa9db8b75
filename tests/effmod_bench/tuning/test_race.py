"""Who is timed how often, who is dropped on the way, and what the budget does; the worker's times are made up."""

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from effmod_bench.instrument import pairs as pair_runner
from effmod_bench.instrument import watch
from effmod_bench.instrument.process.messages import Broken, PairJob, PairTimed
from results import ComparisonPlan, ComparisonProcess, Store
from results.statistics.tuning import LOOKS, Decision
from tests.effmod_bench.tuning.support import decisions, let_take, relu, tune
from tests.fakes import session_facts


def test_the_slow_ones_are_dropped_early(forms: dict[str, Callable[[], Path]], jobs: list[PairJob]) -> None:
    forms["near"] = relu(Path("made/0.9.onnx"), 2)
    forms["fast"] = relu(Path("made/0.8999.onnx"), 3)
    forms["slow"] = relu(Path("made/1.5.onnx"), 4)
    assert tune().exit_code == 0
    started = Counter(Path(job.members["B"].session.path).stem for job in jobs)
    assert started["1.5"] == LOOKS[0]
    assert started["0.8999"] == LOOKS[-1]
    assert started["0.9"] == LOOKS[-1] + ComparisonPlan().processes  # as fast and simpler, so it was compared again


def test_behind_a_winner_that_was_only_lucky_the_next_has_its_turn(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms["good"] = relu(Path("made/0.9.onnx"), 2)
    forms["lucky"] = relu(Path("made/0.85.onnx"), 3)
    started: list[PairJob] = []

    def ratio(job: PairJob) -> float:
        name = Path(job.members["B"].session.path).stem
        return 1.0 if name == "0.85" and len(started) > 2 * LOOKS[-1] else float(name)

    monkeypatch.setattr("effmod_bench.tuning.race.beaten", lambda *_, **__: {})
    let_take(monkeypatch, started, ratio)
    assert tune().exit_code == 0
    found = decisions("0.9.onnx")
    assert found["lucky"] == (Decision.DROPPED, "not distinguishable when it was compared again")
    assert found["good"] == (Decision.CHOSEN, "compared again, in new processes")


def test_a_candidate_that_crashes_leaves_the_others_in_the_race(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms["good"] = relu(Path("made/0.9.onnx"), 2)
    forms["bad"] = relu(Path("made/0.8.onnx"), 3)

    def ratio(job: PairJob) -> float | Broken:
        name = Path(job.members["B"].session.path).stem
        return Broken(reason="the process was ended by SIGSEGV", detail="") if name == "0.8" else float(name)

    let_take(monkeypatch, [], ratio)
    assert tune().exit_code == 0
    found = decisions("0.9.onnx")
    assert found["good"][0] is Decision.CHOSEN
    assert found["bad"] == (Decision.DROPPED, "failed: the process was ended by SIGSEGV")


def test_a_setting_under_which_the_numbers_change_is_dropped(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was proved equal; what the process gave was not."""
    forms["good"] = relu(Path("made/0.9.onnx"), 2)
    monkeypatch.setattr(
        pair_runner,
        "run_job",
        lambda job, **_: PairTimed(
            sessions={"A": session_facts(), "B": session_facts()},
            durations_ns={"A": (1000,) * job.order.count("A"), "B": (500,) * job.order.count("B")},
            relative_error=1e-3,
        ),
    )
    assert tune().exit_code == 0
    assert decisions("net.onnx")["good"] == (Decision.DROPPED, "its outputs are not equal: they are off by 1.0e-03")


def test_a_budget_too_small_for_one_comparison_is_refused(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob]
) -> None:
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    done = tune("--budget", "0.001s")
    assert done.exit_code == 2
    assert "is too small for one comparison here; give at least" in done.stderr
    assert len(jobs) <= 1


def test_when_the_budget_ends_the_best_is_still_compared_again(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = itertools.count(0, 5)  # read four times a process, twice while it runs
    for module in ("race", "tune"):
        monkeypatch.setattr(f"effmod_bench.tuning.{module}.monotonic_s", lambda: float(next(now)))
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    forms["near"] = relu(Path("made/0.8001.onnx"), 3)
    done = tune("--budget", "5m")
    assert done.exit_code == 0, done.output
    assert decisions("0.8.onnx")["fast"] == (Decision.CHOSEN, "compared again, in new processes")
    assert "the --budget is spent" in done.stderr
    assert len(jobs) < 2 * LOOKS[-1] + ComparisonPlan().processes


def test_a_candidate_during_whose_turn_the_machine_sleeps_is_timed_again(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    slept = itertools.chain(["the machine was suspended for 9 s"], itertools.repeat(None))
    monkeypatch.setattr(watch, "disturbance", lambda *_: next(slept))
    done = tune()
    assert done.exit_code == 0, done.output
    assert decisions("0.8.onnx")["fast"] == (Decision.CHOSEN, "compared again, in new processes")
    attempts = Counter(record.attempt for record in Store(Path("effmod-results")).read_kind(ComparisonProcess))
    assert attempts == {0: len(jobs) - 1, 1: 1}
