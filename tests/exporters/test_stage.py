from pathlib import Path

import pytest

import exporters.stage
from exporters.derived.rewritten import rewrite_file
from exporters.onnx import rewrites
from exporters.stage import Stage, listen
from tests.fakes import write_onnx


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[Stage]:
    stages: list[Stage] = []
    monkeypatch.setattr(exporters.stage, "_listeners", [])
    listen(stages.append)
    return stages


def test_rewriting_says_when_it_makes_a_file_and_when_it_loads_and_proves_one(
    entered: list[Stage], tmp_path: Path
) -> None:
    rewrite_file(write_onnx(tmp_path / "x.onnx"), tmp_path / "out", rewrites.NAMES, {"x": (1, 3, 8, 8)})
    assert entered == [Stage.MAKING, Stage.LOADING, Stage.PROVING, Stage.LOADING, Stage.PROVING]
