from pathlib import Path

import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.options.words import complete_network, complete_table, complete_target
from models import list_tables
from models.dense.spec import find_dense, is_dense


def help_of(command: str) -> str:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    return " ".join(shown.replace("│", " ").split())


@pytest.mark.parametrize("command", ["list", "export", "bench"])
def test_the_help_names_the_tables_that_there_are(command: str) -> None:
    assert list_tables() == [*map(str, range(1, 8)), *map(str, range(9, 13)), "L"]
    assert "1 to 7, 9 to 12, or L" in help_of(command)


@pytest.mark.parametrize("command", ["info", "export", "verify", "bench", "tune"])
def test_the_help_says_how_networks_are_named_that_are_not_of_the_zoo(command: str) -> None:
    assert "timm:NAME for one of timm's, path/to/file.py:function for your own" in help_of(command)


def test_a_shell_completes_networks_and_what_may_be_a_target(tmp_path: Path) -> None:
    for name in ("eff.onnx", "eff.txt", "effect.py", "other.onnx"):
        (tmp_path / name).touch()
    for name in ("effmod.mlpackage", "efforts"):
        (tmp_path / name).mkdir()
    (tmp_path / "efforts" / "mine.onnx").touch()
    found = complete_network("eff")
    assert found[0].startswith("efficientmod_")
    assert found[-4:] == ["eff.onnx", "effect.py", "effmod.mlpackage", "efforts/"]
    assert complete_network("efforts/m") == ["efforts/mine.onnx"]
    assert complete_network("efforts/") == ["efforts/mine.onnx"]


def test_a_shell_completes_detectors_and_segmenters_where_they_can_be_timed() -> None:
    assert complete_target("mask_rcnn:pvt") == ["mask_rcnn:pvt_tiny", "mask_rcnn:pvt_v2_b1"]
    assert "semantic_fpn:poolformer_s12" in complete_target("sem")
    assert {name.partition("@")[0] for name in complete_target("mask_rcnn:pvt_tiny@")} == {"mask_rcnn:pvt_tiny"}
    assert all(is_dense(name) and find_dense(name) for name in complete_target("mask_rcnn:pvt_tiny@"))
    assert complete_target("eff") == complete_network("eff")


def test_a_shell_completes_the_papers_tables() -> None:
    assert complete_table("1") == ["1", "10", "11", "12"]
    assert complete_table("8") == []
