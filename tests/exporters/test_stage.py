from pathlib import Path

import pytest
from torch import nn

import exporters.stage
from exporters import OnnxConfig
from exporters.derived.rewritten import rewrite_file
from exporters.onnx import rewrites
from exporters.proof import parity
from exporters.stage import Stage, listen
from models import Preprocessing
from tests.fakes import write_onnx


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[Stage]:
    stages: list[Stage] = []
    monkeypatch.setattr(exporters.stage, "_listeners", [])
    listen(lambda stage, _: stages.append(stage))
    return stages


def test_rewriting_says_when_it_makes_a_file_and_when_it_loads_and_proves_one(
    entered: list[Stage], tmp_path: Path
) -> None:
    rewrite_file(write_onnx(tmp_path / "x.onnx"), tmp_path / "out", rewrites.NAMES, {"x": (1, 3, 8, 8)})
    assert entered == [Stage.MAKING, Stage.LOADING, Stage.PROVING, Stage.LOADING, Stage.PROVING]


def test_a_new_file_is_loaded_as_part_of_its_proof(entered: list[Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(parity, "open_evaluator", crash)
    with pytest.raises(ZeroDivisionError):
        parity.measure_parity(nn.Identity(), Path("x.onnx"), OnnxConfig(image_size=32), Preprocessing())
    assert entered == [Stage.PROVING]
