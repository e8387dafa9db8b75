from collections import Counter

import numpy as np
import pytest

from results import ComparisonPlan
from results.statistics.estimate import estimate
from results.statistics.gate import GateVerdict, judge_gate
from results.statistics.looks import next_look


def test_looks_come_further_apart_each_with_a_smaller_error() -> None:
    plan = ComparisonPlan(until=0.01)
    looks = [next_look(plan, 0)]
    for _ in range(5):
        looks.append(next_look(plan, looks[-1].processes + 1))
    assert [look.processes for look in looks] == [12, 18, 27, 41, 62, 93]
    assert {look.error for look in looks} == {0.01}
    assert next_look(plan, 13) == next_look(plan, 18)
    assert next_look(ComparisonPlan(until=0.01, processes=2), 0).processes == 12
    assert next_look(ComparisonPlan(until=0.01, processes=20), 21).processes == 30


def test_a_gate_that_is_to_be_decided_spends_the_error_once_over_its_looks() -> None:
    plan = ComparisonPlan(fail_if_slower=0.05, until_decided=True)
    looks = [next_look(plan, 0)]
    for _ in range(40):
        looks.append(next_look(plan, looks[-1].processes + 1))
    assert [look.processes for look in looks[:6]] == [6, 9, 14, 21, 32, 48]
    assert [look.error for look in looks[:3]] == pytest.approx([0.05 / 2, 0.05 / 6, 0.05 / 12])
    assert sum(look.error for look in looks) < 0.05
    assert next_look(ComparisonPlan(fail_if_slower=0.05), 0) == next_look(ComparisonPlan(), 0)


def test_who_stops_when_a_gate_is_decided_is_wrong_no_more_often_than_said() -> None:
    """1000 gates of 5 %, each at a slowdown of 5.5 %, looked at until decided: 5 % may pass, and fewer do."""
    draws = np.random.default_rng(1)
    plan = ComparisonPlan(fail_if_slower=0.05, until_decided=True)
    verdicts = Counter[GateVerdict]()
    for _ in range(1000):
        ratios = (1.055 * np.exp(draws.normal(0, 0.01, 800))).tolist()
        look, gate = next_look(plan, 0), None
        while gate is None or (gate.verdict is GateVerdict.UNDECIDED and look.processes < 500):
            gate = judge_gate(estimate(ratios[: look.processes], error=look.error), 0.05, processes=(look.processes,))
            look = next_look(plan, look.processes + 1)
        verdicts[gate.verdict] += 1
    assert verdicts[GateVerdict.FAILS] > 900
    assert verdicts[GateVerdict.PASSES] <= 50


def test_without_until_there_is_one_look() -> None:
    for processes_done in (0, 4, 6):
        look = next_look(ComparisonPlan(processes=6), processes_done)
        assert (look.processes, look.error) == (6, 0.05)


def test_who_stops_at_a_narrow_interval_misses_no_more_often_than_said() -> None:
    """2000 comparisons whose truth is 1, each stopped as `until` would: 5 % may miss, and fewer do."""
    draws = np.random.default_rng(1)
    plan = ComparisonPlan(until=0.005)
    missed = 0
    for _ in range(2000):
        ratios = np.exp(draws.normal(0, 0.006, 200)).tolist()
        look = next_look(plan, 0)
        while True:
            found = estimate(ratios[: look.processes], error=look.error)
            assert found is not None
            if found.half_width <= 0.005:
                break
            look = next_look(plan, look.processes + 1)
        missed += not found.low <= 1 <= found.high
    assert 0 < missed <= 100
