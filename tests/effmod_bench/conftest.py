import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.instrument import place
from effmod_bench.instrument.process.messages import Broken, PairJob, PairTimed, Warm
from effmod_bench.isolation import apart, limit
from tests.effmod_bench.support import EFFMOD, PairAnswer, Run
from tests.fakes import FakeWorkProcess


@pytest.fixture(autouse=True)
def _work_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a test is of that: `tests/effmod_bench/isolation`."""
    monkeypatch.setattr(apart, "WorkProcess", FakeWorkProcess)
    monkeypatch.setattr(apart._State, "process", None)
    monkeypatch.setattr(limit._Limit, "seconds", limit.TIMEOUT_S)
    monkeypatch.setattr(limit._Limit, "advice", "")


@pytest.fixture
def limits() -> list[float | None]:
    """What each process was allowed to take."""
    return []


@pytest.fixture
def answer_pairs_with(monkeypatch: pytest.MonkeyPatch, limits: list[float | None]) -> Callable[[PairAnswer], None]:
    """Let a function stand in for the worker process of a comparison."""

    def use(answer: PairAnswer) -> None:
        def run_job(
            job: PairJob, *, on_warm: Callable[[Warm], None], tick: Callable[[float], None], timeout_s: float | None
        ) -> PairTimed | Broken:
            limits.append(timeout_s)
            on_warm(Warm(expected_ns=1_000_000))
            tick(0.1)
            return answer(job)

        monkeypatch.setattr(place, "run_job", run_job)

    return use


@pytest.fixture
def effmod_process(tmp_path: Path) -> Run:
    """The command in a process of its own, where something is really timed or the process is what is tested."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {"COLUMNS": "200", "NO_COLOR": "1"}
        return subprocess.run([EFFMOD, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment)

    return run


@pytest.fixture
def quickly() -> Run:
    """The command in this process, where none is to be timed: starting one takes a second, importing torch three."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        done = CliRunner().invoke(app, arguments, prog_name="effmod", env={"COLUMNS": "200", "NO_COLOR": "1"})
        assert isinstance(done.exception, SystemExit | None), repr(done.exception)
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run
