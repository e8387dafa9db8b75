import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.instrument import rounds
from effmod_bench.instrument.process.messages import Job, Timed
from effmod_bench.runs.plan import RunPlan
from results import Outcome, Round, Store
from tests.fakes import session_facts, write_onnx

FILES = ("a.onnx", "b.onnx", "c.onnx")
SPLIT = ("--runs", "40", "--rounds", "4", "--threads", "1")


@pytest.fixture(autouse=True)
def rounds_of_40_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round takes so long, on a clock that nothing else moves."""
    for kind, name in zip(("Relu", "Abs", "Neg"), FILES, strict=True):
        write_onnx(Path(name), operator=kind)
    now_s = 0.0

    def run_job(job: Job, **_: Callable[..., Any]) -> Timed:
        nonlocal now_s
        now_s += 40
        return Timed(
            session=session_facts(1),
            load_ns=1,
            first_inference_ns=1,
            durations_ns=(1_000_000,) * job.runs,
            peak_memory_bytes=1,
        )

    monkeypatch.setattr(rounds, "run_job", run_job)
    monkeypatch.setattr(rounds, "monotonic_s", lambda: now_s)


def bench(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["bench", *arguments, "--store", "records"])


def finished() -> list[tuple[str, int, int, Outcome]]:
    records = Store(Path("records")).read_kind(Round)
    return sorted((each.artifact.name, each.index, each.attempt, each.outcome) for each in records)


def test_no_round_begins_when_time_is_up_and_that_is_no_failure_where_each_target_has_one() -> None:
    done = bench(*FILES, *SPLIT, "--max-time", "90s")
    assert done.exit_code == 0, done.output
    assert finished() == [(name, 0, 0, Outcome.OK) for name in FILES]
    assert "time was up: 9 rounds did not begin" in done.stderr
    (run,) = Store(Path("records")).read_kind(RunPlan)
    assert f"what did not begin: effmod bench --resume {run.id}" in done.stderr


def test_a_target_that_had_no_time_is_a_row_that_says_so() -> None:
    done = bench(*FILES, *SPLIT, "--max-time", "1m", "--output-format", "csv")
    assert done.exit_code == 1, done.output
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(done.stdout))}
    assert rows.keys() == set(FILES)
    without = [name for name, row in rows.items() if row["failures"]]
    assert [rows[name]["failures"] for name in without] == ["time was up"]
    assert all(rows[name]["p50_ms"] for name in rows.keys() - set(without))
    assert "time was up: 10 rounds did not begin" in done.stderr


def test_a_resumed_run_has_the_time_again_and_does_what_did_not_begin() -> None:
    assert bench(*FILES, *SPLIT, "--max-time", "2m").exit_code == 0
    assert len(finished()) == 3
    for count, code in ((6, 0), (9, 0), (12, 0)):
        done = bench("--resume")
        assert done.exit_code == code, done.output
        assert len(finished()) == count
    assert "time was up" not in done.stderr
    assert "it is complete" in bench("--resume").stderr


def test_a_round_for_which_there_was_no_time_is_made_when_it_is_resumed() -> None:
    assert bench("a.onnx", "b.onnx", *SPLIT, "--max-time", "40s").exit_code == 1
    ((late, *_),) = [each for each in finished() if each[3] is Outcome.FAILED]
    assert bench("--resume").exit_code == 0
    assert [each for each in finished() if each[0] == late] == [(late, 0, 0, Outcome.FAILED), (late, 0, 1, Outcome.OK)]


def test_a_dry_run_says_what_the_rounds_are_given() -> None:
    done = bench(*FILES, *SPLIT, "--max-time", "90s", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "of which the rounds are given 90 s" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--max-time", "5m", "--anchor", "b.onnx"), "--max-time goes with --until"),
        (("--max-time", "5"), "'5' is no duration; write it as 90s"),
        (("--until", "1%", "--max-time", "5m"), "--until is for the ratios to an anchor"),
    ],
)
def test_a_limit_that_means_nothing_is_refused(arguments: tuple[str, ...], said: str) -> None:
    done = bench("a.onnx", *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert not Path("records").exists() or finished() == []
