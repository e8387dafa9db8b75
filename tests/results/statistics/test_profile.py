import random
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import msgspec
import pytest

from results import Joined, Profile, Rate, Roof, Runtime
from results.statistics.profile import (
    DEPTHWISE,
    FUNCTION,
    LAYOUT,
    MEMORY,
    START_UP,
    UNEXPLAINED,
    WIDTH,
    Profiled,
    cause_of,
    part,
    summarise_profiles,
    undisturbed,
)
from tests.fakes import make_profile

ROOF = Roof(
    threads=1,
    multiply_adds=Rate(per_s=1e10, low=9e9, high=1.1e10, size_bytes=1 << 20, by="onnxruntime"),
    bytes=(
        Rate(per_s=4e10, low=4e10, high=4e10, size_bytes=1 << 14, by="numpy"),
        Rate(per_s=1e10, low=1e10, high=1e10, size_bytes=1 << 28, by="numpy"),
    ),
)


def summary(records: Sequence[Profile]) -> Profiled:
    (profiled,) = summarise_profiles(records)
    assert profiled is not None
    return profiled


def shares(profiled: Profiled, module: str) -> tuple[float, float, float]:
    """Of a module, with its interval."""
    inside = [i for i, each in enumerate(profiled.operators) if (each.module or "").startswith(module)]
    share = part(profiled, inside, name=module, path=module).share
    assert share.low is not None
    assert share.high is not None
    return share.value, share.low, share.high


def five_blocks(draws: random.Random, *, slow: int | None = None) -> list[Profile]:
    """Processes of five blocks of one length, the first two in `a`, on a machine that does other things, too."""
    modules = ["a.0", "a.1", "b.0", "b.1", "b.2"]
    records = []
    for index in range(5):
        pace = draws.gauss(1.0, 0.1)  # of the whole process
        blocks = [pace * draws.gauss(1.0, 0.01) * (2 if block == slow else 1) for block in range(5)]
        kernels = [[round(2000 * each * draws.gauss(1.0, 0.03)) for _ in range(30)] for each in blocks]
        for run in draws.sample(range(30), 5):  # something else on the machine met these
            kernels[draws.randrange(5)][run] *= 4
        records.append(make_profile(kernels, modules=modules, index=index, gap_us=100))
    return records


def test_two_of_five_blocks_have_two_fifths_of_the_time_in_twenty_trials() -> None:
    found = [shares(summary(five_blocks(random.Random(trial))), "a") for trial in range(20)]
    assert all(abs(share - 0.4) < 0.02 for share, _, _ in found)
    assert sum(low <= 0.4 <= high for _, low, high in found) >= 17


def test_a_block_of_twice_the_length_moves_itself_alone() -> None:
    before, after = (summary(five_blocks(random.Random(7), slow=slow)) for slow in (None, 2))
    for i in range(5):
        took, takes = (part(each, [i], name="", path="").ms.value for each in (before, after))
        assert takes / took == pytest.approx(2.0 if i == 2 else 1.0, rel=0.05)


def test_operators_and_what_is_between_them_add_up_to_the_run() -> None:
    profiled = summary(five_blocks(random.Random(1)))
    assert profiled.kernels.value + profiled.gaps.value == pytest.approx(profiled.run.value)
    assert profiled.gaps.value == pytest.approx(0.1)
    whole = part(profiled, range(5), name="", path="")
    assert whole.ms.value == pytest.approx(profiled.kernels.value)
    assert whole.share.value == pytest.approx(1.0)
    assert sum(part(profiled, [i], name="", path="").ms.value for i in range(5)) == pytest.approx(whole.ms.value)


def shared_core(draws: random.Random, index: int) -> Profile:
    """A process of five blocks of a millisecond on a core that another program has half of, ten milliseconds a time."""
    kernels = [[round(1000 * draws.gauss(1.0, 0.03)) for _ in range(30)] for _ in range(5)]
    for run in range(30):
        for block in range(5):
            if draws.random() < 0.1:  # so that in a run as a whole it is mostly one block or other
                kernels[block][run] += 10_000
    return make_profile(kernels, modules=["a.0", "a.1", "b.0", "b.1", "b.2"], index=index)


def test_shares_hold_on_a_core_that_is_shared() -> None:
    draws = random.Random(0)
    trials = [summary([shared_core(draws, index) for index in range(5)]) for _ in range(20)]
    found = [shares(profiled, "a") for profiled in trials]
    assert all(abs(share - 0.4) < 0.005 for share, _, _ in found)
    assert sum(low <= 0.4 <= high for _, low, high in found) >= 17
    assert all(0.06 < profiled.left_out < 0.14 for profiled in trials)


def test_what_is_told_is_within_2_percent_of_the_runtimes_own_total() -> None:
    draws = random.Random(1)
    for _ in range(20):
        records = five_blocks(draws)
        whole = (
            fmean(fmean(undisturbed(record.run_us)) for record in records) / 1e3
        )  # without the runs that were held up
        told = summary(records)
        assert told.kernels.value + told.gaps.value == pytest.approx(whole, rel=0.02)
        shared = summary([shared_core(draws, index) for index in range(5)])
        assert shared.kernels.value + shared.gaps.value == pytest.approx(5.0, rel=0.02)  # most runs were held up there


def test_memory_that_the_system_gives_anew_is_the_runtimes_own_time() -> None:
    """As PyTorch's results meet it, in other operators each time: 250 pages of 1.5 us."""
    draws = random.Random(2)
    for _ in range(20):
        kernels = [[round(100 * draws.gauss(1.0, 0.03)) for _ in range(30)] for _ in range(20)]
        for kernel in kernels:
            for run in draws.sample(range(30), 10):
                kernel[run] += 375
        whole_ms = fmean(map(sum, zip(*kernels, strict=True))) / 1e3
        kernels[0][draws.randrange(30)] += 10_000  # this was another program
        sizes = [500_000] * len(kernels)
        maps: dict[str, Any] = {"input_bytes": sizes, "output_bytes": sizes}
        weights: dict[str, Any] = {"weight_bytes": sizes}  # which stay where they are
        told, *others = (
            summary([make_profile(kernels, modules=["a"] * 20, gap_us=100, runtime=runtime, **facts)])
            for runtime, facts in ((Runtime.PYTORCH, maps), (Runtime.PYTORCH, weights), (Runtime.ONNXRUNTIME, maps))
        )
        assert told.kernels.value == pytest.approx(whole_ms, rel=0.02)
        assert told.left_out == pytest.approx(1 / 600)
        assert all(other.left_out > 0.3 for other in others)


def test_of_a_runtime_that_keeps_its_memory_what_held_a_large_operator_up_is_left_out() -> None:
    kernel = [1000] * 24 + [4000] * 6
    told = summary([make_profile([kernel], modules=["a"], input_bytes=[4_000_000], output_bytes=[4_000_000])])
    assert told.kernels.value == pytest.approx(1.0)
    assert told.left_out == pytest.approx(0.2)


def test_a_duration_that_something_else_has_made_long_is_left_out_of_its_operator_alone() -> None:
    profiled = summary([make_profile([[10, 1000, 11, 12], [5, 5, 5, 5]], modules=["a", "b"], gap_us=2)])
    assert profiled.process_ms[0] == pytest.approx((0.011, 0.005))
    assert profiled.run.value == pytest.approx(0.018)
    assert profiled.run.low is None  # one process has no interval
    assert profiled.left_out == pytest.approx(1 / 8)


def test_what_is_between_operators_that_overlap_is_kept_though_it_is_less_than_nothing() -> None:
    assert undisturbed([-100]) == [-100]
    assert undisturbed([-100, -90, 50]) == [-100]


def test_a_sum_over_runs_is_of_that_many() -> None:
    record = msgspec.structs.replace(make_profile([[300], [600]], modules=["a", "b"], gap_us=30), runs_each=30)
    profiled = summary([record])
    assert profiled.process_ms[0] == pytest.approx((0.01, 0.02))
    assert profiled.gaps.value == pytest.approx(0.001)


def test_what_the_profiler_costs_is_a_ratio_over_processes() -> None:
    profiled = summary([make_profile([[10, 20]], modules=["a"], index=index) for index in range(3)])
    assert profiled.cost is not None
    assert profiled.cost.ratio == pytest.approx(1.1)


def test_operators_are_matched_by_name_whatever_their_order() -> None:
    first = make_profile([[1], [20]], modules=["a", "b"], name=["x", "y"])
    second = make_profile([[20], [1]], modules=["b", "a"], name=["y", "x"], index=1)
    profiled = summary([first, second])
    assert sorted(zip((each.name for each in profiled.operators), profiled.process_ms[0], strict=True)) == [
        ("x", 0.001),
        ("y", 0.02),
    ]
    assert profiled.process_ms[0] == profiled.process_ms[1]


def test_a_failed_process_is_said_and_no_part_of_the_sum() -> None:
    fine, failed = make_profile([[10]], modules=["a"]), make_profile([], modules=[], index=1, failure="cut short")
    profiled = summary([fine, failed])
    assert profiled.failures == ("cut short",)
    assert profiled.run.value == pytest.approx(0.01)
    assert summarise_profiles([failed]) == [None]


def test_what_was_told_by_neighbours_alone_is_known() -> None:
    joined = [Joined.NEIGHBOURS, Joined.VALUE, None]
    profiled = summary([make_profile([[10], [20], [70]], modules=["a", "b", None], joined=joined)])
    assert profiled.attributed == pytest.approx(0.3)
    assert profiled.guessed == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("facts", "ms", "cause"),
    [
        ({"kind": "ReorderInput"}, 1.0, LAYOUT),
        ({"kind": "Transpose"}, 1.0, LAYOUT),
        ({"kind": "Reorder"}, 1.0, LAYOUT),  # OpenVINO's
        ({"kind": "contiguous"}, 1.0, LAYOUT),  # PyTorch's
        ({"unaligned": True}, 1.0, WIDTH),
        ({"macs": 1000}, 0.005, START_UP),
        ({"kind": "Add", "output_bytes": 10**9}, 110.0, MEMORY),
        ({"macs": 10**9}, 110.0, None),  # as fast as it goes
        ({"macs": 10**9}, 1000.0, UNEXPLAINED),
        ({"macs": 10**9, "depthwise": True}, 1000.0, DEPTHWISE),
        ({"kind": "Gelu", "output_bytes": 1000}, 1000.0, FUNCTION),
        ({"kind": "layer_norm", "output_bytes": 1000}, 1000.0, FUNCTION),
        ({"kind": "Relu", "output_bytes": 1000}, 1000.0, UNEXPLAINED),
        ({"kind": "Expand", "output_bytes": 1000}, 1000.0, UNEXPLAINED),
    ],
)
def test_a_cause_is_named(facts: dict[str, Any], ms: float, cause: str | None) -> None:
    given: dict[str, Any] = {name: [value] for name, value in facts.items()}
    record = make_profile([[1]], modules=["a"], **given)
    assert cause_of(record.operators[0], ms, ROOF) == cause


def test_without_a_roof_what_it_would_tell_is_not_told() -> None:
    operator = make_profile([[1]], modules=["a"], macs=[1]).operators[0]
    assert cause_of(operator, 1000.0, None) is None
    profiled = summary([make_profile([[10]], modules=["a"], macs=[10**6])])
    whole = part(profiled, [0], name="", path="")
    assert whole.of_roof is None
    assert whole.gflops == pytest.approx(2 * 1e6 / 1e-5 / 1e9)
