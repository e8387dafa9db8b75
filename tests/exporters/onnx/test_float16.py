import functools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import nn

import exporters.onnx.graph
import models
from exporters import ComputePrecision, ExportError, OnnxConfig, ParityError
from exporters.onnx import float16 as onnx_float16
from exporters.onnx.export import export as export_onnx
from exporters.proof.parity import measure_parity
from models import Preprocessing
from tests.fakes import write_onnx

export = functools.partial(export_onnx, measure_parity=measure_parity)
CONFIG = OnnxConfig(image_size=32, compute_precision=ComputePrecision.FLOAT16)


class Small(nn.Module):
    """A small network whose activations are scaled by some factors, one after the other."""

    def __init__(self, *factors: float) -> None:
        super().__init__()
        self.factors = factors
        self.conv = nn.Conv2d(3, 8, 3, stride=4)
        self.head = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        for factor in self.factors:
            x = torch.relu(x) * factor
        return self.head(x.mean(dim=(2, 3)))


def small(*factors: float) -> nn.Module:
    model = Small(*factors).eval()
    models.fill(model, image_size=32)
    return model


def test_the_error_of_a_float16_file_is_measured_and_not_judged(tmp_path: Path) -> None:
    path, model = tmp_path / "small.onnx", small()
    parity, simplified, _ = export(model, path, CONFIG, Preprocessing())
    assert simplified is True
    assert parity.tolerance is None
    assert 1e-5 < parity.relative_error < 5e-3
    assert parity.float32_relative_error is not None
    assert 0 < parity.float32_relative_error < 5e-3
    assert parity.activation_range is not None
    assert parity.activation_range.overflow is None
    assert [file.name for file in tmp_path.iterdir()] == ["small.onnx"]


def test_weights_are_float16_input_and_output_are_not(tmp_path: Path) -> None:
    path, model = tmp_path / "small.onnx", small()
    export(model, path, CONFIG, Preprocessing())
    graph = onnx.load(path)
    assert {tensor.data_type for tensor in graph.graph.initializer} <= {TensorProto.FLOAT16, TensorProto.INT64}
    (given,), (found,) = exporters.onnx.graph.read_tensors(graph)
    assert (given.dtype, found.dtype) == ("float", "float")
    x = torch.randn(1, 3, 32, 32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"input": x.numpy()})[0], model(x).detach(), atol=5e-3)


def test_what_overflows_on_a_gpu_alone_is_refused_and_named(tmp_path: Path) -> None:
    path, model = tmp_path / "small.onnx", small(6e4, 6e4, 1e-4, 1e-4)
    export(model, path, OnnxConfig(image_size=32), Preprocessing())  # float32 holds it
    with pytest.raises(ParityError, match=r"overflows float16: Mul '\w+' is the first .*--compute-precision float32"):
        export(model, path, CONFIG, Preprocessing())


def test_outputs_that_stand_still_are_refused(tmp_path: Path) -> None:
    model = small(1e-4, 1e-4, 1e4, 1e4)  # nothing of the image is left after the second
    said = (
        r"does not follow its network.* The first operator that departs is \w+ '\w+', by [\d.e+-]+ of .*"
        r"float16's rounding alone\. Ask for --comp"
    )
    with pytest.raises(ParityError, match=said):
        export(model, tmp_path / "small.onnx", CONFIG, Preprocessing())


def test_the_largest_magnitude_of_each_result_is_observed(tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    export(small(7.0), path, OnnxConfig(image_size=32), Preprocessing())
    single = onnx.load(path)
    onnx_float16.convert(path)
    results = onnx_float16.half_results(onnx.load(path))
    shared = [name for node in single.graph.node for name in node.output if name in results]
    assert shared
    graph = onnx_float16.observed(single, shared)
    graph.graph.output.extend(onnx.ValueInfoProto(name=name) for name in shared)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    for name in shared:
        largest, result = session.run([onnx_float16.LARGEST + name, name], {"input": x})
        assert largest == np.abs(result).max()


def test_the_constants_are_rounded_that_the_float16_file_stores_so() -> None:
    single, half = (small_graph(third) for third in (np.float32(1 / 3), np.float16(1 / 3)))
    rounded = {tensor.name: tensor for tensor in onnx_float16.rounded_as(single, half).graph.initializer}
    assert numpy_helper.to_array(rounded["third"]) == np.float32(np.float16(1 / 3))
    assert numpy_helper.to_array(rounded["whole"]) == np.float32(1 / 7)  # which stays float32 in either
    (original, _) = single.graph.initializer
    assert numpy_helper.to_array(original) == np.float32(1 / 3)


def test_no_constant_becomes_zero_or_infinity_that_was_not() -> None:
    values = np.array([1e-12, -1e-12, 0, 1e6, -1e6, np.inf], np.float32)
    (rounded, _) = onnx_float16.rounded_as(small_graph(values), small_graph(np.float16(1))).graph.initializer
    assert numpy_helper.to_array(rounded).tolist() == [2**-24, -(2**-24), 0, 65504, -65504, np.inf]


def small_graph(third: "np.generic | np.ndarray[Any, Any]") -> onnx.ModelProto:
    constants = [
        numpy_helper.from_array(np.asarray(third), "third"),
        numpy_helper.from_array(np.asarray(np.float32(1 / 7)), "whole"),
    ]
    return onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], constants))


def test_a_file_without_float16_has_no_half_results(tmp_path: Path) -> None:
    assert onnx_float16.half_results(onnx.load(write_onnx(tmp_path / "x.onnx"))) == {}


def test_a_file_that_cannot_be_converted_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("no type for 'x'\nand much more")

    monkeypatch.setattr(onnx_float16, "convert_float_to_float16", refuse)
    with pytest.raises(ExportError, match="cannot be converted to float16: no type for 'x'; leave it in float32"):
        onnx_float16.convert(write_onnx(tmp_path / "x.onnx"))


class Anchored(nn.Module):
    """It gives anchors, too, which are no image's, and which it computes with."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=4)
        self.register_buffer("anchors", torch.rand(8, 4, generator=torch.Generator().manual_seed(0)))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        anchors = self.get_buffer("anchors")
        return self.conv(x).mean(dim=(2, 3)) @ anchors, anchors


def test_an_output_that_is_a_constant_is_given_in_float16_as_well(tmp_path: Path) -> None:
    path, model = tmp_path / "anchored.onnx", Anchored().eval()
    parity, *_ = export(model, path, CONFIG, Preprocessing(), outputs=("boxes", "anchors"))
    assert parity.still_outputs == ("anchors",)
    assert parity.rounding is not None
    assert parity.rounding.is_right
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal((1, 3, 32, 32), np.float32)
    _, anchors = session.run(["boxes", "anchors"], {"input": x})
    assert anchors.dtype == np.float32
    np.testing.assert_allclose(anchors, model.get_buffer("anchors").numpy(), rtol=1e-3)
