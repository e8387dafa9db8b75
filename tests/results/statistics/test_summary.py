from collections.abc import Sequence
from typing import TypeVar

import msgspec
import numpy as np
import pytest

from results import (
    Anchored,
    ComparisonPlan,
    ComparisonProcess,
    Device,
    GpuState,
    InputTensor,
    Measurement,
    Round,
    Runtime,
    RuntimeOptions,
    StabilityWarning,
    Subnormals,
    summarise,
)
from results.statistics.estimate import UNCHANGED
from tests.fakes import MACHINE, make_comparison_process, make_round, timed_artifact


def two_networks(milliseconds: Sequence[Sequence[float]]) -> list[Measurement]:
    names = ("efficientmod_xxs", "efficientmod_xs")
    return summarise(
        make_round([value] * 3, artifact=timed_artifact(name), index=i, targets=names)
        for name, medians in zip(names, milliseconds, strict=True)
        for i, value in enumerate(medians)
    )


def test_neighbours_whose_intervals_overlap_name_each_other() -> None:
    close = two_networks([[10.0, 10.2, 10.4], [10.3, 10.5, 10.7]])
    assert [m.indistinct_from for m in close] == [("efficientmod_xs",), ("efficientmod_xxs",)]
    far = two_networks([[10.0, 10.2, 10.4], [20.0, 20.2, 20.4]])
    assert [m.indistinct_from for m in far] == [(), ()]


def test_other_circumstances_and_single_rounds_are_no_neighbours() -> None:
    rounds = [make_round(threads=threads, index=i) for threads in (1, 2) for i in (0, 1)]
    assert [m.indistinct_from for m in summarise(rounds)] == [(), ()]
    assert [m.indistinct_from for m in two_networks([[10.0], [10.0]])] == [(), ()]


def test_a_machine_with_two_speeds_is_not_said_to_order_networks_wrongly() -> None:
    """One network is 6 % faster; the machine changes its speed by 40 %, for three rounds of both on average."""
    rng = np.random.default_rng(0)
    wrong_order = said_wrongly = 0
    for _ in range(200):
        slow = np.cumsum(rng.random(10) < 1 / 6) % 2 != rng.integers(2)
        speeds = np.where(slow, 1.4, 1.0) * rng.normal(1, 0.02, 10)
        # Their rounds take turns, in an order drawn anew each time.
        turns = rng.permuted(np.arange(10).reshape(5, 2), axis=1)
        faster, slower = two_networks([list(10.0 * speeds[turns[:, 0]]), list(10.6 * speeds[turns[:, 1]])])
        assert faster.latency is not None
        assert slower.latency is not None
        is_wrong = faster.latency.process_p50_ms > slower.latency.process_p50_ms
        wrong_order += is_wrong
        said_wrongly += is_wrong and not faster.indistinct_from
        changed = bool(slow.any() and not slow.all())
        assert not changed or faster.warnings or slower.warnings
    assert wrong_order > 20  # five rounds do give the wrong order
    assert said_wrongly == 0  # but the table does not stand by it


def test_rounds_of_one_artifact_in_one_environment_are_one_measurement() -> None:
    (measurement,) = summarise([make_round(index=0), make_round(run_id="20260102T000000-0000", index=0)])
    assert measurement.latency is not None
    assert measurement.latency.rounds == 2
    assert len(measurement.run_ids) == 2


def test_other_threads_batches_files_and_machines_are_other_measurements() -> None:
    updated = msgspec.structs.replace(MACHINE, versions={"onnxruntime": "2"})
    rounds = [
        make_round(),
        make_round(threads=1),
        make_round(artifact=timed_artifact(batch_size=2)),
        make_round(artifact=timed_artifact("efficientmod_xs")),
        make_round(machine=updated),
    ]
    assert len(summarise(rounds)) == len(rounds)


def test_another_gpu_or_driver_is_another_measurement() -> None:
    def on(name: str, driver: str) -> Round:
        state = dict.fromkeys(GpuState.__struct_fields__) | {"name": name, "driver": driver}
        record = make_round()
        environment = msgspec.structs.replace(record.environment, gpu_before=GpuState(**state))
        return msgspec.structs.replace(record, environment=environment)

    rounds = [on("A", "580"), on("A", "580"), on("A", "590"), on("B", "590")]
    assert [(m.gpu, m.latency.rounds) for m in summarise(rounds) if m.latency] == [("A", 2), ("A", 1), ("B", 1)]


def test_a_gpus_libraries_count_where_a_gpu_is_used() -> None:
    gpu = GpuState(**dict.fromkeys(GpuState.__struct_fields__))

    def on(device: Device, cudnn: str) -> Round:
        machine = msgspec.structs.replace(MACHINE, gpu_versions={"nvidia-cudnn-cu13": cudnn})
        record = make_round(machine=machine)
        environment = msgspec.structs.replace(record.environment, gpu_before=gpu if device is Device.CUDA else None)
        plan = msgspec.structs.replace(record.plan, device=device)
        return msgspec.structs.replace(record, plan=plan, environment=environment)

    rounds = {device: [on(device, "9.23"), on(device, "9.24")] for device in (Device.CPU, Device.CUDA)}
    assert {device: len(summarise(records)) for device, records in rounds.items()} == {Device.CPU: 1, Device.CUDA: 2}


def test_a_gpus_own_median_is_of_all_rounds_that_have_one() -> None:
    rounds = [
        msgspec.structs.replace(make_round(index=i), gpu_durations_ns=durations)
        for i, durations in enumerate([(1_000_000, 2_000_000), (6_000_000,), None])
    ]
    (measurement,) = summarise(rounds)
    assert measurement.gpu_p50_ms == 2.0
    assert measurement.latency is not None
    assert measurement.latency.p50_ms == 11.0  # the host's is another
    assert summarise([make_round()])[0].gpu_p50_ms is None


def test_pytorchs_latency_is_not_compared_with_the_papers_of_onnx_runtime() -> None:
    record = make_round()
    plan = msgspec.structs.replace(record.plan, options=RuntimeOptions(runtime=Runtime.PYTORCH))
    (measurement,) = summarise([msgspec.structs.replace(record, plan=plan)])
    assert measurement.paper_ratio is None
    assert measurement.published is not None


def test_measurements_come_in_the_order_in_which_the_targets_were_given() -> None:
    order = ("efficientmod_xs", "efficientmod_xxs")
    first = [make_round(artifact=timed_artifact(name), targets=order) for name in reversed(order)]
    later = make_round(artifact=timed_artifact("resnet18"), targets=("resnet18",), run_id="20260102T000000-0000")
    assert [m.name for m in summarise([*first, later])] == [*order, "resnet18"]


def test_a_commit_of_effmod_does_not_start_another_measurement() -> None:
    assert (
        len(summarise([make_round(), make_round(machine=msgspec.structs.replace(MACHINE, effmod_commit="abc"))])) == 1
    )


def test_threads_given_and_threads_chosen_are_one_environment() -> None:
    chosen = make_round(index=1)
    chosen = msgspec.structs.replace(chosen, plan=msgspec.structs.replace(chosen.plan, threads=None))
    (measurement,) = summarise([make_round(index=0), chosen])
    assert measurement.threads == 2


def test_a_failed_round_is_a_reason_beside_the_good_ones() -> None:
    (measurement,) = summarise([make_round(), make_round(failure="ended by SIGSEGV", index=1)])
    assert measurement.failures == ("ended by SIGSEGV",)
    assert measurement.latency is not None
    assert measurement.latency.rounds == 1
    (failed,) = summarise([make_round(failure="ended by SIGSEGV")])
    assert failed.latency is None


def test_the_papers_latency_is_compared_with_our_mean() -> None:
    (measurement,) = summarise([make_round([20.4, 20.4])])
    assert measurement.published is not None
    assert measurement.published.cpu_e5_2680_4t_ms == 10.2
    assert measurement.paper_ratio == pytest.approx(2.0)


def test_the_papers_figures_are_not_attached_to_what_they_do_not_belong_to() -> None:
    (own,) = summarise([make_round(artifact=timed_artifact("mine.onnx", form=None))])
    assert own.published is None
    (rewritten,) = summarise([make_round(artifact=timed_artifact(form="channels-first"))])
    assert rewritten.published is None
    (half,) = summarise([make_round(artifact=timed_artifact(form="plain+float16"))])
    assert half.published is None
    (larger,) = summarise([make_round(artifact=timed_artifact(image_size=256))])
    assert larger.published is None
    (batch,) = summarise([make_round(artifact=timed_artifact(batch_size=2))])
    assert batch.paper_ratio is None


def test_doubtful_measurements_are_marked() -> None:
    (crowded,) = summarise([make_round(threads=4)])
    assert crowded.warnings == (StabilityWarning.FEWER_CORES,)
    (uneven,) = summarise([make_round([10.0], index=0), make_round([12.0], index=1)])
    assert uneven.warnings == (StabilityWarning.ROUNDS_DISAGREE,)
    (quiet,) = summarise([make_round([10.0], index=0), make_round([10.5], index=1)])
    assert quiet.warnings == ()


def test_a_measurement_stands_beside_its_own_runs_anchor() -> None:
    candidate = make_comparison_process([1.5, 1.5]).candidate
    rounds = [make_round(), make_round(artifact=candidate)]
    pairs = [make_comparison_process([ratio] * 4, index=i) for i, ratio in enumerate((1.5, 1.6))]
    failed = make_comparison_process(failure="ended by SIGSEGV", index=2)
    elsewhere = make_comparison_process([3.0, 3.0], run_id="20260102T000000-0000")
    anchor, other = summarise(rounds, [*pairs, failed, elsewhere])
    assert anchor.anchored == Anchored(
        anchor=anchor.artifact, plan=pairs[0].plan, runs=0, process_ratios=(), estimate=None
    )
    assert other.anchored
    assert other.anchored.anchor == anchor.artifact
    assert other.anchored.process_ratios == pytest.approx((1.5, 1.6))
    assert other.anchored.estimate
    assert other.anchored.estimate.ratio == pytest.approx((1.5 * 1.6) ** 0.5)
    assert other.failures == ("beside efficientmod_xxs: ended by SIGSEGV",)
    assert [m.anchored for m in summarise(rounds)] == [None, None]


def test_what_the_anchor_is_warned_of_is_none_of_the_others_affair() -> None:
    candidate = make_comparison_process([1.5, 1.5]).candidate
    counted = Subnormals(weights=7)
    rounds = [msgspec.structs.replace(make_round(), subnormals=counted), make_round(artifact=candidate)]
    pair = make_comparison_process([1.5] * 4)
    pair = msgspec.structs.replace(pair, baseline_subnormals=counted, baseline_fed_ns=(1, 1), baseline_other_ns=(9, 9))
    anchor, other = summarise(rounds, [pair])
    assert anchor.warnings == (StabilityWarning.SUBNORMAL_WEIGHTS,)
    assert other.anchored
    assert other.warnings == ()


def beside_one_anchor(
    times: dict[str, tuple[list[float], list[float]]], anchor: str = "efficientmod_xxs"
) -> dict[str, Measurement]:
    """Rows by name: of each network the medians of its rounds, in ms, and its ratios to the anchor, one a process."""
    targets = (anchor, *(name for name in times if name != anchor))
    plan = ComparisonPlan(targets=targets)
    rounds = [
        make_round([ms], artifact=timed_artifact(name), index=i, targets=targets)
        for name, (medians, _) in times.items()
        for i, ms in enumerate(medians)
    ]
    pairs = [
        make_comparison_process([ratio] * 2, plan=plan, target=targets.index(name), index=i)
        for name, (_, ratios) in times.items()
        for i, ratio in enumerate(ratios)
    ]
    return {m.name: m for m in summarise(rounds, pairs)}


NOISY = [10.0, 14.0, 20.0]


def test_of_two_beside_one_anchor_the_ratios_say_whether_they_can_be_told_apart() -> None:
    rows = beside_one_anchor(
        {
            "efficientmod_xxs": (NOISY, []),
            "efficientmod_xs": (NOISY, [1.20, 1.21, 1.22]),
            "efficientmod_s": (NOISY, [1.21, 1.22, 1.23]),
            "deit_tiny": (NOISY, [1.5, 1.51, 1.52]),
        }
    )
    assert [rows[name].indistinct_from for name in rows] == [()] * 4
    found = {name: row.anchored.indistinct_from for name, row in rows.items() if row.anchored}
    assert found == {
        "efficientmod_xxs": (),
        "efficientmod_xs": ("efficientmod_s",),
        "efficientmod_s": ("efficientmod_xs",),
        "deit_tiny": (),
    }


def test_the_anchor_is_a_neighbour_at_exactly_1() -> None:
    rows = beside_one_anchor({"efficientmod_xxs": (NOISY, []), "efficientmod_xs": (NOISY, [0.98, 1.0, 1.03])})
    assert rows["efficientmod_xxs"].anchored
    assert rows["efficientmod_xxs"].anchored.indistinct_from == ("efficientmod_xs",)
    assert rows["efficientmod_xs"].anchor_ratio != rows["efficientmod_xxs"].anchor_ratio == UNCHANGED


def test_what_was_not_timed_beside_the_anchor_is_told_from_its_neighbours_by_medians() -> None:
    rows = beside_one_anchor(
        {
            "efficientmod_xxs": ([10.0, 10.1, 10.2], []),
            "efficientmod_xs": ([12.0, 12.1, 12.2], [1.20, 1.21, 1.22]),
            "resnet18": ([12.1, 12.2, 12.3], []),
            "deit_tiny": ([30.0, 30.1, 30.2], [1.21]),  # one process has no interval
        }
    )
    assert rows["resnet18"].indistinct_from == ("efficientmod_xs",)
    assert rows["efficientmod_xs"].indistinct_from == ("resnet18",)
    assert rows["deit_tiny"].indistinct_from == ()


def test_runs_of_another_warm_up_are_other_measurements_that_are_not_compared() -> None:
    def warmed(warmup_runs: int, run_id: str) -> list[Round]:
        records = [make_round([10.0 + i], index=i, run_id=run_id) for i in range(3)]
        return [
            msgspec.structs.replace(record, plan=msgspec.structs.replace(record.plan, warmup_runs=warmup_runs))
            for record in records
        ]

    runs = [*warmed(50, "a"), *warmed(0, "b"), *warmed(50, "c")]
    assert [(m.warmup_runs, m.run_ids, m.indistinct_from) for m in summarise(runs)] == [
        (50, ("a", "c"), ()),
        (0, ("b",), ()),
    ]


def test_a_measurement_knows_the_seeds_that_ordered_its_rounds() -> None:
    records = [make_round(index=i) for i in range(3)]
    seeded = [
        msgspec.structs.replace(record, plan=msgspec.structs.replace(record.plan, seed=seed))
        for record, seed in zip(records, (7, 8, 7), strict=True)
    ]
    assert [m.seeds for m in summarise(seeded)] == [(7, 8)]


R = TypeVar("R", Round, ComparisonProcess)


@pytest.mark.parametrize(
    "changed",
    [
        {"machine": msgspec.structs.replace(MACHINE, versions={"onnxruntime": "2"})},
        {"threads": 1},
        {"gpu_before": GpuState(**dict.fromkeys(GpuState.__struct_fields__) | {"driver": "590"})},
    ],
)
def test_a_measurement_stands_beside_the_anchor_of_its_own_environment(changed: dict[str, object]) -> None:
    def moved(record: R) -> R:
        return msgspec.structs.replace(record, environment=msgspec.structs.replace(record.environment, **changed))

    candidate = make_comparison_process().candidate
    rounds = [make_round(artifact=candidate), moved(make_round(artifact=candidate, index=1))]
    pairs = [make_comparison_process([1.5] * 4, index=i) for i in range(2)]
    pairs += [moved(make_comparison_process([1.1] * 4, index=i)) for i in (2, 3)]
    before, after = summarise(rounds, pairs)
    assert before.anchored
    assert before.anchored.process_ratios == pytest.approx((1.5, 1.5))
    assert after.anchored
    assert after.anchored.process_ratios == pytest.approx((1.1, 1.1))
    nowhere, _ = summarise(rounds, pairs[2:])
    assert nowhere.anchored is None


@pytest.mark.parametrize(
    ("form", "top1", "has_ratio"),
    [("plain", 76.0, True), ("rewritten", 76.0, False), ("plain+float16", None, False), (None, None, False)],
)
def test_published_accuracy_is_that_of_equal_forms_and_published_latency_of_the_plain_one(
    form: str | None, top1: float | None, has_ratio: bool
) -> None:
    (measurement,) = summarise([make_round(artifact=timed_artifact(form=form))])
    assert (measurement.published.top1 if measurement.published else None) == top1
    assert (measurement.paper_ratio is not None) == has_ratio


@pytest.mark.parametrize(
    ("shape", "dtype", "images"),
    [
        ((4, 3, 8, 8), "float", True),
        ((4, 3, 8, 8), "float16", True),
        ((4, 128), "int64", False),
        ((4, 8), "float", False),
    ],
)
def test_only_what_takes_images_has_a_number_of_them_a_second(shape: tuple[int, ...], dtype: str, images: bool) -> None:
    tensor = InputTensor(name="x", shape=shape, dtype=dtype)
    artifact = msgspec.structs.replace(timed_artifact(), inputs=(tensor,))
    (measurement,) = summarise([make_round([10.0, 10.0], artifact=artifact)])
    assert measurement.images_per_second == (400.0 if images else None)


def test_a_failure_to_make_an_artifact_is_a_row_until_a_later_attempt_makes_it() -> None:
    unmade = msgspec.structs.replace(timed_artifact(), sha256="", form=None, weights=None)
    failed = make_round(artifact=unmade, failure="no operator")
    (row,) = summarise([failed])
    assert (row.latency, row.failures) == (None, ("no operator",))
    later = msgspec.structs.replace(make_round(), attempt=1)
    (row,) = summarise([failed, later, make_round(index=1)])
    assert row.artifact == timed_artifact()
    assert row.latency is not None
    assert (row.latency.rounds, row.failures) == (2, ())
