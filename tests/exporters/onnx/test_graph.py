import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import exporters.onnx.graph
from exporters import ArtifactError
from tests.fakes import damaged, write_onnx


def test_a_users_file_is_read_without_its_weights(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx", shape=("n", 3, "height", 8))
    (tensor,), _ = exporters.onnx.graph.read_tensors(exporters.onnx.graph.read_graph(path))
    assert tensor.shape == ("n", 3, "height", 8)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x0a"])
def test_a_file_that_is_no_onnx_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    with pytest.raises(ArtifactError, match="not an ONNX file"):
        exporters.onnx.graph.read_graph(tmp_path / "x.onnx")


def test_a_file_of_other_domains_alone_is_not_called_damaged(tmp_path: Path) -> None:
    graph = onnx.load(write_onnx(tmp_path / "x.onnx"))
    del graph.opset_import[:]
    graph.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    onnx.save(graph, tmp_path / "x.onnx")
    with pytest.raises(ArtifactError, match=r"x\.onnx uses operators of ai\.onnx\.ml alone, and none of"):
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


def test_what_lies_in_the_place_of_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(ArtifactError, match=r"x\.onnx is no ONNX file: it is Git LFS's note .*git lfs pull"):
        exporters.onnx.graph.read_graph(tmp_path / "x.onnx")
