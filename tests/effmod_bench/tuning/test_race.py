"""Who is timed how often, who is dropped on the way, and what the budget does; the worker's times are made up."""

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from effmod_bench.instrument import place, watch
from effmod_bench.instrument.process.messages import Broken, PairJob, PairTimed
from results import ComparisonPlan, ComparisonProcess, Store
from results.statistics.tuning import LOOKS, Decision
from tests.effmod_bench.tuning.support import decisions, let_take, relu, report, tune
from tests.fakes import session_facts


def test_the_slow_ones_are_dropped_early(forms: dict[str, Callable[[], Path]], jobs: list[PairJob]) -> None:
    forms["near"] = relu(Path("made/0.9.onnx"), 2)
    forms["fast"] = relu(Path("made/0.8999.onnx"), 3)
    forms["slow"] = relu(Path("made/1.2.onnx"), 4)
    forms["far"] = relu(Path("made/1.5.onnx"), 5)
    assert tune().exit_code == 0
    started = Counter(Path(job.members["B"].session.path).stem for job in jobs)
    assert started["1.5"] == 1
    assert decisions("0.9.onnx")["far"] == (Decision.DROPPED, "far behind near in the screening")
    assert started["1.2"] == 1 + LOOKS[0]
    assert started["0.8999"] == 1 + LOOKS[-1]
    # As fast and simpler, so it was compared again.
    assert started["0.9"] == 1 + LOOKS[-1] + ComparisonPlan().processes


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
        place,
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


def _lasting(monkeypatch: pytest.MonkeyPatch, ms: float, clock: list[float] | None = None) -> list[PairJob]:
    """Every process that was started, of a network that takes so long; its candidates as their names say.

    Where there is a clock, nothing but those processes moves it: three seconds each, and their runs.
    """
    started: list[PairJob] = []

    def run_job(job: PairJob, **_: object) -> PairTimed:
        started.append(job)
        share = float(Path(job.members["B"].session.path).stem)
        runs, ns = job.order.count("A"), round(ms * 1e6)
        if clock is not None:
            clock[0] += 3.0 + (runs + job.warmup_runs) * ms * (1 + share) / 1e3
        return PairTimed(
            sessions={"A": session_facts(), "B": session_facts()},
            durations_ns={"A": (ns,) * runs, "B": (round(ns * share),) * runs},
            relative_error=0.0,
        )

    monkeypatch.setattr(place, "run_job", run_job)
    if clock is not None:
        for module in ("race", "tune"):
            monkeypatch.setattr(f"effmod_bench.tuning.{module}.monotonic_s", lambda: clock[0])
    return started


# Of MobileFormer: the rewritten file on ONNX Runtime, and both on another runtime.
_OF_MOBILEFORMER = ("0.98", "0.35", "0.42")


def test_of_a_slow_network_the_fastest_of_the_screening_is_compared_again(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One full process of each, and nothing would be known of anybody when the budget is spent."""
    for number, name in enumerate(_OF_MOBILEFORMER, start=2):
        forms[name] = relu(Path(f"made/{name}.onnx"), number)
    clock = [0.0]
    started = _lasting(monkeypatch, 170.0, clock)
    done = tune("--budget", "120s")
    assert done.exit_code == 0, done.output
    found = decisions("0.35.onnx")
    assert found["0.35"] == (Decision.CHOSEN, "compared again, in new processes")
    assert found["0.98"] == (Decision.DROPPED, "far behind 0.35 in the screening")
    assert [Path(job.members["B"].session.path).stem for job in started[:3]] == [*_OF_MOBILEFORMER]
    assert clock[0] <= 120.0


def test_where_no_comparison_fits_the_best_of_the_screening_is_returned_and_that_is_said(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(_OF_MOBILEFORMER, start=2):
        forms[name] = relu(Path(f"made/{name}.onnx"), number)
    started = _lasting(monkeypatch, 170.0, [0.0])
    done = tune("--budget", "40s")
    assert done.exit_code == 0, done.output
    assert len(started) == len(_OF_MOBILEFORMER)
    why = "not compared again; 2.86 times as fast in the screening"
    assert decisions("0.35.onnx")["0.35"] == (Decision.CHOSEN, why)
    assert report("0.35.onnx").verdict is None
    said = "no comparison fit into the --budget: 0.35 was the fastest where each had one short process"
    assert said in " ".join(done.stderr.split())


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


@pytest.mark.parametrize(("ms", "blocks"), [(1.0, 60), (20.0, 31), (500.0, 15)])
def test_a_slow_network_runs_less_often_in_each_process_after_the_screening(
    ms: float, blocks: int, forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms["fast"] = relu(Path("made/0.6.onnx"), 2)
    started = _lasting(monkeypatch, ms)
    assert tune("--budget", "200s").exit_code == 0
    assert [len(job.order) for job in started] == [4 * 5, *[4 * blocks] * (len(started) - 1)]
    told = report("0.6.onnx")
    assert told.plan.blocks == blocks
    assert [trial.runs for trial in told.trials if trial.name == "fast"] == [2 * blocks * ComparisonPlan().processes]


def test_the_faster_half_has_its_turn_first(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(("0.9", "0.6", "0.8", "0.7"), start=2):
        forms[name] = relu(Path(f"made/{name}.onnx"), number)
    monkeypatch.setattr("effmod_bench.tuning.race.beaten", lambda *_, **__: {})
    assert tune().exit_code == 0
    order = [Path(job.members["B"].session.path).stem for job in jobs]
    assert order[:4] == ["0.9", "0.6", "0.8", "0.7"]  # the screening
    assert set(order[4:8]) == {"0.6", "0.7", "0.8", "0.9"}
    assert Counter(order[8 : 8 + 2 * (LOOKS[0] - 1)]) == {"0.6": LOOKS[0] - 1, "0.7": LOOKS[0] - 1}
