import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.instrument import place, rounds
from effmod_bench.instrument.process.messages import Job, PairJob, PairTimed, Timed
from effmod_bench.runs.plan import RunPlan
from results import Outcome, Round, Store
from tests.effmod_bench.support import effmod, timed_alone, timed_in_turn
from tests.fakes import write_onnx

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
        return timed_alone(job)

    monkeypatch.setattr(place, "run_job", run_job)
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


def test_rounds_missing_at_a_place_that_is_lost_are_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench("a.onnx", *SPLIT, "--max-time", "40s").exit_code == 0
    monkeypatch.setattr(place.Here, "lost", "it cannot be reached")
    done = bench("--resume")
    assert (done.exit_code, finished()) == (1, [("a.onnx", 0, 0, Outcome.OK)])
    assert "what is missing or failed, again: effmod bench --resume" in done.stderr


def test_a_gate_is_not_judged_by_what_a_lost_place_had_before(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = 0

    def run_job(job: PairJob, **_: Any) -> PairTimed:
        nonlocal begun
        begun += 1
        if begun == 4:
            raise KeyboardInterrupt
        return timed_in_turn(job, 1.0)

    monkeypatch.setattr(place, "run_job", run_job)
    compared = ("compare", "a.onnx", "b.onnx", "--processes", "5", "--threads", "1", "--fail-if-slower", "50%")
    assert effmod(*compared, "--store", "records").exit_code == 130
    monkeypatch.setattr(place.Here, "lost", "it cannot be reached")
    done = effmod("compare", "--resume", "--store", "records")
    assert (done.exit_code, begun) == (4, 4)
    assert "cannot be judged: it is lost, and 2 processes did not begin" in " ".join(done.stderr.split())


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


SWEPT = ("--runs", "40", "--rounds", "2", "--threads", "2,1")


def by_threads() -> list[tuple[str, int | None, int]]:
    records = Store(Path("records")).read_kind(Round)
    return sorted((each.artifact.name, each.plan.threads, each.index) for each in records)


def test_numbers_of_threads_are_a_row_each_and_a_resumed_run_measures_none_twice() -> None:
    assert bench("a.onnx", "b.onnx", *SWEPT, "--max-time", "4m").exit_code == 0
    assert len(by_threads()) == 6
    done = bench("--resume")
    assert done.exit_code == 0
    assert "2 of 8 rounds to do" in done.stderr
    assert by_threads() == [(name, threads, i) for name in ("a.onnx", "b.onnx") for threads in (1, 2) for i in (0, 1)]
    shown = CliRunner().invoke(app, ["show", "records", "--output-format", "csv"])
    rows = [(row["name"], row["threads"], row["rounds"]) for row in csv.DictReader(io.StringIO(shown.stdout))]
    assert rows == [(name, threads, "2") for name in ("a.onnx", "b.onnx") for threads in ("1", "2")]
    assert "it is complete" in bench("--resume").stderr


def test_a_run_of_before_threads_could_be_swept_goes_on() -> None:
    assert bench("a.onnx", *SPLIT, "--max-time", "90s").exit_code == 0
    (stored,) = (path for path in Path("records").iterdir() if "a.onnx" not in path.name)
    content = json.loads(stored.read_bytes())
    assert content.pop("threads") == []
    stored.write_text(json.dumps(content))
    assert bench("--resume").exit_code == 0
    assert finished() == [("a.onnx", i, 0, Outcome.OK) for i in range(4)]


def test_numbers_of_threads_and_batch_sizes_are_swept_together(tmp_path: Path) -> None:
    write_onnx(tmp_path / "open.onnx", shape=("n", 3, 8, 8))
    done = bench("open.onnx", "--runs", "1", "--rounds", "1", "--threads", "1,2", "--batch-size", "1,4")
    assert done.exit_code == 0, done.output
    records = Store(Path("records")).read_kind(Round)
    assert sorted((each.artifact.batch_size, each.plan.threads or 0) for each in records) == [
        (1, 1),
        (1, 2),
        (4, 1),
        (4, 2),
    ]


def test_an_anchor_is_for_one_number_of_threads() -> None:
    done = bench("a.onnx", "b.onnx", *SWEPT, "--anchor", "b.onnx")
    assert done.exit_code == 2
    assert "one number of --threads" in " ".join(done.stderr.split())
