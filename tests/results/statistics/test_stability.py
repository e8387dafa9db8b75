"""Synthetic times, of which the truth is known: how often each sign is seen where it is, and where it is not."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from results import (
    BenchPlan,
    Conditions,
    Device,
    GpuState,
    Round,
    Runtime,
    RuntimeOptions,
    StabilityWarning,
    Subnormals,
    summarise,
)
from results.statistics.stability import find_warnings
from tests.fakes import MACHINE, make_round


def rounds_with(changes: Sequence[dict[str, object]]) -> list[Round]:
    """Rounds in which the machine did this."""
    records = []
    for i, change in enumerate(changes):
        conditions = Conditions(**({"elapsed_s": 10.0} | change))  # type: ignore[arg-type]
        record = make_round([10.0, 10.1], index=i)
        environment = msgspec.structs.replace(record.environment, conditions=conditions)
        records.append(msgspec.structs.replace(record, environment=environment))
    return records


@pytest.mark.parametrize(
    ("quiet", "disturbed", "expected"),
    [
        ({"other_cpu_s": 0.9}, {"other_cpu_s": 1.1}, StabilityWarning.OTHER_LOAD),  # of 10 s on two cores
        ({"thermal_throttles": 0}, {"thermal_throttles": 1}, StabilityWarning.THROTTLED),
        ({"slowed_after": False}, {"slowed_after": True}, StabilityWarning.THROTTLED),
        ({"quota_throttles": 0}, {"quota_throttles": 3}, StabilityWarning.THROTTLED),
        ({"on_battery": False}, {"on_battery": True}, StabilityWarning.BATTERY),
        ({"memory_stall_s": 0.05}, {"memory_stall_s": 0.5}, StabilityWarning.MEMORY_PRESSURE),
        ({"swapped_in_bytes": 4096}, {"swapped_in_bytes": 50_000_000}, StabilityWarning.MEMORY_PRESSURE),
        (
            {"available_memory_bytes": 4 << 30},
            {"available_memory_bytes": 100 << 20},
            StabilityWarning.MEMORY_PRESSURE,
        ),
    ],
)
def test_what_the_machine_did_in_one_round_of_five_is_a_warning(
    quiet: dict[str, object], disturbed: dict[str, object], expected: StabilityWarning
) -> None:
    assert find_warnings(0.0, rounds_with([quiet] * 5)) == ()
    assert find_warnings(0.0, rounds_with([quiet] * 4 + [disturbed])) == (expected,)
    assert find_warnings(0.0, rounds_with([quiet] * 5 + [disturbed])) == ()


@pytest.mark.parametrize("cores", [20, 64])
def test_half_a_core_that_others_take_is_seen_on_a_machine_with_many(cores: int) -> None:
    def found(other_cpu_s: float) -> tuple[StabilityWarning, ...]:
        machine = msgspec.structs.replace(MACHINE, logical_cores=cores)
        (record,) = rounds_with([{"other_cpu_s": other_cpu_s}])
        environment = msgspec.structs.replace(record.environment, machine=machine)
        return find_warnings(None, [msgspec.structs.replace(record, environment=environment)])

    assert found(4.9) == ()  # of 10 s
    assert found(5.1) == (StabilityWarning.OTHER_LOAD,)


def test_what_the_machine_does_not_tell_is_no_warning() -> None:
    assert find_warnings(None, rounds_with([{}])) == ()
    assert find_warnings(None, [make_round()]) == ()


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ({"cpu_quota": 1.5}, (StabilityWarning.CPU_QUOTA,)),
        ({"cpu_quota": 2.0}, ()),
        ({"governor": "schedutil"}, (StabilityWarning.GOVERNOR,)),
        ({"governor": "performance"}, ()),
    ],
)
def test_what_the_machine_is_can_be_a_warning(
    machine: dict[str, object], expected: tuple[StabilityWarning, ...]
) -> None:
    assert find_warnings(None, [make_round(machine=msgspec.structs.replace(MACHINE, **machine))]) == expected


def test_rounds_that_began_before_the_times_settled_are_marked() -> None:
    settled, unsettled = (msgspec.structs.replace(make_round(), steady=steady) for steady in (True, False))
    assert find_warnings(None, [settled]) == ()
    assert find_warnings(None, [settled, unsettled]) == (StabilityWarning.NOT_STEADY,)


def test_drift_and_modes_within_rounds_are_found_in_the_samples() -> None:
    rising = make_round(list(np.linspace(10, 11, 200)))
    assert find_warnings(None, [rising]) == (StabilityWarning.DRIFT,)
    torn = make_round([10.0, 10.01, 13.0, 13.01] * 50)
    assert find_warnings(None, [torn]) == (StabilityWarning.BIMODAL,)


def test_drift_and_modes_over_rounds_are_found_in_their_medians() -> None:
    rising = [make_round([value], index=i) for i, value in enumerate((10.0, 10.2, 10.4, 10.6, 10.8))]
    assert find_warnings(None, rising) == (StabilityWarning.DRIFT,)
    torn = [make_round([value], index=i) for i, value in enumerate((10.0, 14.1, 10.1, 14.0, 14.2))]
    assert find_warnings(None, torn) == (StabilityWarning.BIMODAL,)


def test_warnings_stay_out_of_a_measurement_that_failed() -> None:
    (failed,) = summarise([make_round(failure="ended by SIGSEGV", threads=4)])
    assert failed.warnings == ()


@pytest.mark.parametrize(
    ("told", "warnings"),
    [
        ({"throttle_reasons": ("SwPowerCap",)}, {StabilityWarning.THROTTLED}),
        ({"other_processes": 1}, {StabilityWarning.OTHER_LOAD}),
        ({"throttle_reasons": (), "other_processes": 0}, set()),
        ({}, set()),
    ],
)
def test_what_the_gpu_did_is_a_warning(told: dict[str, object], warnings: set[StabilityWarning]) -> None:
    state = GpuState(**(dict.fromkeys(GpuState.__struct_fields__) | told))
    record = make_round()
    environment = msgspec.structs.replace(record.environment, gpu_after=state)
    assert set(find_warnings(None, [msgspec.structs.replace(record, environment=environment)])) == warnings


BOTH = Subnormals(weights=9, activations=1)


@pytest.mark.parametrize(
    ("device", "options", "counted", "expected"),
    [
        (Device.CPU, {}, Subnormals(weights=1), {"subnormal-weights"}),
        (Device.CPU, {}, Subnormals(weights=0, activations=5), {"subnormal-activations"}),
        (
            Device.CPU,
            {"runtime": Runtime.PYTORCH},
            Subnormals(weights=9, activations=1),
            {"subnormal-weights", "subnormal-activations"},
        ),
        (Device.CPU, {"denormal_as_zero": True}, BOTH, set()),
        (Device.CUDA, {}, BOTH, set()),  # a GPU takes no longer for them
        (Device.CPU, {}, Subnormals(weights=0, activations=0), set()),
        (Device.CPU, {}, None, set()),
    ],
)
def test_subnormal_numbers_are_warned_of_where_they_may_cost_time(
    device: Device, options: dict[str, object], counted: Subnormals | None, expected: set[str]
) -> None:
    plan = BenchPlan(device=device, options=RuntimeOptions(**options))  # type: ignore[arg-type]
    older = msgspec.structs.replace(make_round(), plan=plan)  # of the same file, before they were counted
    (row,) = summarise([older, msgspec.structs.replace(make_round(index=1), plan=plan, subnormals=counted)])
    assert set(row.warnings) == expected
    assert row.subnormals == counted


def test_rounds_depend_within_a_run_and_not_by_what_differs_between_runs() -> None:
    scattered, rising = (1.0, 1.004, 1.001, 1.003, 1.002), (1.0, 1.001, 1.002, 1.003, 1.004)

    def warned(*runs: tuple[float, ...]) -> tuple[StabilityWarning, ...]:
        return find_warnings(
            None,
            [
                make_round([value], index=i, run_id=f"run-{run}")
                for run, values in enumerate(runs)
                for i, value in enumerate(values)
            ],
        )

    assert warned(scattered, tuple(1.01 * value for value in scattered)) == ()
    assert warned(scattered, rising) == (StabilityWarning.PROCESSES_DEPEND,)
