import importlib.util
from pathlib import Path

import pytest

import models
from exporters import ArtifactError, count_operators
from tests.exporters.coreml.support import write
from tests.exporters.support import Small
from tests.fakes import write_onnx


def test_the_operators_of_an_onnx_file_are_counted(tmp_path: Path) -> None:
    assert count_operators(write_onnx(tmp_path / "x.onnx", operator="Relu", nodes=3)) == {"Relu": 3}


def test_a_file_that_is_no_artifact_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_text("hello")
    with pytest.raises(ArtifactError, match="not an ONNX file"):
        count_operators(tmp_path / "x.onnx")


@pytest.mark.skipif(importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel here")
def test_the_operators_of_a_package_are_counted(tmp_path: Path) -> None:
    model = Small().eval()
    models.fill(model, image_size=32)
    found = count_operators(write(model, tmp_path / "x.mlpackage"))
    assert (found["conv"], found["gelu"], found["linear"], found["const"]) == (1, 1, 1, 0)
