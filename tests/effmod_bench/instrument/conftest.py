from collections.abc import Callable
from pathlib import Path

import pytest

from effmod_bench.instrument import place
from effmod_bench.instrument.process.messages import Broken, Job, Timed, Warm
from results import Store
from tests.effmod_bench.instrument.support import Answer


@pytest.fixture
def answer_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """Let a function stand in for the worker process."""

    def use(answer: Answer) -> None:
        def run_job(
            job: Job, *, on_warm: Callable[[Warm], None], tick: Callable[[float], None], timeout_s: float | None
        ) -> Timed | Broken:
            assert timeout_s is None
            on_warm(Warm(expected_ns=1_000_000))
            tick(0.1)
            return answer(job)

        monkeypatch.setattr(place, "run_job", run_job)

    return use


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "records")
    store.check_writable()
    return store
