import math

import msgspec
import pytest

from results import (
    ArtifactSource,
    ComparisonPlan,
    ComparisonProcess,
    Conditions,
    Fed,
    GpuState,
    InputTensor,
    RuntimeOptions,
    StabilityWarning,
    Subnormals,
    Verdict,
    compare,
)
from results.statistics.feeds import InputDependence
from results.statistics.timed import Pool
from tests.fakes import MACHINE, make_comparison_process, session_facts, timed_artifact


def met(process: ComparisonProcess, **fields: object) -> ComparisonProcess:
    """The same process, with another environment."""
    return msgspec.structs.replace(process, environment=msgspec.structs.replace(process.environment, **fields))


def at(moment: str, *records: ComparisonProcess) -> list[ComparisonProcess]:
    """The same processes, begun at this second and the next ones."""
    return [
        msgspec.structs.replace(record, started_at=f"2026-01-01T00:{moment}:{second:02}.000+00:00")
        for second, record in enumerate(records)
    ]


def warned(ratios: list[float]) -> tuple[StabilityWarning, ...]:
    """What a comparison of processes with these ratios is marked with."""
    (comparison,) = compare([make_comparison_process([ratio] * 2, index=i) for i, ratio in enumerate(ratios)])
    return comparison.warnings


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


def test_what_a_place_does_instead_of_a_lost_one_is_a_comparison_of_its_own_and_comes_last() -> None:
    one, two = (
        [
            met(each, place=f"T4 {number}", node=f"{number}")
            for each in processes([1.1] * 3, ComparisonPlan(targets=("a", "b")))
        ]
        for number in (1, 2)
    )
    instead = [met(each, instead_of="T4 1") for each in two]
    found = compare([*two, one[0], *instead[1:]])
    assert [(each.place, each.share, each.processes) for each in found] == [
        ("T4 2", "T4 2", 3),
        ("T4 1", "T4 1", 1),
        ("T4 2", "T4 1", 2),
    ]


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
    assert warned([1.25, 1.50, 1.26, 1.51, 1.25, 1.52]) == (StabilityWarning.RATIO_BIMODAL,)
    assert warned([1.25, 1.27, 1.24, 1.26, 1.25, 1.28]) == ()


def test_successive_processes_that_are_alike_are_marked() -> None:
    assert warned([1.01, 1.02, 1.03, 1.04, 1.05, 1.06]) == (StabilityWarning.PROCESSES_DEPEND,)
    assert warned([1.01, 1.06, 1.02, 1.05, 1.03, 1.04]) == ()


def test_an_interval_learns_from_earlier_runs_of_the_pair_how_much_another_time_differs() -> None:
    """Three runs whose ratios lie 20 % apart, each within 0.1 %: the first cannot know, the later ones do."""
    runs = {"1": 1.0, "2": 1.2, "3": 1.0}
    records = [
        make_comparison_process(
            [ratio * (1 + 0.0005 * (-1) ** index)] * 2, run_id=run_id, index=index, minute=int(run_id)
        )
        for run_id, ratio in runs.items()
        for index in range(6)
    ]
    first, second, third = compare(records)
    assert [each.earlier_runs for each in (first, second, third)] == [0, 1, 2]
    assert first.estimate is not None
    assert second.estimate is not None
    assert first.estimate.half_width < 0.001
    assert second.estimate.between_runs == pytest.approx(math.log(1.2) / math.sqrt(2), rel=1e-3)
    assert second.estimate.low < 1.0
    assert compare(records[:6])[0] == first  # what came later changes nothing of it
    assert compare([*records[:6], *records[12:]])[1].estimate.half_width < 0.001  # type: ignore[union-attr]


def test_an_interval_learns_nothing_from_another_pair_another_mode_or_another_environment() -> None:
    plan = ComparisonPlan(targets=("a", "b"))
    own, far = processes([1.0, 1.001, 0.999], plan), [1.2, 1.201, 1.199]
    others = {
        "1": processes(far, ComparisonPlan(targets=("a", "c"))),
        "2": processes(far, msgspec.structs.replace(plan, options=RuntimeOptions(allow_spinning=False))),
        "3": [met(record, threads=1) for record in processes(far, plan)],
    }
    before = [msgspec.structs.replace(record, run_id=run_id) for run_id, run in others.items() for record in run]
    own = at("59", *own)
    assert compare([*before, *own])[-1] == compare(own)[0]
    same = [msgspec.structs.replace(record, run_id="4") for record in processes(far, plan)]
    assert compare([*same, *own])[-1] != compare(own)[0]


def test_a_comparison_says_over_how_long_it_was_measured() -> None:
    (found,) = compare([make_comparison_process(index=index) for index in (0, 1, 34)])
    assert found.measured_s == pytest.approx(34)


def test_what_one_of_the_two_is_warned_of_alone_stands_on_the_comparison() -> None:
    """The candidate's time depends on the input, it has an operator that looks at values, and subnormal weights."""
    fed = Fed(value="normal", sha256="a" * 64)
    mine = msgspec.structs.replace(
        timed_artifact("mine.onnx"),
        source=ArtifactSource.FILE,
        inputs=(InputTensor(name="x", shape=(8,), dtype="float", fed=fed),),
    )
    record = msgspec.structs.replace(
        make_comparison_process(),
        candidate=mine,
        candidate_session=msgspec.structs.replace(session_facts(), nodes={"CPUExecutionProvider": {"TopK": 1}}),
        candidate_fed_ns=(2_000_000, 2_100_000, 2_200_000),
        candidate_other_ns=(9_000_000, 9_500_000, 9_900_000),
        candidate_subnormals=Subnormals(weights=7),
    )
    (found,) = compare([record])
    warnings = (
        StabilityWarning.INPUT_DEPENDENT,
        StabilityWarning.MADE_UP_INPUT,
        StabilityWarning.SUBNORMAL_WEIGHTS,
    )
    assert found.warnings == warnings
    assert found.candidate_input_dependence == InputDependence(fed_ms=2.1, other_ms=9.5)
    assert (found.baseline_input_dependence, found.baseline_subnormals) == (None, None)
    pool = Pool()
    assert compare([pool.timed_pair(record)])[0].warnings == warnings
    zero = ComparisonPlan(targets=record.plan.targets, options=RuntimeOptions(denormal_as_zero=True))
    (found,) = compare([msgspec.structs.replace(record, plan=zero)])
    assert StabilityWarning.SUBNORMAL_WEIGHTS not in found.warnings


def test_of_many_earlier_runs_the_latest_fifty_tell() -> None:
    far = [make_comparison_process([ratio] * 2, run_id="0", index=i) for i, ratio in enumerate((1.5, 1.501))]
    alike = [
        make_comparison_process([ratio] * 2, run_id=f"{run}", index=i, minute=run)
        for run in range(1, 62)
        for i, ratio in enumerate((1.0, 1.001))
    ]
    found = compare([*far, *alike])
    assert [each.earlier_runs for each in found] == [*range(50), *[50] * 12]
    assert found[50].estimate is not None
    assert found[51].estimate is not None
    assert found[50].estimate.between_runs > 0.05 > 0.001 > found[51].estimate.between_runs


def run_of(run_id: str, ratio: float, *, first: int = 0, number: int = 3, **plan: object) -> list[ComparisonProcess]:
    """Processes of a run whose ratios scatter by 0.1 %."""
    own = msgspec.structs.replace(ComparisonPlan(targets=("a", "b")), **plan)
    return [
        make_comparison_process([ratio * (1 + 0.0005 * (-1) ** index)] * 2, plan=own, run_id=run_id, index=index)
        for index in range(first, first + number)
    ]


def test_a_resumed_run_learns_from_what_began_before_it_and_teaches_what_it_had_measured_by_then() -> None:
    begun, resumed = at("00", *run_of("1", 1.0)), at("40", *run_of("1", 1.0, first=3))
    between = at("20", *run_of("2", 1.2))
    whole, other = compare([*begun, *between, *resumed])
    assert (whole.run_id, whole.processes, whole.earlier_runs) == ("1", 6, 0)
    assert (other.run_id, other.earlier_runs) == ("2", 1)
    assert compare([*begun, *between])[1] == other  # as it was shown when it ended


def test_a_run_began_with_its_first_attempt_though_that_failed() -> None:
    failed = at("00", make_comparison_process(plan=ComparisonPlan(targets=("a", "b")), run_id="1", failure="killed"))
    other = at("20", *run_of("2", 1.2))
    again = [
        msgspec.structs.replace(record, attempt=1, id=f"again-{record.index}") for record in at("40", *run_of("1", 1.0))
    ]
    found = {each.run_id: each for each in compare([*failed, *other, *again])}
    assert found["1"].earlier_runs == 0
    assert found["2"].earlier_runs == 0  # the other had no ratio yet


def test_nobody_learns_from_a_race_which_flatters_its_winner() -> None:
    race, after = at("00", *run_of("1", 0.9, of_race=True)), at("20", *run_of("2", 0.97))
    assert compare([*race, *after])[1] == compare(after)[0]
