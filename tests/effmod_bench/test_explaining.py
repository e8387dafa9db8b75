from collections import Counter
from pathlib import Path

import pytest

import effmod_bench.runs.export
import effmod_bench.targets.obtain
import models
from effmod_bench.errors import ExitCode
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs.export import export_all
from effmod_bench.screen.console import Console
from effmod_bench.screen.rewrites import operator_table
from exporters import Made, ParityError
from models import ModelSpec

SPEC = models.find_model("efficientmod_xxs")


def test_changed_kinds_come_first_and_all_are_summed_up() -> None:
    table = operator_table("net", Counter(Conv=2, Add=1, Mul=3), Counter(Conv=2, Mul=1, Relu=1))
    assert [(row.kind, row.before, row.after) for row in table.rows] == [
        ("Add", 1, 0),
        ("Mul", 3, 1),
        ("Relu", 0, 1),
        ("Conv", 2, 2),
        ("all", 6, 4),
    ]
    assert [column.text(table.rows[1]) for column in table.columns] == ["Mul", "3", "1", "-2"]


def test_a_rewritten_network_is_compared_with_its_plain_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choices = ExportChoices(image_size=32, simplify=False)
    assert export_all(Console(), [SPEC], choices, tmp_path, explain=True) is ExitCode.OK
    said = capsys.readouterr()
    assert "channels_first (exact): 60 places" in said.err
    rows = {cells[0]: cells[1:] for line in said.out.splitlines() if len(cells := line.split()) == 4}
    assert rows["MatMul"] == ["66", "6", "-60"]
    assert rows["LayerNormalization"] == ["23", "23", "+0"]
    assert said.out.splitlines()[-1].endswith("efficientmod_xxs-32px-unsimplified.onnx")


def test_a_network_that_was_not_rewritten_has_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export_all(Console(), [SPEC], ExportChoices(image_size=32, simplify=False, rewrite="none"), tmp_path, explain=True)
    said = capsys.readouterr()
    assert "efficientmod_xxs: nothing was rewritten" in said.err
    assert len(said.out.splitlines()) == 1


def test_a_network_that_was_left_plain_has_no_table_either_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = models.find_model("mobilenetv2_100")
    export_all(Console(), [spec], ExportChoices(image_size=32, simplify=False), tmp_path, explain=True)
    said = capsys.readouterr()
    notes = " ".join(said.err.split())
    assert "mobilenetv2_100: left plain, for channels_first and blocked_layout find nothing to change in it" in notes
    assert "mobilenetv2_100: batch_norm (exact): 0 places left alone: all 52: the network is left plain" in notes
    assert said.out.splitlines() == [str(tmp_path / "mobilenetv2_100-32px-unsimplified.onnx")]


def test_a_plain_form_that_fails_does_not_take_the_rewritten_one_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = effmod_bench.targets.obtain.obtain_artifact

    def obtain_artifact(console: Console, spec: ModelSpec, choices: ExportChoices) -> Made:
        if choices.rewrite == "none":
            raise ParityError("too far off")
        return real(console, spec, choices)

    monkeypatch.setattr(effmod_bench.runs.export, "obtain_artifact", obtain_artifact)
    choices = ExportChoices(image_size=32, simplify=False)
    assert export_all(Console(), [SPEC], choices, tmp_path, explain=True) is ExitCode.OK
    said = capsys.readouterr()
    assert "its plain form failed: too far off" in said.err
    assert len(said.out.splitlines()) == 1
