import os
import random

import pytest

from effmod_bench.instrument import threads
from effmod_bench.instrument.threads import draw_cores, own_cores, threads_to_use
from results import BenchPlan, Device


@pytest.mark.parametrize(
    ("cores", "quota", "expected"),
    [
        *[(cores, None, expected) for cores, expected in ((1, 1), (2, 2), (4, 4), (64, 4))],
        *[(8, quota, expected) for quota, expected in ((0.5, 1), (1.0, 1), (1.5, 2), (2.0, 2), (3.01, 4), (6.0, 4))],
        (2, 3.5, 2),
    ],
)
def test_threads_are_the_papers_or_as_many_as_there_are_cores_or_a_container_lets_run(
    cores: int, quota: float | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "available_cores", lambda: cores)
    monkeypatch.setattr(threads, "cpu_quota", lambda: quota)
    assert threads_to_use(BenchPlan()) == expected
    assert threads_to_use(BenchPlan(threads=7)) == 7


def test_core_ml_chooses_its_threads_itself() -> None:
    assert threads_to_use(BenchPlan(device=Device.COREML)) is None


def test_each_physical_core_gives_one_thread_before_any_gives_two() -> None:
    physical = [[0, 2], [1, 3]]
    drawn = [draw_cores(random.Random(seed), 2, physical) or () for seed in range(50)]
    assert {tuple(sorted(core % 2 for core in cores)) for cores in drawn} == {(0, 1)}
    assert {core for cores in drawn for core in cores} == {0, 1, 2, 3}
    assert draw_cores(random.Random(0), 9, physical) == (0, 1, 2, 3)


def test_where_no_process_can_be_bound_none_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert draw_cores(random.Random(0), 2, own_cores()) is None
