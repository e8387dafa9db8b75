import importlib.util
from pathlib import Path

import pytest
from torch import Tensor, nn

import exporters.coreml.export
from exporters import ComputePrecision, CoreMLConfig, package_sha256, rewrites
from exporters.coreml import convert
from models import Preprocessing
from tests.exporters.coreml.support import METADATA, operators

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel for this platform and Python"
)


class _Stage(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.gelu(self.norm(self.conv(x)))


class _Attends(nn.Module):
    """Attention, which coremltools makes operators of that torch does not name."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.Sequential(_Stage(3), _Stage(4))
        self.head = nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.stages(x).flatten(2).transpose(1, 2)  # (N, pixels, 4)
        tokens = nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)
        head: Tensor = self.head(tokens.mean(dim=1))
        return head


def exported(network: nn.Module, path: Path) -> dict[str, tuple[str, ...]]:
    config = CoreMLConfig(image_size=8, compute_precision=ComputePrecision.FLOAT16)
    _, modules = exporters.coreml.export.export(network, path, config, Preprocessing(), METADATA)
    return modules


def kinds(path: Path) -> dict[str, str]:
    """The kind of the operator that gives each value, constants left out."""
    return {value.name: each.type for each in operators(path) if each.type != "const" for value in each.outputs}


def test_every_operator_of_a_package_has_its_module(tmp_path: Path) -> None:
    modules = exported(_Attends().eval(), tmp_path / "x.mlpackage")
    found = kinds(tmp_path / "x.mlpackage")
    assert sorted(name for names in modules.values() for name in names) == sorted(found)
    by_module = {module: {found[name] for name in names} for module, names in modules.items()}
    assert "conv" in by_module["stages.0.norm"]  # which took the convolution up
    assert "gelu" in by_module["stages.1"]
    assert "linear" in by_module["head"]
    assert {"matmul", "softmax"} <= by_module[""]


def test_of_a_rewritten_network_too_and_its_package_is_the_same_as_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, _ = rewrites.apply(_Attends().eval(), 8, 1, ("batch_norm",))
    modules = exported(network, tmp_path / "x.mlpackage")
    found = kinds(tmp_path / "x.mlpackage")
    assert sorted(name for names in modules.values() for name in names) == sorted(found)
    assert "linear" in {found[name] for name in modules["head"]}
    assert {"stages.0", "stages.1"} <= modules.keys()
    monkeypatch.setattr(convert, "with_places", lambda deployed: deployed)
    assert exported(network, tmp_path / "y.mlpackage").keys() == {""}
    assert package_sha256(tmp_path / "y.mlpackage") == package_sha256(tmp_path / "x.mlpackage")


def test_of_a_network_that_was_traced_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("torch.export.export", fail)
    assert exported(_Attends().eval(), tmp_path / "x.mlpackage") == {}
