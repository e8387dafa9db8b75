from collections.abc import Callable, Sequence

import pytest

from effmod_bench.instrument.machine import subnormal
from effmod_bench.instrument.machine.subnormal import subnormal_cost
from exporters.artifact.subnormals import count


def test_the_cost_is_the_quotient_of_the_shortest_times_of_two_kinds_of_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each second call is a product; every other one of these is of subnormal numbers, and takes three times as
    long.
    """
    subnormals: list[int] = []

    def time_in_turn(calls: Sequence[Callable[[], object]]) -> list[int]:
        durations = []
        for number, call in enumerate(calls):
            products = call()
            subnormals.append(0 if products is None else count(products))  # type: ignore[arg-type]
            durations.append({1: 100, 3: 300}.get(number % 4, 5) + number // 4)
        return durations

    monkeypatch.setattr(subnormal, "time_in_turn", time_in_turn)
    assert subnormal_cost() == 3
    assert set(subnormals[1::4]) == {0}
    assert set(subnormals[3::4]) == {subnormal._NUMBERS}
