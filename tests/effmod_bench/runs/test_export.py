from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from typer.testing import CliRunner

import effmod_bench.runs.export
import effmod_bench.targets.obtain
import models
from effmod_bench.cli import app
from effmod_bench.errors import ExitCode
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs.export import export_all
from effmod_bench.screen.console import Console
from exporters import ExportConfig, ExportError, Format, FormatUnavailableError, Made, OutputError, obtain
from models import ModelSpec, Weights, WeightsSource

SPEC = models.find_model("efficientmod_xxs")
COREML = ExportChoices(format=Format.COREML)


def failing(names: Mapping[str, Exception]) -> object:
    """An export that fails for these networks, and for the others delivers nothing but a name."""

    def obtain_artifact(_: Console, spec: ModelSpec, __: ExportChoices) -> Made:
        if spec.name in names:
            raise names[spec.name]
        weights = Weights(source=WeightsSource.RANDOM, seed=0)
        return SimpleNamespace(path=Path("made"), artifact=SimpleNamespace(weights=weights))  # type: ignore[return-value]

    return obtain_artifact


OWN = """
from torch import nn

def small():
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))
"""


@pytest.fixture
def small(tmp_path: Path) -> ModelSpec:
    """A network of the user's own, in the current folder, that is exported in a second."""
    (tmp_path / "own.py").write_text(OWN)
    return models.find_model("own.py:small", image_size=32)


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effmod_bench.runs.export, "deliver", lambda *_: Path("out"))
    monkeypatch.setattr(effmod_bench.runs.export, "_say_what_it_is", lambda *_: None)


@pytest.mark.parametrize(("choices", "said"), [(ExportChoices(dynamic_batch=True), True), (ExportChoices(), False)])
@pytest.mark.usefixtures("no_files")
def test_that_an_open_batch_is_not_rewritten_is_said(
    choices: ExportChoices,
    said: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(effmod_bench.runs.export, "obtain_artifact", failing({}))
    assert export_all(Console(), [SPEC], choices, tmp_path) is ExitCode.OK
    assert ("With --dynamic-batch nothing is rewritten" in capsys.readouterr().err) is said


@pytest.mark.usefixtures("no_files")
def test_a_table_goes_on_past_a_failure_and_names_it_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    table = models.list_models("*", table="12")
    broken = {table[1].name: ExportError("an operator is lacking")}
    monkeypatch.setattr(effmod_bench.runs.export, "obtain_artifact", failing(broken))
    done = CliRunner().invoke(app, ["export", "--format", "coreml", "--table", "12"])
    assert done.exit_code == ExitCode.SOME_FAILED
    assert done.stdout.count("out") == len(table) - 1
    assert f"1 of {len(table)} networks failed" in done.stderr
    assert f"{table[1].name}: an operator is lacking" in done.stderr
    assert done.stderr.count("weights: random(seed 0)") == 1


@pytest.mark.usefixtures("no_files")
@pytest.mark.parametrize("error", [OutputError("full"), FormatUnavailableError("no wheel"), ZeroDivisionError("a bug")])
def test_what_fails_for_all_stops_at_once(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = models.list_models("efficientmod_xx*")
    monkeypatch.setattr(effmod_bench.runs.export, "obtain_artifact", failing({specs[0].name: error}))
    with pytest.raises(type(error)):
        export_all(Console(-1), specs, COREML, tmp_path)


@pytest.mark.usefixtures("no_files")
def test_the_only_network_fails_with_its_own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effmod_bench.runs.export, "obtain_artifact", failing({SPEC.name: ExportError("no")}))
    with pytest.raises(ExportError):
        export_all(Console(-1), [SPEC], COREML, tmp_path)


def test_a_rewritten_network_is_compared_with_its_plain_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choices = ExportChoices(image_size=32, simplify=False)
    export_all(Console(), [SPEC], msgspec.structs.replace(choices, rewrite="none"), tmp_path)
    capsys.readouterr()
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


def test_explaining_exports_once_and_the_plain_form_stands_beside_it_where_it_was_made(
    small: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exports: list[str] = []

    def counted(spec: ModelSpec, config: ExportConfig, *, checkpoint: Path | None) -> Made:
        exports.append(",".join(config.rewrites))
        return obtain(spec, config, checkpoint=checkpoint)

    monkeypatch.setattr(effmod_bench.targets.obtain, "obtain", counted)
    choices = ExportChoices(image_size=32, rewrite="batch_norm")
    assert export_all(Console(), [small], choices, tmp_path, explain=True) is ExitCode.OK
    said = capsys.readouterr()
    assert exports == ["batch_norm"]
    assert "small: operators after the rewrites" in said.out
    assert "effmod export own.py:small --rewrite none' its operators stand beside" in " ".join(said.err.split())
    export_all(Console(), [small], msgspec.structs.replace(choices, rewrite="none"), tmp_path)
    export_all(Console(), [small], choices, tmp_path, explain=True)
    assert exports == ["batch_norm", ""]
    assert "small: operators before the rewrites and after" in capsys.readouterr().out
