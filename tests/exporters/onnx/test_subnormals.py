from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from exporters.artifact.sidecar import Subnormals
from exporters.onnx.evaluator import onnx_subnormals
from exporters.onnx.subnormals import count_in, weights
from tests.exporters.onnx.rewrites.support import graph

SMALL = np.array([0, 1e-40, -1e-40, 1e-38, 1.2e-38, 1, 2e-45], np.float32)  # four of them are subnormal


def model(nodes: list[onnx.NodeProto], *tensors: onnx.TensorProto) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 7]) for name in "xy")
    made = helper.make_graph(nodes, "g", [x], [y], list(tensors))
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_the_weights_are_counted_by_type_wherever_a_graph_holds_them() -> None:
    inner = helper.make_graph(
        [helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(SMALL))],
        "inner",
        [],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [7])],
    )
    found = model(
        [
            helper.make_node("If", ["yes"], ["i"], then_branch=inner, else_branch=inner),
            helper.make_node("Add", ["x", "w"], ["a"]),
            helper.make_node("Cast", ["half"], ["h"], to=TensorProto.FLOAT),
            helper.make_node("Sum", ["a", "h", "i"], ["y"]),
        ],
        numpy_helper.from_array(np.array(True), "yes"),
        numpy_helper.from_array(SMALL, "w"),
        numpy_helper.from_array(np.array([6e-5, 7e-5], np.float16), "half"),
        numpy_helper.from_array(np.array([1, 2]), "whole"),
    )
    assert weights(found) == {"float": 12, "float16": 1}
    assert weights(model([helper.make_node("Relu", ["x"], ["y"])])) == {}


def test_weights_beside_a_file_are_counted_as_well(tmp_path: Path) -> None:
    beside = model([helper.make_node("Add", ["x", "w"], ["y"])], numpy_helper.from_array(SMALL, "w"))
    onnx.save(beside, tmp_path / "x.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    assert weights(onnx.load(tmp_path / "x.onnx", load_external_data=False), tmp_path) == {"float": 4}


def test_what_operators_give_is_counted_over_all_inferences_and_the_first_is_named(tmp_path: Path) -> None:
    tiny = numpy_helper.from_array(np.array(1e-30, np.float32), "tiny")
    less = numpy_helper.from_array(np.array(1e-10, np.float32), "less")
    nodes = [
        helper.make_node("Mul", ["x", "tiny"], ["a"], name="small"),  # 1e-30
        helper.make_node("Mul", ["a", "less"], ["b"], name="smaller"),  # 1e-40 where x is not 0
        helper.make_node("Neg", ["b"], ["c"]),
        helper.make_node("Mul", ["c", "less"], ["y"]),  # 1e-50 is 0
    ]
    onnx.save(model(nodes, tiny, less), tmp_path / "x.onnx")
    feeds = [{"x": np.array([[1, 1, 0, -1, 0, 0, 0]], np.float32)}, {"x": np.ones((1, 7), np.float32)}]
    found = onnx_subnormals(tmp_path / "x.onnx", feeds)
    assert found == Subnormals(weights={}, activations=2 * (3 + 7), operator="smaller", kind="Mul")
    assert onnx_subnormals(tmp_path / "x.onnx", [{"x": np.zeros((1, 7), np.float32)}]).operator is None


def test_of_a_graph_that_does_not_run_the_weights_are_counted() -> None:
    strange = model([helper.make_node("Add", ["x", "w"], ["y"], domain="mine")], numpy_helper.from_array(SMALL, "w"))
    assert count_in(strange, [], stored=strange) == Subnormals(weights={"float": 4}, activations=None)


def test_whole_numbers_that_operators_give_are_none() -> None:
    text = "g (int64[2] x) => (int64[2] y) { y = Neg(x) }"
    found = count_in(graph(text), [{"x": np.array([1, 2])}], stored=graph(text))
    assert found == Subnormals(weights={}, activations=0)
