import errno
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

import exporters.onnx.graph
import models
from exporters import ArtifactError, ExportError, OnnxConfig, ParityError
from exporters.onnx.export import export as export_onnx
from exporters.proof.parity import measure_parity
from models import Preprocessing
from tests.fakes import damaged, write_onnx

export = functools.partial(export_onnx, measure_parity=measure_parity)


class Small(nn.Module):
    """A network that exports in a second."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=4)
        self.head = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.nn.functional.gelu(self.conv(x)).mean(dim=(2, 3)))


@pytest.fixture
def small() -> nn.Module:
    model = Small().eval()
    models.fill(model, image_size=32)
    return model


def test_the_file_is_whole_checked_and_equal(small: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    parity, simplified = export(small, path, OnnxConfig(image_size=32), Preprocessing())
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
    _, simplified = export(small, path, OnnxConfig(image_size=32, batch_size=4, simplify=False), Preprocessing())
    assert simplified is None
    (tensor,), _ = exporters.onnx.graph.read_tensors(onnx.load(path))
    assert tensor.shape == (4, 3, 32, 32)


def test_an_opset_that_torch_cannot_write_is_refused(small: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot write opset 99"):
        export(small, tmp_path / "x.onnx", OnnxConfig(image_size=32, opset=99), Preprocessing())


def test_a_network_that_cannot_be_traced_says_why(tmp_path: Path) -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(ExportError, match=r"torch could not export Branching: .+"):
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
    parity, simplified = export(small, path, OnnxConfig(image_size=32), Preprocessing())
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


def test_parity_fails_for_another_networks_file(small: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    config = OnnxConfig(image_size=32, simplify=False)
    export(small, path, config, Preprocessing())
    with torch.no_grad():
        small.get_parameter("conv.weight")[0, 0, 0, 0] += 0.01
    with pytest.raises(ParityError, match="does not compute what the network computes"):
        measure_parity(small, path, config, Preprocessing())


def test_a_network_that_is_no_classifier_is_told_what_can_be_done(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="only classifiers are exported so far; a file that was exported elsewhere"):
        export(nn.Conv2d(3, 4, 3), tmp_path / "x.onnx", OnnxConfig(image_size=32), Preprocessing())


def test_nan_of_the_network_itself_is_not_blamed_on_its_file(small: nn.Module, tmp_path: Path) -> None:
    with torch.no_grad():
        small.get_parameter("conv.weight").fill_(torch.nan)
    with pytest.raises(ParityError, match="the network itself gives NaN or infinity"):
        export(small, tmp_path / "x.onnx", OnnxConfig(image_size=32), Preprocessing())


def test_parity_refuses_a_network_that_ignores_its_input(small: nn.Module, tmp_path: Path) -> None:
    with torch.no_grad():
        small.get_parameter("conv.weight").zero_()
    with pytest.raises(ParityError, match="hardly depends on the image"):
        export(small, tmp_path / "x.onnx", OnnxConfig(image_size=32), Preprocessing())


def test_parity_refuses_nan(small: nn.Module, tmp_path: Path) -> None:
    with torch.no_grad():
        small.get_parameter("head.bias")[0] = float("nan")
    with pytest.raises(ParityError):
        export(small, tmp_path / "x.onnx", OnnxConfig(image_size=32), Preprocessing())


def test_a_users_file_is_read_without_its_weights(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx", shape=("n", 3, "height", 8))
    (tensor,), _ = exporters.onnx.graph.read_tensors(exporters.onnx.graph.read_graph(path))
    assert tensor.shape == ("n", 3, "height", 8)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x0a"])
def test_a_file_that_is_no_onnx_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(ArtifactError, match="not an ONNX file"):
        exporters.onnx.graph.read_graph(tmp_path / "x.onnx")


def test_an_invalid_graph_says_so(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx", operator="NoSuchOperator")
    with pytest.raises(ArtifactError, match=r"not a valid ONNX file.*NoSuchOperator"):
        exporters.onnx.graph.read_graph(path)


def with_external_weight(path: Path, location: str, *, dims: Sequence[int] = (4,), **entries: str) -> Path:
    graph = onnx.load(write_onnx(path))
    tensor = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.dims[:] = dims
    for key, value in {"location": location, **entries}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    graph.graph.initializer.append(tensor)
    path.write_bytes(graph.SerializeToString())
    return path


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "sub/../../secret"])
def test_weights_outside_the_files_folder_are_not_followed(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(16))
    with pytest.raises(ArtifactError, match="outside its folder"):
        exporters.onnx.graph.read_graph(with_external_weight(folder / "x.onnx", location))


@pytest.mark.parametrize(
    ("link", "to", "location"),
    [("data", "../secret", "data"), ("sub", "..", "sub/secret"), ("data", "other", "data")],
)
def test_a_link_out_of_the_folder_is_not_followed(link: str, to: str, location: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(16))
    (folder / "other").symlink_to(tmp_path / "secret")
    (folder / link).symlink_to(to)
    with pytest.raises(ArtifactError, match="outside its folder"):
        exporters.onnx.graph.read_graph(with_external_weight(folder / "x.onnx", location))


@pytest.mark.parametrize(
    ("dims", "entries", "said"),
    [
        ([1 << 40], {}, "of shape 1099511627776, in 'data.bin', and that file has only 16 bytes"),
        ([1 << 40, 1 << 40], {"length": "16"}, "has only 16 bytes"),
        ([4], {"offset": "8", "length": "16"}, "has only 16 bytes"),
        ([4], {"offset": "1000000000000000"}, "has only 16 bytes"),
        ([4], {"offset": "-8"}, "is not a valid ONNX file"),
        ([4], {"offset": "here"}, "is not a valid ONNX file"),
    ],
)
def test_weights_larger_than_the_file_that_holds_them_are_refused(
    dims: list[int], entries: dict[str, str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(16))
    path = with_external_weight(tmp_path / "x.onnx", "data.bin", dims=dims, **entries)
    with pytest.raises(ArtifactError, match=said):
        exporters.onnx.graph.read_graph(path)


@pytest.mark.parametrize("dims", [[1 << 40], [1 << 40, 1 << 40], [-4]])
def test_a_tensor_of_an_absurd_size_is_refused(dims: list[int], tmp_path: Path) -> None:
    graph = onnx.load(write_onnx(tmp_path / "x.onnx"))
    tensor = onnx.numpy_helper.from_array(np.zeros(4, np.float32), "w")
    tensor.dims[:] = dims
    graph.graph.initializer.append(tensor)
    (tmp_path / "x.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(ArtifactError, match="is not a valid ONNX file"):
        exporters.onnx.graph.read_graph(tmp_path / "x.onnx")


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"'data\.bin', and that file is not beside it"):
        exporters.onnx.graph.read_graph(with_external_weight(tmp_path / "x.onnx", "data.bin"))


def test_weights_beside_the_file_are_found(tmp_path: Path) -> None:
    path = with_external_weight(tmp_path / "x.onnx", "data.bin")
    (tmp_path / "data.bin").write_bytes(bytes(16))
    assert exporters.onnx.graph.external_files(exporters.onnx.graph.read_graph(path), path) == [tmp_path / "data.bin"]


@pytest.mark.parametrize(("field", "value"), [("batch_size", 0), ("opset", 17)])
def test_a_config_out_of_range_is_refused(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=field):
        msgspec.convert({"image_size": 224, field: value}, OnnxConfig)


def test_what_is_no_tensor_of_numbers_is_refused_before_it_runs(tmp_path: Path) -> None:
    text = helper.make_tensor_value_info("words", TensorProto.STRING, [1])
    sequence = helper.make_tensor_sequence_value_info("list", TensorProto.FLOAT, [1])
    for value, node, said in (
        (text, helper.make_node("Identity", ["words"], ["out"]), "elements that effmod cannot feed: string"),
        (sequence, helper.make_node("Identity", ["list"], ["out"]), "'list' is a sequence"),
    ):
        out = onnx.ValueInfoProto()
        out.CopyFrom(value)
        out.name = "out"
        graph = helper.make_graph([node], "g", [value], [out])
        path = tmp_path / f"{value.name}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
        with pytest.raises(ArtifactError, match=said):
            exporters.onnx.graph.read_graph(path)


def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    path = with_external_weight(tmp_path / "x.onnx", "data.bin", offset="0", length="16")
    (tmp_path / "data.bin").write_bytes(bytes(16))
    read, refused = 0, 0
    for content in damaged(path.read_bytes(), 500):
        path.write_bytes(content)
        try:
            exporters.onnx.graph.read_tensors(exporters.onnx.graph.read_graph(path))
            read += 1
        except ArtifactError:
            refused += 1
    assert (read > 20, refused > 200) == (True, True), (read, refused)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx")
    path.write_bytes(path.read_bytes().replace(b"small", b"sm\xffll"))
    with pytest.raises(ArtifactError, match=r"damaged: b'sm\\xffll' in it is no text"):
        exporters.onnx.graph.read_graph(path)


@pytest.mark.parametrize("location", ["a\0b", "x" * 5000, "circle"])
def test_a_location_that_names_no_file_is_refused(location: str, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ArtifactError, match="which names no file"):
        exporters.onnx.graph.read_graph(with_external_weight(tmp_path / "x.onnx", location))


def test_a_key_of_external_data_that_onnx_does_not_know_is_left_to_the_runtime(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(bytes(16))
    path = with_external_weight(tmp_path / "x.onnx", "data.bin", prepacked_0="1")
    assert exporters.onnx.graph.external_files(exporters.onnx.graph.load_graph(path), path) == [tmp_path / "data.bin"]


def test_a_type_of_elements_that_onnx_does_not_know_is_refused(tmp_path: Path) -> None:
    graph = onnx.load(write_onnx(tmp_path / "x.onnx"))
    graph.graph.output[0].type.tensor_type.elem_type = 101
    assert exporters.onnx.graph.read_tensors(graph)[1][0].dtype == "type 101"
    graph.graph.input[0].type.tensor_type.elem_type = 101
    with pytest.raises(ArtifactError, match="elements that effmod cannot feed: type 101"):
        exporters.onnx.graph.check_graph(graph, tmp_path / "x.onnx")


def test_a_negative_size_is_an_open_one(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx", shape=(-1, 3, 8, 8))
    assert exporters.onnx.graph.read_tensors(exporters.onnx.graph.read_graph(path))[0][0].shape == ("?", 3, 8, 8)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.onnx")
    with pytest.raises(ArtifactError, match="it is not a file"):
        exporters.onnx.graph.read_graph(tmp_path / "x.onnx")
