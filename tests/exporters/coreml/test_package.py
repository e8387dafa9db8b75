import importlib.util
from pathlib import Path

import pytest

from exporters import ArtifactError
from exporters.coreml.package import read_tensors

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel for this platform and Python"
)


def test_a_package_that_points_outside_itself_is_not_followed(package: Path) -> None:
    manifest = package / "Manifest.json"
    manifest.write_text(manifest.read_text().replace("com.apple.CoreML/model.mlmodel", "../../secret"))
    with pytest.raises(ArtifactError, match="outside itself"):
        read_tensors(package)


def test_a_damaged_model_says_so(package: Path) -> None:
    next(package.rglob("model.mlmodel")).write_bytes(b"\x0f\xff\xff")
    with pytest.raises(ArtifactError, match="damaged"):
        read_tensors(package)
