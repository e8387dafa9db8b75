from pathlib import Path

from onnx import TensorProto

from exporters.onnx.trial import smallest_that_runs
from results import InputTensor
from tests.fakes import value, write_graph

X = InputTensor(name="x", dtype="float", shape=(1, 4))
NUMBER = InputTensor(name="n", dtype="int64", shape=())


def write(path: Path, *nodes: tuple[str, list[str], list[str], dict[str, object]]) -> Path:
    inputs = [value("x", TensorProto.FLOAT, [1, 4]), value("n", TensorProto.INT64, [])]
    return write_graph(path, nodes, inputs, [value("y", TensorProto.FLOAT, ["a", "b"])])


def test_one_is_taken_where_it_runs(tmp_path: Path) -> None:
    path = write(tmp_path / "x.onnx", ("Gather", ["x", "n"], ["g"], {"axis": 1}), ("Unsqueeze", ["g", "n"], ["y"], {}))
    assert smallest_that_runs(path, [X, NUMBER], {"x": "normal"}) == "1"


def test_zero_is_next(tmp_path: Path) -> None:
    path = write(tmp_path / "x.onnx", ("Gather", ["x", "n"], ["g"], {"axis": 0}), ("Unsqueeze", ["g", "n"], ["y"], {}))
    assert smallest_that_runs(path, [X, NUMBER], {"x": "normal"}) == "0"


def test_then_the_powers_of_two(tmp_path: Path) -> None:
    # Of less than 4 the root of n - 4 is NaN.
    path = write(
        tmp_path / "x.onnx",
        ("Cast", ["n"], ["f"], {"to": TensorProto.FLOAT}),
        ("Constant", [], ["four"], {"value_float": 4.0}),
        ("Sub", ["f", "four"], ["d"], {}),
        ("Sqrt", ["d"], ["r"], {}),
        ("Add", ["x", "r"], ["y"], {}),
    )
    assert smallest_that_runs(path, [X, NUMBER], {"x": "normal"}) == "4"


def test_where_it_runs_with_none_there_is_no_answer(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.onnx",
        ("Cast", ["n"], ["f"], {"to": TensorProto.FLOAT}),
        ("Log", ["f"], ["l"], {}),
        ("Neg", ["l"], ["m"], {}),
        ("Abs", ["f"], ["p"], {}),
        ("Sub", ["m", "p"], ["d"], {}),
        ("Sqrt", ["d"], ["r"], {}),
        ("Sub", ["r", "r"], ["z"], {}),
        ("Add", ["x", "z"], ["y"], {}),
    )
    assert smallest_that_runs(path, [X, NUMBER], {"x": "normal"}) is None
    assert smallest_that_runs(tmp_path / "gone.onnx", [X, NUMBER], {"x": "normal"}) is None
