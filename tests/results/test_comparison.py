import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy import stats

from results import (
    ComparisonPlan,
    ComparisonProcess,
    Conditions,
    GpuState,
    StabilityWarning,
    Store,
    Verdict,
    compare,
)
from results.statistics.estimate import Estimate, estimate, judge, median_ratio
from results.statistics.looks import next_look
from tests.fakes import MACHINE, make_comparison_process, make_round


def test_the_ratio_of_a_process_is_the_median_over_its_pairs() -> None:
    assert median_ratio([100, 200, 400], [110, 180, 400]) == 1.0
    assert median_ratio([100, 200], [110, 180]) == pytest.approx((1.1 + 0.9) / 2)


def test_interruptions_of_a_third_of_the_runs_leave_the_ratio_where_it_is() -> None:
    draws = np.random.default_rng(0)
    baseline, candidate = (
        np.round(1e6 * base * draws.normal(1, 0.002, 600) + 4e6 * (draws.random(600) < 0.33)).astype(int).tolist()
        for base in (1.0, 1.02)
    )
    assert sum(candidate) / sum(baseline) != pytest.approx(1.02, abs=0.01)
    assert median_ratio(baseline, candidate) == pytest.approx(1.02, abs=0.002)


def test_a_machine_that_slows_down_steadily_delays_both_alike() -> None:
    ramp = [1000 + 10 * i for i in range(80)]
    order = "ABBABAAB" * 10
    baseline, candidate = ([ns for ran, ns in zip(order, ramp, strict=True) if ran == letter] for letter in "AB")
    assert median_ratio(baseline, candidate) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("baseline", "candidate"), [([], []), ([1, 2], [1])])
def test_runs_without_their_other_are_refused(baseline: list[int], candidate: list[int]) -> None:
    with pytest.raises(ValueError, match=r"zip\(\)|no median"):
        median_ratio(baseline, candidate)


@pytest.mark.parametrize("error", [0.05, 0.05 / 6])
def test_the_interval_is_students_t_of_the_logarithms(error: float) -> None:
    ratios = [0.97, 0.99, 0.98, 0.985, 0.975, 0.995]
    logs = np.log(ratios)
    low, high = stats.t.interval(1 - error, df=5, loc=logs.mean(), scale=stats.sem(logs))
    found = estimate(ratios, error=error)
    assert found is not None
    assert found.ratio == pytest.approx(stats.gmean(ratios), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)), rel=1e-9)
    assert found.high == pytest.approx(found.ratio * (1 + found.half_width), rel=1e-12)


def test_the_other_way_round_the_ratio_is_the_inverse() -> None:
    ratios = [0.97, 0.99, 0.98]
    one, other = estimate(ratios), estimate([1 / ratio for ratio in ratios])
    assert one is not None
    assert other is not None
    assert (other.ratio, other.low, other.high) == pytest.approx((1 / one.ratio, 1 / one.high, 1 / one.low))


def test_one_process_has_no_interval() -> None:
    assert estimate([]) is None
    assert estimate([0.5]) is None


@pytest.mark.parametrize(
    ("ratio", "low", "high", "margin", "verdict"),
    [
        (0.98, 0.97, 0.99, 0.005, Verdict.FASTER),
        (1.02, 1.01, 1.03, 0.005, Verdict.SLOWER),
        (1.02, 0.99, 1.05, 0.005, Verdict.NOT_DISTINGUISHABLE),  # the interval holds 1
        (1.02, 1.0, 1.04, 0.005, Verdict.NOT_DISTINGUISHABLE),
        (0.996, 0.995, 0.997, 0.005, Verdict.NOT_DISTINGUISHABLE),  # less than the margin
        (0.996, 0.995, 0.997, 0.004, Verdict.FASTER),
        (1.004, 1.003, 1.005, 0.0, Verdict.SLOWER),
    ],
)
def test_a_verdict_needs_an_interval_without_1_and_a_difference_that_matters(
    ratio: float, low: float, high: float, margin: float, verdict: Verdict
) -> None:
    assert judge(Estimate(ratio=ratio, low=low, high=high, half_width=0.01), margin) is verdict


def test_without_an_interval_there_is_no_verdict() -> None:
    assert judge(None, 0.0) is None


def met(process: ComparisonProcess, **fields: object) -> ComparisonProcess:
    """The same process, with another environment."""
    return msgspec.structs.replace(process, environment=msgspec.structs.replace(process.environment, **fields))


def processes(ratios: list[float], plan: ComparisonPlan, *, target: int = 1) -> list[ComparisonProcess]:
    return [
        make_comparison_process([ratio] * 4, plan=plan, target=target, index=index)
        for index, ratio in enumerate(ratios)
    ]


def test_a_run_becomes_its_comparisons_in_the_order_of_its_targets() -> None:
    plan = ComparisonPlan(targets=("a", "b", "c"), control=True)
    records = [
        *processes([1.1, 1.1, 1.1], plan, target=2),
        *processes([0.9, 0.9, 0.9], plan, target=1),
        *processes([1.0, 1.001, 0.999], plan, target=0),
    ]
    control, b, c = compare(records)
    assert [(x.candidate.name, x.control, x.verdict) for x in (control, b, c)] == [
        ("a", True, Verdict.NOT_DISTINGUISHABLE),
        ("b", False, Verdict.FASTER),
        ("c", False, Verdict.SLOWER),
    ]
    assert (b.processes, b.runs, b.baseline_p50_ms, b.candidate_p50_ms) == (3, 12, 1.0, 0.9)
    assert b.estimate is not None
    assert b.estimate.ratio == pytest.approx(0.9)


def test_a_failed_process_is_told_and_does_not_count() -> None:
    plan = ComparisonPlan(targets=("a", "b"))
    (found,) = compare(
        [*processes([1.1, 1.2, 1.3], plan), make_comparison_process(plan=plan, index=3, failure="ended by SIGSEGV")]
    )
    assert found.failures == ("ended by SIGSEGV",)
    assert found.processes == 3
    assert found.process_ratios == pytest.approx((1.1, 1.2, 1.3))


def test_where_all_fail_there_is_no_ratio() -> None:
    (found,) = compare([make_comparison_process(failure="killed")])
    assert (found.estimate, found.baseline_p50_ms, found.processes) == (None, None, 0)
    assert found.verdict is None


def test_runs_are_not_pooled() -> None:
    records = [make_comparison_process(run_id=run_id) for run_id in ("one", "two")]
    assert [found.run_id for found in compare(records)] == ["one", "two"]


GPU = dict.fromkeys(GpuState.__struct_fields__) | {"name": "A GPU", "driver": "580"}


@pytest.mark.parametrize(
    "changed",
    [
        {"machine": msgspec.structs.replace(MACHINE, versions={"onnxruntime": "2"})},
        {"machine": msgspec.structs.replace(MACHINE, available_cores=1)},
        {"threads": 1},
        {"gpu_before": GpuState(**GPU)},
    ],
)
def test_what_was_timed_in_another_environment_is_another_comparison(changed: dict[str, object]) -> None:
    before = [make_comparison_process([1.5] * 4, index=index) for index in range(2)]
    after = [met(make_comparison_process([1.1] * 4, index=index), **changed) for index in (2, 3)]
    first, second = compare([*before, *after])
    assert first.process_ratios == pytest.approx((1.5, 1.5))
    assert second.process_ratios == pytest.approx((1.1, 1.1))
    assert (first.machine, first.threads) == (MACHINE, 2)
    assert (second.machine, second.threads) == (after[0].environment.machine, after[0].environment.threads)


def test_what_failed_in_one_environment_and_succeeded_in_another_did_not_fail() -> None:
    good, failed = make_comparison_process(), make_comparison_process(failure="killed", index=1)
    again = msgspec.structs.replace(met(make_comparison_process(index=1), threads=1), id="again", attempt=1)
    assert [(each.processes, each.failures) for each in compare([good, failed, again])] == [(1, ()), (1, ())]


def test_a_commit_and_a_governor_do_not_start_another_comparison() -> None:
    other = msgspec.structs.replace(MACHINE, effmod_commit="abc", governor="performance")
    assert len(compare([make_comparison_process(), met(make_comparison_process(index=1), machine=other)])) == 1


def test_looks_come_further_apart_and_spend_the_error_once() -> None:
    plan = ComparisonPlan(until=0.01)
    looks = [next_look(plan, 0)]
    for _ in range(40):
        looks.append(next_look(plan, looks[-1].processes + 1))
    assert [look.processes for look in looks[:6]] == [6, 9, 14, 21, 32, 48]
    assert [look.error for look in looks[:3]] == pytest.approx([0.05 / 2, 0.05 / 6, 0.05 / 12])
    assert sum(look.error for look in looks) < 0.05
    assert next_look(plan, 7) == next_look(plan, 9)  # between two looks, what the later one may spend
    assert next_look(ComparisonPlan(until=0.01, processes=2), 0).processes == 6
    assert next_look(ComparisonPlan(until=0.01, processes=10), 11).processes == 15


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


def test_a_comparison_comes_back_from_a_store_beside_rounds(tmp_path: Path) -> None:
    store = Store(tmp_path)
    records = [make_comparison_process(index=index) for index in range(2)]
    for record in records:
        store.write(record)
    store.write(make_round())
    assert store.read_kind(ComparisonProcess) == records
    assert store.read() == [make_round()]


@pytest.mark.parametrize(
    "wrong",
    [{"threads": 0}, {"processes": 1}, {"blocks": 0}, {"warmup_runs": -1}, {"margin": -0.1}, {"until": -0.01}],
)
def test_a_plan_out_of_range_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ComparisonPlan(**wrong)  # type: ignore[arg-type]


def test_of_a_process_that_was_repeated_the_last_attempt_counts() -> None:
    failed = make_comparison_process(failure="killed", index=1)
    again = msgspec.structs.replace(make_comparison_process([1.1] * 4, index=1), id="again", attempt=1)
    (comparison,) = compare([make_comparison_process([1.1] * 4), again, failed])
    assert comparison.failures == ()
    assert comparison.process_ratios == pytest.approx((1.1, 1.1))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"other_cpu_s": 1.1}, StabilityWarning.OTHER_LOAD),  # of 10 s on two cores
        ({"thermal_throttles": 1}, StabilityWarning.THROTTLED),
        ({"quota_throttles": 1}, StabilityWarning.THROTTLED),
        ({"on_battery": True}, StabilityWarning.BATTERY),
        ({"memory_stall_s": 0.5}, StabilityWarning.MEMORY_PRESSURE),
    ],
)
def test_what_the_machine_did_in_two_processes_of_six_is_marked_on_the_comparison(
    conditions: dict[str, object], expected: StabilityWarning
) -> None:
    quiet, disturbed = (Conditions(elapsed_s=10.0), Conditions(elapsed_s=10.0, **conditions))  # type: ignore[arg-type]
    six = [
        met(make_comparison_process(index=index), conditions=seen)
        for index, seen in enumerate([quiet] * 4 + [disturbed] * 2)
    ]
    assert [comparison.warnings for comparison in compare(six)] == [(expected,)]
    assert [comparison.warnings for comparison in compare(six[:5])] == [(expected,)]
    assert [comparison.warnings for comparison in compare(six[:4])] == [()]


@pytest.mark.parametrize(
    ("machine", "threads", "expected"),
    [
        ({}, 2, ()),
        ({}, 4, (StabilityWarning.FEWER_CORES,)),
        ({"cpu_quota": 1.5}, 2, (StabilityWarning.CPU_QUOTA,)),
        ({"governor": "powersave"}, 2, (StabilityWarning.GOVERNOR,)),
    ],
)
def test_what_the_machine_is_is_marked_on_the_comparison(
    machine: dict[str, object], threads: int, expected: tuple[StabilityWarning, ...]
) -> None:
    process = met(make_comparison_process(), machine=msgspec.structs.replace(MACHINE, **machine), threads=threads)
    (comparison,) = compare([process])
    assert comparison.warnings == expected


def test_a_process_that_failed_gives_no_warning() -> None:
    loaded = met(make_comparison_process(failure="killed"), conditions=Conditions(elapsed_s=10.0, other_cpu_s=9.0))
    (comparison,) = compare([loaded, *(make_comparison_process(index=index) for index in (1, 2))])
    assert comparison.warnings == ()


def test_a_ratio_that_depends_on_which_speed_the_machine_runs_at_is_marked() -> None:
    def warned(ratios: list[float]) -> tuple[StabilityWarning, ...]:
        (comparison,) = compare([make_comparison_process([ratio] * 2, index=i) for i, ratio in enumerate(ratios)])
        return comparison.warnings

    assert warned([1.25, 1.50, 1.26, 1.51, 1.25, 1.52]) == (StabilityWarning.RATIO_BIMODAL,)
    assert warned([1.25, 1.27, 1.24, 1.26, 1.25, 1.28]) == ()
