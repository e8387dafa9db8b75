import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import Result

from effmod_bench.runs.plan import RunPlan
from results import ComparisonProcess, Outcome, Round, RuntimeOptions, Store
from tests.effmod_bench.commands.support import Workers, bench
from tests.effmod_bench.support import effmod
from tests.fakes import write_onnx


def test_every_row_has_its_ratio_to_the_anchor_beside_its_milliseconds(workers: Workers) -> None:
    done = bench("a.onnx", "b.onnx", "c.onnx", "--anchor", "a.onnx", "--output-format", "json")
    assert done.exit_code == 0, done.output
    a, b, c = json.loads(done.stdout)
    assert a["anchored"]["estimate"] is None  # it is the anchor
    assert b["anchored"]["estimate"]["ratio"] == pytest.approx(1.5, abs=0.01)
    assert c["anchored"]["estimate"]["ratio"] == pytest.approx(2.0, abs=0.01)
    assert b["anchored"]["anchor"]["sha256"] == a["artifact"]["sha256"]
    assert Counter(workers.pairs) == {"b.onnx": 3, "c.onnx": 3}


def test_the_anchor_is_timed_as_its_targets_are(workers: Workers) -> None:
    done = bench("a.onnx", "b.onnx", "--anchor", "a.onnx", "--no-spinning", "--output-format", "json")
    assert done.exit_code == 0, done.output
    (record, *_) = Store(Path("effmod-results")).read_kind(ComparisonProcess)
    assert record.plan.options == RuntimeOptions(allow_spinning=False)
    assert workers.pairs == ["b.onnx"] * 3
    _, b = json.loads(done.stdout)
    assert b["options"]["allow_spinning"] is False
    assert b["anchored"]["estimate"]["ratio"] == pytest.approx(1.5, rel=0.01)


def test_a_bench_names_its_run_where_the_store_holds_others_and_show_prints_its_table(workers: Workers) -> None:
    def again(done: Result) -> list[str]:
        return done.stderr.splitlines()[-1].partition("the table again: effmod ")[2].split()

    first = bench("b.onnx", "--anchor", "a.onnx")
    assert again(first) == ["show", "effmod-results"]
    assert effmod(*again(first)).stdout == first.stdout
    workers.slow_down = 2.0
    second = bench("b.onnx", "--anchor", "a.onnx")
    assert again(second)[:3] == ["show", "effmod-results", "--run"]
    assert effmod(*again(second)).stdout == second.stdout
    assert effmod("show", "effmod-results").stdout != second.stdout


def test_a_run_goes_on_with_the_pairs_that_are_missing_or_failed(workers: Workers) -> None:
    workers.fails = lambda name: name == "c.onnx" and len(workers.pairs) < 3
    done = bench("b.onnx", "c.onnx", "--anchor", "a.onnx")
    failed = sum(
        record.outcome is Outcome.FAILED for record in Store(Path("effmod-results")).read_kind(ComparisonProcess)
    )
    assert failed >= 1
    assert done.exit_code == 1
    assert "beside a.onnx: ended by SIGSEGV" in done.stdout
    workers.pairs.clear()
    workers.fails = lambda _: False
    again = effmod("bench", "--resume")
    assert again.exit_code == 0, again.output
    assert workers.pairs == ["c.onnx"] * failed
    assert "beside a.onnx to do" in again.stderr
    assert "SIGSEGV" not in again.stdout
    assert "nothing is left to do" in effmod("bench", "--resume").stderr


def test_another_anchors_file_is_not_gone_on_with(workers: Workers, tmp_path: Path) -> None:
    workers.fails = lambda _: True
    bench("b.onnx", "--anchor", "a.onnx")
    write_onnx(tmp_path / "a.onnx", nodes=9)
    done = effmod("bench", "--resume")
    assert done.exit_code == 2
    assert "a.onnx is not what run" in " ".join(done.stderr.split())


def test_an_interruption_among_the_pairs_keeps_what_is_finished(workers: Workers) -> None:
    def interrupt(_: str) -> bool:
        if len(workers.pairs) == 2:
            raise KeyboardInterrupt
        return False

    workers.fails = interrupt
    done = bench("b.onnx", "c.onnx", "--anchor", "a.onnx")
    assert done.exit_code == 130
    assert "b.onnx" in done.stdout
    store = Store(Path("effmod-results"))
    assert (len(store.read_kind(Round)), len(store.read_kind(ComparisonProcess))) == (4, 1)


def test_until_stops_where_the_ratio_is_known_and_says_what_that_took(workers: Workers) -> None:
    done = effmod("bench", "b.onnx", "--anchor", "a.onnx", "--runs", "4", "--rounds", "2", "--until", "1%")
    assert done.exit_code == 0, done.output
    assert "after 6 processes, 720 timed runs of each" in " ".join(done.stderr.split())
    assert workers.pairs == ["b.onnx"] * 6
    (run,) = Store(Path("effmod-results")).read_kind(RunPlan)
    assert run.anchor
    assert run.anchor.plan.max_time_s == 600


def test_a_sweep_times_each_batch_size_by_itself_and_is_resumed(workers: Workers, tmp_path: Path) -> None:
    write_onnx(tmp_path / "a.onnx", shape=("n", 3, 8, 8))
    done = effmod("bench", "a.onnx", "--batch-size", "1,4,2", "--runs", "4", "--rounds", "2", "--output-format", "csv")
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["batch_size"], float(row["images_per_second"])) for row in rows] == [
        ("1", 1000),
        ("2", 2000),
        ("4", 4000),
    ]
    assert "images" in effmod("show", "effmod-results").stdout
    records = Store(tmp_path / "effmod-results")
    missing = records.read_kind(Round)[3]
    (tmp_path / "effmod-results" / f"{missing.id}.json").unlink()
    again = effmod("bench", "--resume")
    assert "1 of 6 rounds to do" in again.stderr
    assert len(records.read_kind(Round)) == 6
    assert workers.pairs == []


def test_a_dry_run_counts_the_pairs(workers: Workers) -> None:  # noqa: ARG001
    done = effmod("bench", "--table", "1", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "then each in turn with efficientmod_xxs" in " ".join(done.stderr.split() + done.stdout.split())
    assert "mobilenetv2_100" in done.stdout
    without = effmod("bench", "--table", "1", "--dry-run", "--anchor", "none")
    assert "in turn" not in without.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.onnx", "--until", "1%"], "--until is for the ratios to an anchor; add --anchor efficientmod_xxs"),
        (["a.onnx", "--processes", "3"], "--processes is for the ratios to an anchor"),
        (["a.onnx", "--anchor", "b.onnx", "--max-time", "5m"], "--max-time goes with --until"),
        (["a.onnx", "--anchor", "efficientmod_*"], "stands for"),
        (["a.onnx", "--anchor", "missing"], "no network 'missing'"),
        (["a.onnx", "--anchor", "missing.onnx"], "cannot read missing.onnx"),
        (
            ["efficientmod_xs", "--anchor", "a.onnx", "--runtime", "pytorch"],
            "--anchor is for ONNX Runtime, not for pytorch",
        ),
        (["efficientmod_xs", "--table", "1"], "--table 1 says which networks to measure; leave efficientmod_xs out"),
        (["--table", "8"], "the paper has no table '8' of networks"),
        (["a.onnx", "--batch-size", "1,2", "--anchor", "b.onnx"], "--anchor is for one --batch-size"),
        (["a.onnx", "--batch-size", "1,0"], "'0' is no number of images; write 8, or 1,2,4"),
    ],
)
def test_wrong_use_is_said_before_anything_is_measured(workers: Workers, arguments: list[str], said: str) -> None:
    done = effmod("bench", *arguments)
    assert done.exit_code == 2, done.output
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert workers.pairs == []
    assert not list(Path().glob("effmod-results/*.json"))
