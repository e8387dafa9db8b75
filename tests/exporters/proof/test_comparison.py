"""What float16's rounding would hide: damaged weights, and errors of the converter."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

import exporters.coreml.export
import models
from exporters import Compression, ComputePrecision, CoreMLConfig, InputKind, OnnxConfig, Parity, ParityError
from exporters.artifact.evaluator import Origin
from exporters.onnx.export import export as export_onnx
from exporters.proof.parity import measure_parity
from models import Preprocessing
from tests.exporters.coreml.program.support import weight_file
from tests.exporters.coreml.support import METADATA

pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")

FLOAT16, FLOAT32 = ComputePrecision.FLOAT16, ComputePrecision.FLOAT32


class Small(nn.Module):
    """A norm to fold, and a layer of 16 KiB in float16."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 128, 3, stride=4)
        self.norm = nn.BatchNorm2d(128)
        self.mix = nn.Conv2d(128, 64, 1)
        self.head = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.mix(self.norm(self.conv(x)).relu()).mean(dim=(2, 3)))


class Spiky(nn.Module):
    """An RMSNorm over 512 channels, of which one is far larger than the others (apple/coremltools#2821)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 512, 8, stride=8)
        self.norm = nn.RMSNorm(512, eps=1e-5)
        self.head = nn.Linear(512, 10)
        with torch.no_grad():
            self.conv.weight[0] *= 100

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.conv(x).flatten(2).transpose(1, 2)).mean(dim=1))


class Proved(msgspec.Struct, frozen=True):
    """A package or file with all that its proof takes."""

    path: Path
    parity: Parity
    proof: Callable[[Path], Parity]


def package(model: nn.Module, path: Path, precision: ComputePrecision, **options: Any) -> Proved:
    """Export a package, and keep its proof."""
    config = CoreMLConfig(image_size=32, compute_precision=precision, **options)
    proofs: list[Callable[[Path], Parity]] = []

    def measure(
        reference: nn.Module, saved: Path, config: CoreMLConfig, preprocessing: Preprocessing, origin: Origin
    ) -> Parity:
        proofs.append(lambda path: measure_parity(reference, path, config, preprocessing, origin))
        return proofs[-1](saved)

    parity, _ = exporters.coreml.export.export(model, path, config, Preprocessing(), METADATA, measure_parity=measure)
    assert parity is not None
    return Proved(path, parity, proofs[-1])


@pytest.fixture(scope="module")
def small() -> nn.Module:
    model = Small().eval()
    models.fill(model, image_size=32)
    return model


@pytest.fixture(scope="module", params=[FLOAT32, FLOAT16])
def proved(request: pytest.FixtureRequest, small: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Proved:
    return package(small, tmp_path_factory.mktemp(request.param) / "x.mlpackage", request.param)


def test_a_float16_package_is_its_float32_program_with_rounded_constants(proved: Proved) -> None:
    parity, rounding = proved.parity, proved.parity.rounding
    if parity.tolerance == 1e-4:
        assert rounding is None
        return
    assert rounding is not None
    assert rounding.program_relative_error is not None
    assert rounding.program_relative_error < 1e-5
    assert rounding.rounded_relative_error is not None
    assert rounding.rounded_relative_error < 1e-5
    # What the rounding itself does is a hundred times that, and would hide it.
    assert parity.float32_relative_error is not None
    assert parity.float32_relative_error > 1e-4
    assert 1e-5 < rounding.arithmetic_relative_error < 5e-3
    assert parity.first_departure is None


def zero_16_kib(weights: "np.ndarray[Any, Any]") -> None:
    weights[: 16384 // weights.itemsize] = 0


def flip_a_sign(weights: "np.ndarray[Any, Any]") -> None:
    largest = np.abs(weights).argmax()
    weights[largest] = -weights[largest]


def swap_two(weights: "np.ndarray[Any, Any]") -> None:
    low, high = weights.argmin(), weights.argmax()
    weights[[low, high]] = weights[[high, low]]


@pytest.mark.parametrize("damage", [zero_16_kib, flip_a_sign, swap_two])
def test_damaged_weights_are_refused_with_the_operator_that_has_them(
    proved: Proved, damage: Callable[[Any], None], small: nn.Module, tmp_path: Path
) -> None:
    path = Path(shutil.copytree(proved.path, tmp_path / "x.mlpackage"))
    file = weight_file(path)
    dtype = np.dtype(np.float32 if proved.parity.rounding is None else np.float16)
    data = bytearray(file.read_bytes())
    stored = small.get_parameter("mix.weight").detach().numpy().astype(dtype)
    start = data.index(stored.tobytes())  # this layer's weights are folded into none, and none into them
    weights = np.frombuffer(data, dtype, count=stored.size, offset=start)
    damage(weights)
    file.write_bytes(data)
    with pytest.raises(
        ParityError,
        match=r"does not compute what .* 1e-04 is allowed(; the network's own noise is \S* there)?\. "
        r"The first .* is conv 'conv2d_1'",
    ):
        proved.proof(path)


@pytest.mark.parametrize("precision", [FLOAT32, FLOAT16])
def test_an_error_of_the_converter_is_refused_in_float16_too(precision: ComputePrecision, tmp_path: Path) -> None:
    with pytest.raises(ParityError) as refused:
        package(Spiky().eval(), tmp_path / "x.mlpackage", precision, input=InputKind.TENSOR)
    said = str(refused.value)
    assert "does not compute what the network computes" in said
    assert "rms_norm" in said
    assert ("the float32 program that x.mlpackage was made of" in said) == (precision is FLOAT16)


def test_a_compressed_package_is_proved_before_it_is_compressed(small: nn.Module, tmp_path: Path) -> None:
    parity = package(small, tmp_path / "x.mlpackage", FLOAT16, compress=Compression.INT8).parity
    assert parity.tolerance is None
    assert parity.rounding is not None
    assert parity.rounding.rounded_relative_error is not None
    assert parity.rounding.rounded_relative_error < 1e-5 < parity.relative_error


def test_a_float16_file_is_its_float32_file_with_rounded_constants(small: nn.Module, tmp_path: Path) -> None:
    seen: list[Origin] = []

    def measure(
        model: nn.Module, path: Path, config: OnnxConfig, preprocessing: Preprocessing, origin: Origin
    ) -> Parity:
        seen.append(origin)
        return measure_parity(model, path, config, preprocessing, origin)

    path = tmp_path / "x.onnx"
    config = OnnxConfig(image_size=32, simplify=False, compute_precision=FLOAT16)
    parity, *_ = export_onnx(small, path, config, Preprocessing(), measure_parity=measure)
    assert parity.rounding is not None
    assert parity.rounding.rounded_relative_error is not None
    assert parity.rounding.rounded_relative_error < 1e-5 < parity.relative_error
    graph = onnx.load(path)
    (mix,) = [tensor for tensor in graph.graph.initializer if tensor.dims == [64, 128, 1, 1]]
    weights = numpy_helper.to_array(mix).copy()
    flip_a_sign(weights.reshape(-1))
    mix.CopyFrom(numpy_helper.from_array(weights, mix.name))
    onnx.save(graph, path)
    message = r"x\.onnx, evaluated in float32, does not compute what the float32 program .* The first .* is Conv 'node_"
    with pytest.raises(ParityError, match=message):
        measure_parity(small, path, config, Preprocessing(), seen[-1])


def test_a_rewriting_that_changes_the_network_is_told_from_an_error_of_its_file(
    small: nn.Module, tmp_path: Path
) -> None:
    other = Small().eval()
    models.fill(other, image_size=32, seed=1)
    export = functools.partial(export_onnx, measure_parity=measure_parity)
    with pytest.raises(ParityError, match="those of the rewritten network, which departs itself: give --rewrite none"):
        export(other, tmp_path / "x.onnx", OnnxConfig(image_size=32), Preprocessing(), reference=small)
