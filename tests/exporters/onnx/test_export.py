import errno
import functools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import exporters.onnx.graph
from exporters import ExportError, OnnxConfig
from exporters.onnx.export import export as export_onnx
from exporters.proof.parity import measure_parity
from models import Preprocessing

export = functools.partial(export_onnx, measure_parity=measure_parity)


def test_the_file_is_whole_checked_and_equal(small: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    parity, simplified, _ = export(small, path, OnnxConfig(image_size=32), Preprocessing())
    assert parity.relative_error < 1e-5
    assert parity.top1_agreement == 1
    assert parity.inputs == 8
    assert parity.output_change > 0.01
    assert simplified is True
    assert [file.name for file in tmp_path.iterdir()] == ["small.onnx"]  # weights are inside
    graph = onnx.load(path)
    assert exporters.onnx.graph.opset_of(graph) == 20
    inputs, outputs = exporters.onnx.graph.read_tensors(graph)
    assert (inputs[0].name, inputs[0].shape, inputs[0].dtype) == ("input", (1, 3, 32, 32), "float")
    assert (outputs[0].name, outputs[0].shape) == ("logits", (1, 10))


def test_an_open_batch_axis_takes_any_batch(small: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    export(small, path, OnnxConfig(image_size=32, dynamic_batch=True), Preprocessing())
    (tensor,), _ = exporters.onnx.graph.read_tensors(onnx.load(path))
    assert tensor.shape == ("batch", 3, 32, 32)
    x = torch.randn(5, 3, 32, 32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, {"input": x.numpy()})[0], small(x).detach(), atol=1e-5)


def test_a_batch_is_static_by_default(small: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    _, simplified, _ = export(small, path, OnnxConfig(image_size=32, batch_size=4, simplify=False), Preprocessing())
    assert simplified is None
    (tensor,), _ = exporters.onnx.graph.read_tensors(onnx.load(path))
    assert tensor.shape == (4, 3, 32, 32)


class Alike(nn.Module):
    """A network whose own tensors are called as its input and its output are."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=4)
        self.register_buffer("input", torch.rand(8, generator=torch.Generator().manual_seed(0)))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean = self.conv(x).mean(dim=(2, 3))
        return mean, mean * self.get_buffer("input")


def test_what_is_called_as_an_input_or_output_within_the_network_gives_way(tmp_path: Path) -> None:
    path, model = tmp_path / "alike.onnx", Alike().eval()
    parity, simplified, _ = export(
        model, path, OnnxConfig(image_size=32), Preprocessing(), outputs=("scores", "conv2d")
    )
    assert parity.relative_error < 1e-5
    assert simplified is True
    inputs, outputs = exporters.onnx.graph.read_tensors(onnx.load(path))
    assert ([x.name for x in inputs], [y.name for y in outputs]) == (["input"], ["scores", "conv2d"])
    x = torch.randn(1, 3, 32, 32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for found, expected in zip(session.run(None, {"input": x.numpy()}), model(x), strict=True):
        np.testing.assert_allclose(found, expected.detach(), atol=1e-5)


def test_an_opset_that_torch_cannot_write_is_refused(small: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot write opset 99"):
        export(small, tmp_path / "x.onnx", OnnxConfig(image_size=32, opset=99), Preprocessing())


def test_a_network_that_cannot_be_traced_says_why(tmp_path: Path) -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(ExportError, match=r"could not export Branching: which way it goes, .*\(test_export\.py, line"):
        export(Branching().eval(), tmp_path / "x.onnx", OnnxConfig(image_size=32), Preprocessing())


def test_a_simplifier_that_changes_the_outputs_is_not_kept(
    small: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(graph: onnx.ModelProto) -> tuple[onnx.ModelProto, bool]:
        weight = next(t for t in graph.graph.initializer if tuple(t.dims) == (8, 3, 3, 3))
        weight.CopyFrom(onnx.numpy_helper.from_array(1.01 * onnx.numpy_helper.to_array(weight), weight.name))
        return graph, True

    monkeypatch.setattr("onnxsim.simplify", spoil)
    path = tmp_path / "small.onnx"
    parity, simplified, _ = export(small, path, OnnxConfig(image_size=32), Preprocessing())
    assert simplified is False
    assert parity.relative_error < 1e-5
    assert [file.name for file in tmp_path.iterdir()] == ["small.onnx"]


def test_a_full_disk_is_not_taken_for_a_fault_of_the_network(
    small: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("export failed") from OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch.onnx, "export", full)
    with pytest.raises(OSError, match="No space left"):
        export(small, tmp_path / "x.onnx", OnnxConfig(image_size=32), Preprocessing())
