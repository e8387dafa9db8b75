"""Figures entered by hand: what they must say, and that they never pass for measured ones."""

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from effmod_bench.cli import app
from exporters import sha256_of
from results import HandEntry, Round, Store, summarise
from tests.fakes import make_hand_entry, make_round, write_onnx

FACTS = {"--device-name": "iPhone 13", "--os": "iOS 17.5", "--compute-units": "all", "--tool": "ModelBench 1.0"}


def add(target: str, *arguments: str, **changes: str | None) -> Result:
    facts = FACTS | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    options = [text for name, value in facts.items() if value is not None for text in (name, value)]
    return CliRunner().invoke(app, ["record", "add", target, *options, "--store", "phone", *arguments])


def keep(*records: HandEntry | Round) -> Store:
    store = Store(Path("phone"))
    store.check_writable()
    for record in records:
        store.write(record)
    return store


def show(*arguments: str) -> tuple[str, str]:
    done = CliRunner().invoke(app, ["show", "phone", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_a_figure_comes_back_as_it_was_entered() -> None:
    done = add("mobileone_s1", "--mean-ms", "0.876", "--runs", "600", "--note", "cooled down")
    assert done.exit_code == 0, done.output
    assert "mobileone_s1 on iPhone 13, entered by hand" in done.stderr
    (found,) = Store(Path("phone")).read_kind(HandEntry)
    expected = make_hand_entry(runs=600, note="cooled down")
    assert msgspec.structs.replace(found, id=expected.id, started_at=expected.started_at) == expected


def test_a_figure_of_a_file_holds_its_hash(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "mine.onnx")
    assert add("mine.onnx", "--p50-ms", "3").exit_code == 0
    (found,) = Store(Path("phone")).read_kind(HandEntry)
    assert (found.name, found.p50_ms, found.mean_ms) == ("mine.onnx", 3.0, None)
    assert found.artifact is not None
    assert (found.artifact.sha256, found.artifact.form) == (sha256_of(path), None)


@pytest.mark.parametrize("name", ["device_name", "os", "tool"])
def test_device_system_and_tool_are_required(name: str) -> None:
    done = add("mobileone_s1", "--mean-ms", "1", **{name: None})
    assert done.exit_code == 2
    assert f"--{name.replace('_', '-')}" in done.stderr
    assert not Path("phone").exists()


def test_what_is_not_core_mls_has_no_compute_units() -> None:
    facts = {"device_name": "Pixel 8", "os": "Android 15", "tool": "benchmark_model"}
    assert add("mobileone_s1", "--mean-ms", "2", compute_units=None, **facts).exit_code == 0
    (found,) = Store(Path("phone")).read_kind(HandEntry)
    assert found.compute_units is None
    (row,) = json.loads(show("--output-format", "json")[0])
    assert (row["device_name"], row["compute_units"]) == ("Pixel 8", None)
    assert "None" not in show()[0]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["mobileone_s1"], 2, "say how long one inference took: --mean-ms or --p50-ms"),
        (["mobileone_s1", "--mean-ms", "0"], 2, "mean_ms is more than 0, not 0.0"),
        (["mobileone_s1", "--p50-ms", "inf"], 2, "p50_ms is more than 0, not inf"),
        (["mobileone_s1", "--mean-ms", "nan"], 2, "mean_ms is more than 0, not nan"),
        (["mobileone_s1", "--mean-ms", "1", "--tool", " "], 2, "tool is empty"),
        (["mobileone_s9", "--mean-ms", "1"], 2, "no network 'mobileone_s9'; did you mean"),
        (["none.onnx", "--mean-ms", "1"], 2, "cannot read none.onnx"),
        (["none.mlpackage", "--mean-ms", "1"], 2, "none.mlpackage is not a Core ML package"),
        (["mobileone_s1", "--mean-ms", "1", "--store", "file/x"], 5, "cannot write to the store"),
    ],
)
def test_what_makes_no_sense_is_not_stored(arguments: list[str], code: int, said: str) -> None:
    Path("file").write_text("not a folder")
    done = add(*arguments)
    assert done.exit_code == code
    assert said in done.stderr
    assert not Path("phone").exists()


def test_they_stand_in_a_table_of_their_own_below_the_measured_ones() -> None:
    keep(make_round(), make_hand_entry())
    measured, by_hand = show()[0].split("Entered by hand: measured elsewhere")
    assert "efficientmod_xxs" in measured
    assert "mobileone_s1" not in measured
    assert "efficientmod_xxs" not in by_hand
    assert "0.876" in by_hand


def test_a_store_with_nothing_else_is_shown() -> None:
    keep(make_hand_entry())
    assert show()[0].startswith("Entered by hand")
    (row,) = json.loads(show("--output-format", "json")[0])
    assert (row["kind"], row["mean_ms"], row["tool"]) == ("hand-entry", 0.876, "ModelBench 1.0")


def test_programs_get_one_table_at_a_time() -> None:
    keep(make_round(), make_hand_entry())
    out, err = show("--output-format", "csv")
    assert [row["name"] for row in csv.DictReader(io.StringIO(out))] == ["efficientmod_xxs"]
    assert "Left out: by-hand; --only prints one of them" in err
    out, err = show("--output-format", "csv", "--only", "by-hand")
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["name"], row["mean_ms"], row["entered_by_hand_at"][:10]) == ("mobileone_s1", "0.876", "2026-01-01")
    assert err == ""


def test_a_store_without_any_says_what_adds_them() -> None:
    keep(make_round())
    done = CliRunner().invoke(app, ["show", "phone", "--only", "by-hand"])
    assert done.exit_code == 5
    assert "holds no figures entered by hand; 'effmod record add --store phone' adds some" in done.stderr


def test_they_are_no_measurement_and_a_point_that_says_so() -> None:
    store = keep(make_round(), make_hand_entry())
    assert [m.name for m in summarise(store.read())] == ["efficientmod_xxs"]
    done = CliRunner().invoke(app, ["plot", "phone", "--output", "x.svg"])
    assert done.exit_code == 0
    words = Path("x.svg").read_text()
    assert "mobileone_s1" in words
    assert "entered by hand" in words
