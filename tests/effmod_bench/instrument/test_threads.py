import pytest

from effmod_bench.instrument import threads
from effmod_bench.instrument.threads import threads_to_use
from results import BenchPlan


def test_threads_are_the_papers_or_as_many_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, expected in ((1, 1), (2, 2), (4, 4), (64, 4)):
        monkeypatch.setattr(threads, "available_cores", lambda cores=cores: cores)
        assert threads_to_use(BenchPlan()) == expected
        assert threads_to_use(BenchPlan(threads=7)) == 7
