"""What tests of several rooms need: the command, a store, and what stands in for a comparison's processes."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from effmod_bench.cli import app
from effmod_bench.instrument import watch
from effmod_bench.instrument.process.messages import Broken, Job, PairJob, PairTimed, Timed
from results import Conditions, Store
from tests.fakes import make_round, session_facts

EFFMOD = Path(sys.executable).with_name("effmod")
Run = Callable[..., "subprocess.CompletedProcess[str]"]
PairAnswer = Callable[[PairJob], PairTimed | Broken]


def effmod(*arguments: str) -> Result:
    """The command in this process: starting one of its own takes a second, importing torch three."""
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})


def store_with(path: Path, *rounds: object) -> Path:
    """A store of these records, or of one round."""
    store = Store(path)
    store.check_writable()
    for record in rounds or (make_round(),):
        store.write(record)  # type: ignore[arg-type]
    return path


def timed_alone(job: Job) -> Timed:
    """Each run takes 1 ms."""
    return Timed(
        session=session_facts(1),
        load_ns=1,
        first_inference_ns=1,
        durations_ns=(1_000_000,) * job.runs,
        peak_memory_bytes=1,
    )


def timed_in_turn(job: PairJob, ratio: float = 1.0) -> PairTimed:
    """The candidate takes so many times the baseline's 1 ms."""
    runs = job.order.count("A")
    return PairTimed(
        sessions={"A": session_facts(), "B": session_facts()},
        durations_ns={"A": (1_000_000,) * runs, "B": (round(1e6 * ratio),) * runs},
    )


def noisy(sizes: Iterator[float]) -> PairAnswer:
    """Each process finds the two as far apart as the next of these says."""
    return lambda job: timed_in_turn(job, 1.0 + next(sizes))


def each_takes(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "conditions_since", lambda _: Conditions(elapsed_s=seconds))
