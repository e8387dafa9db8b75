from collections.abc import Callable

import pytest

from effmod_bench.instrument import pairs as pair_runner
from effmod_bench.instrument.process.messages import Broken, PairJob, PairTimed, Warm
from tests.effmod_bench.support import PairAnswer


@pytest.fixture
def limits() -> list[float | None]:
    """What each process was allowed to take."""
    return []


@pytest.fixture
def answer_pairs_with(monkeypatch: pytest.MonkeyPatch, limits: list[float | None]) -> Callable[[PairAnswer], None]:
    """Let a function stand in for the worker process."""

    def use(answer: PairAnswer) -> None:
        def run_job(
            job: PairJob, *, on_warm: Callable[[Warm], None], tick: Callable[[float], None], timeout_s: float | None
        ) -> PairTimed | Broken:
            limits.append(timeout_s)
            on_warm(Warm(expected_ns=1_000_000))
            tick(0.1)
            return answer(job)

        monkeypatch.setattr(pair_runner, "run_job", run_job)

    return use
