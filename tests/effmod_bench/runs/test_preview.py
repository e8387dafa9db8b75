import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.screen.progress import in_words
from tests.effmod_bench.support import Run, effmod
from tests.fakes import write_onnx


def test_a_dry_run_exports_and_measures_nothing(quickly: Run, tmp_path: Path) -> None:
    done = quickly("bench", "efficientmod_*x*s", "--dry-run", "--runs", "4000", "--output-format", "json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert {row["name"] for row in rows} >= {"efficientmod_xxs", "efficientmod_xs"}
    assert all(row["about_s"] > 0 for row in rows)
    assert not list(tmp_path.glob("effmod-results*"))


@pytest.mark.parametrize(
    "where",
    [
        ("--device", "cuda"),
        ("--device", "cuda", "--runtime", "pytorch"),
        ("--runtime", "pytorch"),
        ("--runtime", "torch-compile"),
        ("--device", "coreml"),
    ],
)
def test_a_dry_run_takes_no_cpus_speed_for_that_of_something_else(where: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["bench", "efficientmod_xxs", "--dry-run", *where])
    assert done.exit_code == 0, done.output
    assert "how long it takes is unknown until it runs" in " ".join(done.stdout.split())
    assert "about" not in done.stdout
    rows = CliRunner().invoke(app, ["bench", "efficientmod_xxs", "--dry-run", *where, "--output-format", "json"])
    assert [row["about_s"] for row in json.loads(rows.stdout)] == [None]


def test_a_dry_run_says_which_gpu() -> None:
    done = CliRunner().invoke(app, ["bench", "efficientmod_xxs", "--dry-run", "--device", "cuda:7"])
    assert "cuda:7, " in done.stdout


def test_a_dry_run_says_that_nothing_is_known_of_a_users_own_file(tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx", shape=("n", 3, 8, 8))
    asked = ("bench", "x.onnx", "efficientmod_xxs", "--dry-run", "--batch-size", "4")
    done = effmod(*asked, "--output-format", "json")
    own, network = json.loads(done.stdout)
    assert (own["action"], own["image_size"], own["batch_size"], own["about_s"]) == ("as it is", None, 4, None)
    assert (network["image_size"], network["batch_size"]) == (224, 4)
    assert network["about_s"] > 0
    assert "in all, and the files of which nothing is known" in " ".join(effmod(*asked).stdout.split())


def test_a_dry_run_says_what_is_timed_twice(tmp_path: Path) -> None:
    write_onnx(tmp_path / "x.onnx")
    said = " ".join(effmod("bench", "x.onnx", "--dry-run", "--denormal-as-zero").stdout.split())
    assert "all of it twice, with subnormal numbers taken for zero and without;" in said


def test_a_dry_run_has_a_row_for_each_number_of_threads_and_makes_a_file_once(tmp_path: Path) -> None:
    asked = ("bench", "efficientmod_xxs", "--dry-run", "--threads", "1,2,4", "--store", str(tmp_path / "s"))
    rows = json.loads(effmod(*asked, "--output-format", "json").stdout)
    assert [row["threads"] for row in rows] == [1, 2, 4]
    said = " ".join(effmod(*asked).stdout.split())
    assert "cpu, 1, 2 and 4 threads; 4000 runs each" in said
    assert f"; {in_words(sum(row['about_s'] for row in rows))} in all; " in said
    assert rows[0]["about_s"] > rows[1]["about_s"] + 10  # and it is slower
