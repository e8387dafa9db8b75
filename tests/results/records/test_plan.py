import pytest

from results import BenchPlan, ComparisonPlan, ProfilePlan, Runtime, RuntimeOptions


@pytest.mark.parametrize(
    "wrong",
    [
        {"threads": 0},
        {"processes": 1},
        {"blocks": 0},
        {"warmup_runs": -1},
        {"margin": -0.1},
        {"until": -0.01},
        {"fail_if_slower": -0.01},
    ],
)
def test_a_plan_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ComparisonPlan(**wrong)  # type: ignore[arg-type]


def test_what_goes_on_until_it_is_decided_has_something_to_decide() -> None:
    with pytest.raises(ValueError, match="fail_if_slower is None"):
        ComparisonPlan(until_decided=True)
    assert ComparisonPlan(fail_if_slower=0.05, until_decided=True).is_open_ended
    assert ComparisonPlan(until=0.01).is_open_ended
    assert not ComparisonPlan(fail_if_slower=0.05).is_open_ended


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"rounds": 0}, {"warmup_runs": -1}, {"threads": 0}])
def test_a_bench_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BenchPlan(**wrong)  # type: ignore[arg-type]


def test_each_target_has_its_own_options_where_they_are_not_the_baselines() -> None:
    own = (RuntimeOptions(), RuntimeOptions(runtime=Runtime.OPENVINO))
    assert ComparisonPlan(target_options=own).options_of(1) == own[1]
    assert ComparisonPlan(options=own[1]).options_of(1) == own[1]


def test_the_two_of_a_comparison_take_subnormal_numbers_for_the_same() -> None:
    zero = RuntimeOptions(denormal_as_zero=True)
    assert ComparisonPlan(options=zero, target_options=(zero, zero)).options_of(1).denormal_as_zero
    with pytest.raises(ValueError, match="denormal_as_zero is of a whole process"):
        ComparisonPlan(target_options=(RuntimeOptions(), zero))


def test_each_target_of_a_profile_has_options_or_none_has() -> None:
    ways = (RuntimeOptions(), RuntimeOptions(runtime=Runtime.OPENVINO))
    assert ProfilePlan(target_options=ways).options_of(1) == ways[1]  # while it is only asked for
    assert ProfilePlan(targets=("a", "a"), target_options=ways).options_of(1) == ways[1]
    with pytest.raises(ValueError, match="target_options has 1 rows, and there are 2 targets"):
        ProfilePlan(targets=("a", "a"), target_options=ways[:1])
