from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from results import Rate, Roof
from results.report.roofline import roofline
from results.statistics.profile import Profiled, summarise_profiles
from tests.fakes import make_profile

ROOF = Roof(
    threads=1,
    multiply_adds=Rate(per_s=5e10, low=5e10, high=5e10, size_bytes=1 << 20, by="numpy"),
    bytes=(
        Rate(per_s=5e10, low=5e10, high=5e10, size_bytes=1 << 14, by="numpy"),
        Rate(per_s=1e10, low=1e10, high=1e10, size_bytes=1 << 28, by="numpy"),
    ),
)


def profiled(kinds: Sequence[str], macs: Sequence[int], *, roof: Roof | None = ROOF) -> Profiled:
    record = make_profile(
        [[1000, 1000] for _ in kinds],
        modules=["<b>" for _ in kinds],
        kind=kinds,
        macs=macs,
        output_bytes=[1_000_000 for _ in kinds],
    )
    (found,) = summarise_profiles([msgspec.structs.replace(record, roof=roof)])
    assert found is not None
    return found


def traces(found: Profiled) -> dict[str, dict[str, Any]]:
    figure = roofline(found)
    assert figure is not None
    return {trace["name"]: trace for trace in figure.traces}


def test_an_operator_stands_where_it_computes_beneath_the_roof_that_was_measured() -> None:
    shown = traces(profiled(["Conv", "Add", "MatMul"], [20_000_000, 0, 1_000_000]))
    memory, cache, conv, matmul = shown.values()
    assert list(shown)[2:] == ["Conv", "MatMul"]  # what does not multiply is left out
    assert (conv["x"], conv["y"]) == ([40.0], [40.0])  # 40 MFLOP of 1 MB in 1 ms
    assert (matmul["x"], matmul["y"]) == ([2.0], [2.0])
    # The roof rises with 10 and 50 GB/s to 100 GFLOP/s.
    assert memory["x"][1:] == [10.0, 60.0]
    assert memory["y"][1:] == [100.0, 100.0]
    assert cache["y"] == [pytest.approx(50 * cache["x"][0], rel=1e-4), 100.0, 100.0]
    assert "&lt;b&gt;" in conv["hovertext"][0]
    assert "40 % of the roof" in conv["hovertext"][0]


def test_kinds_beyond_the_fifth_stand_together() -> None:
    kinds = [f"K{i}" for i in range(8)]
    shown = traces(profiled(kinds, [1_000_000 * (i + 1) for i in range(8)]))
    assert len(shown) == 2 + 5 + 1
    assert len(shown["others"]["x"]) == 3


def test_without_a_roof_or_without_multiplications_there_is_none() -> None:
    assert roofline(profiled(["Conv"], [1000], roof=None)) is None
    assert roofline(profiled(["Add"], [0])) is None
