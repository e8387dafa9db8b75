import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import models
from exporters import ParityError
from exporters.proof.open import open_evaluator
from exporters.proof.parity import compare, judge, summary
from models import Preprocessing
from tests.exporters.coreml.program.support import convert, no_warnings, weight_file

pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")

OTHER = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


class Small(nn.Module):
    """A network that converts in a second; `scale` multiplies what is inside, and is taken off again."""

    def __init__(self, scale: float = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=4)
        self.head = nn.Linear(8, 10)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        x = torch.nn.functional.gelu(self.conv(x)) * self.scale
        return self.head((x / self.scale).mean(dim=(2, 3)))


class Normalized(nn.Module):
    """A network that takes pixels."""

    def __init__(self, model: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.model = model
        self.mean = nn.Buffer(255 * torch.tensor(preprocessing.mean).reshape(1, 3, 1, 1))
        self.std = nn.Buffer(255 * torch.tensor(preprocessing.std).reshape(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.model((x - self.mean) / self.std)


def filled(model: nn.Module) -> nn.Module:
    models.fill(model, image_size=32)
    return model


def measure(model: nn.Module, path: Path, *, tolerance: float = 1e-5, **options: Any) -> Any:
    artifact = open_evaluator(path)
    preprocessing, size = options.get("preprocessing", Preprocessing()), options.get("image_size", 32)
    parities = compare(model, artifact, preprocessing, image_size=size, tolerance=tolerance)
    judge(artifact, parities)
    return summary(artifact, parities)


@pytest.fixture(scope="module")
def xxs() -> nn.Module:
    return models.create_filled(models.find_model("efficientmod_xxs"), image_size=64)[0]


@pytest.mark.parametrize("target", ["iOS16", "iOS18"])
def test_efficientmod_is_the_network_in_float32(xxs: nn.Module, target: str, tmp_path: Path) -> None:
    path = tmp_path / "xxs.mlpackage"
    convert(xxs, path, size=64, target=target)
    parity = measure(xxs, path, image_size=64)
    assert parity.relative_error < 1e-5
    assert parity.float32_relative_error == parity.relative_error
    assert parity.top1_agreement == 1
    assert parity.inputs == 8
    assert parity.output_change > 0.1


@pytest.mark.parametrize("target", ["iOS16", "iOS18"])
def test_efficientmod_is_the_network_in_float16(xxs: nn.Module, target: str, tmp_path: Path) -> None:
    path = tmp_path / "xxs.mlpackage"
    convert(xxs, path, size=64, precision="float16", target=target)
    parity = measure(xxs, path, image_size=64, tolerance=5e-3)
    assert 1e-5 < parity.relative_error < 5e-3
    # The weights are rounded in either; only the program's own precision rounds what is between.
    assert 1e-5 < parity.float32_relative_error < 5e-3
    assert parity.float32_relative_error != parity.relative_error


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("float16", 2e-2)])
def test_a_network_of_timm_is_the_network(precision: str, tolerance: float, tmp_path: Path) -> None:
    model = models.create_filled(models.find_model("mobilevit_xs"), image_size=64)[0]
    convert(model, tmp_path / "m.mlpackage", size=64, precision=precision)
    assert measure(model, tmp_path / "m.mlpackage", image_size=64, tolerance=tolerance).relative_error < tolerance


@pytest.mark.parametrize("preprocessing", [Preprocessing(), OTHER])
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("float16", 1e-2)])
def test_a_package_that_takes_an_image_is_fed_pixels(
    preprocessing: Preprocessing, precision: str, tolerance: float, tmp_path: Path
) -> None:
    model = filled(Small().eval())
    path = tmp_path / "small.mlpackage"
    convert(Normalized(model, preprocessing).eval(), path, size=32, precision=precision, image={})
    parity = measure(model, path, preprocessing=preprocessing, tolerance=tolerance)
    assert parity.relative_error < tolerance
    wrong = Preprocessing() if preprocessing == OTHER else OTHER
    with pytest.raises(ParityError, match="does not compute what the network computes"):
        measure(model, path, preprocessing=wrong, tolerance=tolerance)


@pytest.fixture(scope="module")
def small() -> nn.Module:
    return filled(Small().eval())


@pytest.fixture(scope="module", params=["float32", "float16"])
def saved(request: pytest.FixtureRequest, small: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / f"{request.param}.mlpackage"
    convert(small, path, size=32, precision=request.param)
    return path


def tolerance_of(package: Path) -> float:
    return {"float32": 1e-5, "float16": 5e-3}[package.stem]


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_flipped_bytes_in_the_weights_are_found(small: nn.Module, saved: Path, where: float, tmp_path: Path) -> None:
    path = Path(shutil.copytree(saved, tmp_path / saved.name))
    assert measure(small, path, tolerance=tolerance_of(path)).relative_error < tolerance_of(path)
    data = bytearray(weight_file(path).read_bytes())
    # Four bytes of the convolution's 216 weights: they are the first array, behind the file's header and its own.
    start = 128 + int(where * 216) * {"float32": 4, "float16": 2}[path.stem]
    for i in range(start, start + 4):
        data[i] ^= 0x55
    weight_file(path).write_bytes(data)
    with pytest.raises(ParityError, match=r"does not compute what the network computes|overflows float16"):
        measure(small, path, tolerance=tolerance_of(path))


def test_another_networks_package_is_refused(saved: Path) -> None:
    model = Small().eval()
    models.fill(model, image_size=32, seed=1)
    with pytest.raises(ParityError, match="does not compute what the network computes"):
        measure(model, saved, tolerance=tolerance_of(saved))


def test_a_network_that_ignores_its_input_is_refused(tmp_path: Path) -> None:
    model = filled(Small().eval())
    with torch.no_grad():
        model.get_parameter("conv.weight").zero_()
    convert(model, tmp_path / "s.mlpackage", size=32)
    with pytest.raises(ParityError, match="hardly depends on the image"):
        measure(model, tmp_path / "s.mlpackage")


def test_an_overflow_of_float16_is_named(tmp_path: Path) -> None:
    model = filled(Small(scale=60000).eval())
    convert(model, tmp_path / "s.mlpackage", size=32, precision="float16")
    with pytest.raises(ParityError, match=r"overflows float16: mul '.*' is the first operator that goes beyond 65504"):
        measure(model, tmp_path / "s.mlpackage", tolerance=1e-2)


def test_labels_do_not_stand_in_the_way(small: nn.Module, tmp_path: Path) -> None:
    with no_warnings():
        import coremltools as ct

        config = ct.ClassifierConfig([f"class {i}" for i in range(10)])
    convert(small, tmp_path / "s.mlpackage", size=32, classifier_config=config)
    parity = measure(small, tmp_path / "s.mlpackage")
    assert np.isfinite(parity.relative_error)
    assert parity.top1_agreement == 1
