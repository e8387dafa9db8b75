"""What the tests of `effmod tune` have in common."""

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from effmod_bench.cli import app
from effmod_bench.instrument import place
from effmod_bench.instrument.process.messages import Broken, PairJob, PairTimed
from results.statistics.tuning import Decision, TuningReport
from tests.fakes import session_facts, write_onnx

Time = Callable[[PairJob], float | Broken]


def let_take(monkeypatch: pytest.MonkeyPatch, started: list[PairJob], ratio: Time) -> None:
    noise = random.Random(0)

    def run_job(job: PairJob, **_: object) -> PairTimed | Broken:
        started.append(job)
        found = ratio(job)
        if isinstance(found, Broken):
            return found
        runs = job.order.count("A")
        ns = round(1e6 * found * noise.lognormvariate(0, 0.001))
        return PairTimed(
            sessions={"A": session_facts(), "B": session_facts()},
            durations_ns={"A": (1_000_000,) * runs, "B": (ns,) * runs},
            relative_error=0.0,
        )

    monkeypatch.setattr(place, "run_job", run_job)


def relu(path: Path, times: int) -> Callable[[], Path]:
    """ReLU again and again: another file, of the same function."""
    return lambda: write_onnx(path, nodes=times)


def tune(*arguments: str, runtime: str = "onnxruntime") -> Result:
    asked = ["tune", "net.onnx", "--threads", "1", "--output", "out", "--runtime", runtime, *arguments]
    return CliRunner().invoke(app, asked)


def report(name: str) -> TuningReport:
    return msgspec.json.decode(Path("out", f"{name}.tuning.json").read_bytes(), type=TuningReport)


def decisions(name: str) -> dict[str, tuple[Decision, str]]:
    return {trial.name: (trial.decision, trial.reason) for trial in report(name).trials}
