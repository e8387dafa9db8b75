import os
import random

import pytest

from effmod_bench.instrument import threads
from effmod_bench.instrument.threads import draw_cores, threads_to_use
from results import BenchPlan, Device


def test_threads_are_the_papers_or_as_many_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, expected in ((1, 1), (2, 2), (4, 4), (64, 4)):
        monkeypatch.setattr(threads, "available_cores", lambda cores=cores: cores)
        assert threads_to_use(BenchPlan()) == expected
        assert threads_to_use(BenchPlan(threads=7)) == 7


def test_core_ml_chooses_its_threads_itself() -> None:
    assert threads_to_use(BenchPlan(device=Device.COREML)) is None


def test_each_physical_core_gives_one_thread_before_any_gives_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(threads, "physical_cores", lambda _: [[0, 2], [1, 3]])
    drawn = [draw_cores(random.Random(seed), 2) or () for seed in range(50)]
    assert {tuple(sorted(core % 2 for core in cores)) for cores in drawn} == {(0, 1)}
    assert {core for cores in drawn for core in cores} == {0, 1, 2, 3}
    assert draw_cores(random.Random(0), 9) == (0, 1, 2, 3)


def test_where_no_process_can_be_bound_none_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert draw_cores(random.Random(0), 2) is None
