"""What tests of several rooms need: the command in this process, and what stands in for a comparison's processes."""

from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from effmod_bench.cli import app
from effmod_bench.instrument import watch
from effmod_bench.instrument.process.messages import Broken, PairJob, PairTimed
from results import Conditions
from tests.fakes import session_facts


def timed_in_turn(job: PairJob, ratio: float = 1.0) -> PairTimed:
    runs = job.order.count("A")
    return PairTimed(
        sessions={"A": session_facts(), "B": session_facts()},
        durations_ns={"A": (1_000_000,) * runs, "B": (round(1e6 * ratio),) * runs},
    )


PairAnswer = Callable[[PairJob], PairTimed | Broken]


def noisy(sizes: Iterator[float]) -> PairAnswer:
    return lambda job: timed_in_turn(job, 1.0 + next(sizes))


def each_takes(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "conditions_since", lambda _: Conditions(elapsed_s=seconds))


def effmod(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})
