import importlib.util
from pathlib import Path

import pytest
from torch import nn

from exporters import ArtifactError
from exporters.coreml.package import read_tensors
from tests.exporters.coreml.support import write

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel for this platform and Python"
)


def test_a_package_that_points_outside_itself_is_not_followed(small: nn.Module, tmp_path: Path) -> None:
    path = write(small, tmp_path / "x.mlpackage")
    manifest = path / "Manifest.json"
    manifest.write_text(manifest.read_text().replace("com.apple.CoreML/model.mlmodel", "../../secret"))
    with pytest.raises(ArtifactError, match="outside itself"):
        read_tensors(path)


def test_a_damaged_model_says_so(small: nn.Module, tmp_path: Path) -> None:
    path = write(small, tmp_path / "x.mlpackage")
    next(path.rglob("model.mlmodel")).write_bytes(b"\x0f\xff\xff")
    with pytest.raises(ArtifactError, match="damaged"):
        read_tensors(path)
