import random
from collections.abc import Sequence

import msgspec
import pytest

from results import Profile, Runtime, RuntimeOptions
from results.statistics.estimate import Verdict, quantile
from results.statistics.profile import Profiled, span, summarise_profiles
from results.statistics.profile_difference import (
    BETWEEN,
    WHOLE,
    PartDifference,
    have_common_modules,
    kind_differences,
    module_differences,
    operator_differences,
)
from tests.fakes import make_profile

MODULES = ["stem", "layers.0.blocks.0", "layers.0.blocks.1", "layers.1.blocks.0", "head"]
KINDS = ["Conv", "Conv", "Transpose", "Conv", "Gemm"]


def profiled(records: Sequence[Profile]) -> Profiled:
    (found,) = summarise_profiles(records)
    assert found is not None
    return found


def pair(*, without: int = 2) -> tuple[Profiled, Profiled]:
    """A network, and the same without one operator; their processes took turns on a machine of changing pace."""
    draws = random.Random(3)
    before, after = [], []
    for index in range(5):
        pace = draws.gauss(1000.0, 100.0)
        rows = [[[round(pace * draws.gauss(1.0, 0.01)) for _ in range(8)] for _ in MODULES] for _ in range(2)]
        before.append(make_profile(rows[0], modules=MODULES, kind=KINDS, index=index, gap_us=50))
        kept = [i for i in range(len(MODULES)) if i != without]
        names = [f"op_{i}" for i in kept]
        kinds, modules = [KINDS[i] for i in kept], [MODULES[i] for i in kept]
        taken = [rows[1][i] for i in kept]
        after.append(make_profile(taken, modules=modules, kind=kinds, name=names, index=index, target=1, gap_us=40))
    return profiled(before), profiled(after)


def named(parts: Sequence[PartDifference], name: str) -> PartDifference:
    (found,) = (part for part in parts if part.name == name)
    return found


def test_the_part_that_was_taken_out_makes_the_difference_and_no_other_does() -> None:
    parts = module_differences(*pair(), depth=2)
    verdicts = {(part.path, part.depth): part.verdict for part in parts if part.name not in (WHOLE, BETWEEN)}
    assert verdicts.pop(("layers.0", 1)) is Verdict.FASTER
    assert verdicts.pop(("layers.0.blocks.1", 2)) is Verdict.FASTER
    assert set(verdicts.values()) == {Verdict.NOT_DISTINGUISHABLE}
    gone = next(part for part in parts if part.path == "layers.0.blocks.1")
    assert gone.after_ms == 0
    assert gone.difference.value == pytest.approx(-1.0, rel=0.1)


def test_modules_stand_in_the_order_of_the_network() -> None:
    parts = module_differences(*pair(), depth=1)
    assert [part.name for part in parts] == [WHOLE, "stem", "layers.0", "layers.1", "head", BETWEEN]


def test_the_differences_of_parts_add_up_to_that_of_the_whole() -> None:
    before, after = pair()
    for parts in (
        module_differences(before, after, depth=1),
        kind_differences(before, after),
        operator_differences(before, after),
    ):
        of_parts = [part.difference.value for part in parts if part.depth == 1]
        assert sum(of_parts) == pytest.approx(named(parts, WHOLE).difference.value)
    run = after.run.value - before.run.value
    whole, between = (named(parts, name).difference.value for name in (WHOLE, BETWEEN))
    assert whole + between == pytest.approx(run)
    assert between == pytest.approx(-0.01)


def test_by_kind_it_says_what_the_transposes_cost() -> None:
    parts = kind_differences(*pair())
    assert [part.name for part in parts[:2]] == [WHOLE, "Transpose"]
    assert parts[1].verdict is Verdict.FASTER


def test_of_many_parts_none_is_said_to_differ_by_chance() -> None:
    """Two of the same network, 40 times: an interval of 95 % for each of 30 parts would miss in most of these."""
    draws = random.Random(7)
    names = [f"block{i}" for i in range(30)]
    narrower = quantile(4, 0.05) / quantile(4, 0.05 / 31)  # with what is between operators they are 31
    wrong, alone = 0, 0
    for _ in range(40):
        sides = [
            profiled(
                [
                    make_profile(
                        [[round(draws.gauss(1000, 20))] for _ in names], modules=names, index=index, target=target
                    )
                    for index in range(5)
                ]
            )
            for target in range(2)
        ]
        parts = [part for part in module_differences(*sides, depth=1) if part.depth == 1]
        assert len(parts) == len(names)
        wrong += any(part.verdict is not Verdict.NOT_DISTINGUISHABLE for part in parts)
        alone += any(abs(part.difference.value) > (part.difference.half or 0) * narrower for part in parts)
    assert alone > 20
    assert wrong <= 5  # 2 are what the error allows; more than 5 have a probability of 1 in 70


def test_the_interval_of_the_whole_is_of_95_percent_and_those_of_parts_are_wider_by_their_number() -> None:
    before, after = pair()
    parts = module_differences(before, after, depth=1)
    differences = [b[0] - a[0] for a, b in zip(before.process_ms, after.process_ms, strict=True)]
    alone = span(differences)  # of the stem
    stem = named(parts, "stem").difference
    assert alone.half is not None
    assert stem.value == pytest.approx(alone.value)
    assert stem.half == pytest.approx(alone.half * 4.604 / 2.776, rel=1e-3)  # 5 % and 1 % of four degrees of freedom
    everything = span([sum(b) - sum(a) for a, b in zip(before.process_ms, after.process_ms, strict=True)])
    assert named(parts, WHOLE).difference.half == pytest.approx(everything.half)


def test_pairs_are_of_processes_that_followed_each_other() -> None:
    slow = [make_profile([[100 * (i + 1)]], modules=["a"], index=i) for i in range(4)]
    fast = [make_profile([[100 * (i + 1) - 10]], modules=["a"], index=i, target=1) for i in range(3)]
    (whole, *_) = module_differences(profiled(slow), profiled(fast), depth=1)
    # The pace of the machine is in both of a pair; the fourth has no other.
    assert whole.difference.value == pytest.approx(-0.01)
    assert whole.difference.half == pytest.approx(0.0, abs=1e-9)
    assert whole.before_ms == pytest.approx(0.2)


def test_whether_two_networks_have_modules_in_common() -> None:
    one, other = (profiled([make_profile([[1]], modules=[name])]) for name in ("a.b", "c"))
    assert have_common_modules(one, one)
    assert not have_common_modules(one, other)


def test_one_network_on_two_runtimes_is_laid_on_its_modules_whichever_of_them_each_has_made_one_operator_of() -> None:
    one, other = (profiled([make_profile([[1]], modules=[name])]) for name in ("a.conv", "a.act"))
    assert not have_common_modules(one, other)
    on_another = msgspec.structs.replace(other, options=RuntimeOptions(runtime=Runtime.OPENVINO))
    assert have_common_modules(one, on_another)
    nameless = profiled([make_profile([[1]], modules=[None])])
    assert not have_common_modules(nameless, on_another)


def test_where_one_profiler_tells_means_alone_nothing_is_left_out_of_the_other() -> None:
    records = []
    for index in range(4):
        # One run of eight was held up on either side, for as long: one profiler tells each run, the other their sum.
        taken = [100] * 7 + [900 + index]
        records.append(make_profile([taken], modules=["a"], index=index))
        summed = make_profile([[sum(taken)]], modules=["a"], index=index, target=1)
        records.append(msgspec.structs.replace(summed, runs_each=8))
    before, after = summarise_profiles(records)
    assert before is not None
    assert after is not None
    (whole, *_) = module_differences(before, after, depth=1)
    assert whole.before_ms == whole.after_ms == pytest.approx(0.2, rel=0.01)
    assert whole.verdict is Verdict.NOT_DISTINGUISHABLE
    alone = profiled([record for record in records if record.target == 0])
    assert alone.kernels.value == pytest.approx(0.1)
