from pathlib import Path

from onnx import TensorProto

from exporters.derived.chosen import choose
from results import InputTensor
from tests.fakes import value, write_graph

X = InputTensor(name="x", dtype="float", shape=(1, 4))
MASK = InputTensor(name="mask", dtype="int64", shape=(1, 4))
INDEX = InputTensor(name="index", dtype="int64", shape=(1,))


def write(path: Path, rows: int) -> Path:
    """A file that takes a row of `rows` by its index."""
    return write_graph(
        path,
        [("Gather", ["x", "index"], ["y"], {"axis": 0})],
        [value("x", TensorProto.FLOAT, [rows, 4]), value("index", TensorProto.INT64, [1])],
        [value("y", TensorProto.FLOAT, [1, 4])],
    )


def test_what_was_given_comes_before_the_rule(tmp_path: Path) -> None:
    path = write(tmp_path / "x.onnx", 1)
    found = choose(path, [X, MASK, INDEX], {"x": ("0.5",), "index": ("7",)})
    assert found == {"x": ("0.5",), "mask": ("ones",), "index": ("7",)}


def test_a_whole_number_is_one_that_the_file_takes(tmp_path: Path) -> None:
    assert choose(write(tmp_path / "x.onnx", 1), [X, INDEX], {}) == {"x": ("normal",), "index": ("0",)}


def test_where_it_takes_none_it_is_one_and_running_the_file_tells_why(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"none")
    assert choose(tmp_path / "broken.onnx", [X, INDEX], {})["index"] == ("1",)
    assert choose(tmp_path / "net.mlpackage", [X, INDEX], {})["index"] == ("1",)
