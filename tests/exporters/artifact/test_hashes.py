import importlib.util
from pathlib import Path

import pytest
from torch import nn

from exporters import ArtifactError, package_sha256
from tests.exporters.coreml.support import write

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel for this platform and Python"
)


def test_the_hash_is_of_what_the_package_computes(small: nn.Module, package: Path, tmp_path: Path) -> None:
    first, second = package, write(small, tmp_path / "again" / "x.mlpackage")
    manifests = [(path / "Manifest.json").read_bytes() for path in (first, second)]
    assert manifests[0] != manifests[1]
    assert package_sha256(first) == package_sha256(second)
    weights = next(second.rglob("weight.bin"))
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert package_sha256(first) != package_sha256(second)


def test_a_folder_that_is_no_package_has_no_hash(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is not a Core ML package"):
        package_sha256(tmp_path)
