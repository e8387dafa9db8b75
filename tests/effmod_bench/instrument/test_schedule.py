from collections import Counter

import msgspec
import pytest

from effmod_bench.instrument.schedule import missing, schedule
from results import BenchPlan, RuntimeOptions, summarise
from tests.fakes import make_round, timed_artifact


def test_runs_are_split_over_the_rounds_without_loss() -> None:
    turns = schedule(BenchPlan(runs=4003, rounds=5), subjects=3)
    for subject in range(3):
        mine = [turn for turn in turns if turn.subject == subject]
        assert [turn.index for turn in mine] == [0, 1, 2, 3, 4]
        assert sum(turn.runs for turn in mine) == 4003
        assert {turn.runs for turn in mine} == {800, 801}


def test_fewer_runs_than_rounds_are_one_a_round() -> None:
    assert [turn.runs for turn in schedule(BenchPlan(runs=2, rounds=5), subjects=1)] == [1, 1]


def test_rounds_of_all_targets_are_interleaved_in_an_order_that_the_seed_decides() -> None:
    plan = BenchPlan(runs=100, rounds=10)
    orders = [tuple(t.subject for t in schedule(plan, 3)[i : i + 3]) for i in range(0, 30, 3)]
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    assert len(Counter(orders)) > 1
    assert schedule(plan, 3) == schedule(plan, 3)
    assert schedule(plan, 3) != schedule(BenchPlan(runs=100, rounds=10, seed=1), 3)


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"rounds": 0}, {"warmup_runs": -1}, {"threads": 0}])
def test_a_plan_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BenchPlan(**wrong)  # type: ignore[arg-type]


def test_a_resumed_run_keeps_the_order_that_its_seed_decided() -> None:
    plan = BenchPlan(runs=100, rounds=10)
    artifacts = [timed_artifact(name) for name in "abc"]
    assert missing(plan, artifacts, []) == schedule(plan, 3)
    done = [make_round(artifact=artifacts[1], index=index) for index in range(10)]
    assert missing(plan, artifacts, done) == [turn for turn in schedule(plan, 3) if turn.subject != 1]


def test_the_last_of_several_attempts_counts() -> None:
    plan = BenchPlan(runs=1, rounds=1)
    first, second = make_round(failure="one"), make_round(failure="two")
    second = msgspec.structs.replace(second, attempt=1)
    for records in ([first, second], [second, first]):
        assert [turn.attempt for turn in missing(plan, [first.artifact], records)] == [2]
        (measurement,) = summarise(records)
        assert measurement.failures == ("two",)


def test_what_takes_subnormal_numbers_for_zero_takes_turns_with_what_does_not() -> None:
    asked = BenchPlan(runs=100, rounds=10, options=RuntimeOptions(denormal_as_zero=True))
    turns = schedule(asked, 2)
    timed = [(turn.subject, turn.plan.options.denormal_as_zero) for turn in turns]
    both = Counter(timed)
    assert both == {(subject, way): 10 for subject in (0, 1) for way in (False, True)}
    for index in range(10):  # and none of them waits for the other to end
        assert {(turn.subject, turn.plan.options.denormal_as_zero) for turn in turns[4 * index : 4 * index + 4]} == {
            *both
        }
    assert {turn.plan for turn in turns if turn.plan.options.denormal_as_zero} == {asked}


def test_a_resumed_run_measures_the_way_that_is_missing() -> None:
    plan = BenchPlan(runs=2, rounds=2, options=RuntimeOptions(denormal_as_zero=True))
    done = [msgspec.structs.replace(make_round(index=turn.index), plan=turn.plan) for turn in schedule(plan, 1)[::2]]
    left = missing(plan, [done[0].artifact], done)
    assert Counter(turn.plan.options.denormal_as_zero for turn in left) + Counter(
        record.plan.options.denormal_as_zero for record in done
    ) == {False: 2, True: 2}


def test_each_number_of_threads_takes_turns_with_the_others() -> None:
    asked = BenchPlan(runs=100, rounds=10, threads=1)
    turns = schedule(asked, 2, threads=(1, 2, 4))
    assert Counter((turn.subject, turn.plan.threads) for turn in turns) == {
        (subject, threads): 10 for subject in (0, 1) for threads in (1, 2, 4)
    }
    for index in range(10):  # and none of them waits for the other to end
        beside = turns[6 * index : 6 * index + 6]
        assert {turn.index for turn in beside} == {index}
        assert len({(turn.subject, turn.plan.threads) for turn in beside}) == 6
    assert len({tuple(turn.plan.threads for turn in turns[i : i + 6]) for i in range(0, 60, 6)}) > 1


def test_threads_are_swept_in_either_way_of_taking_subnormal_numbers() -> None:
    plan = BenchPlan(runs=2, rounds=1, options=RuntimeOptions(denormal_as_zero=True))
    turns = schedule(plan, 1, threads=(1, 2))
    assert {turn.way: (turn.plan.threads, turn.plan.options.denormal_as_zero) for turn in turns} == {
        "-threads-1": (1, False),
        "-threads-1-denormal-as-zero": (1, True),
        "-threads-2": (2, False),
        "-threads-2-denormal-as-zero": (2, True),
    }


def test_a_resumed_run_measures_the_numbers_of_threads_that_are_missing() -> None:
    plan = BenchPlan(runs=4, rounds=2, threads=1)
    every = schedule(plan, 1, threads=(1, 2))
    done = [msgspec.structs.replace(make_round(index=turn.index), plan=turn.plan) for turn in every if turn.index]
    left = missing(plan, [done[0].artifact], done, threads=(1, 2))
    assert left == [turn for turn in every if not turn.index]
