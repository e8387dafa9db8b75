from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from exporters import OnnxConfig
from exporters.onnx.export import export
from exporters.onnx.runtime_graph import (
    BY_NAME,
    BY_NEIGHBOURS,
    BY_VALUE,
    Names,
    Operator,
    Shapes,
    base_name,
    join,
    read_drawn,
    read_names,
    read_runtime_graph,
)
from exporters.proof.parity import measure_parity
from models import Preprocessing
from tests.exporters.onnx.test_modules import Node, graph_of


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("conv2d_1_nchwc", "conv2d_1"),
        ("conv2d_1", "conv2d_1"),
        ("conv2d_12", None),  # and not conv2d, or conv2d_1
        ("node_matmul/MatmulTransposeFusion/", "node_matmul"),
        ("gelu_fused Conv", "node_gelu"),
        ("ReorderInput_token_7", None),
        ("", None),
    ],
)
def test_a_name_is_derived_from_another_by_what_is_put_behind_it(name: str, base: str | None) -> None:
    assert base_name(name, dict.fromkeys(("conv2d", "conv2d_1", "node_matmul", "node_gelu"))) == base


def test_an_operator_is_joined_by_value_by_name_or_by_its_neighbours() -> None:
    graph = graph_of(
        [
            ("ReorderInput", ["fc"], ["token_0"]),
            ("Conv", ["token_0"], ["token_1"]),
            ("Mystery", ["token_1"], ["token_2"]),
            ("ReorderOutput", ["token_2"], ["act"]),
            ("Relu", ["elsewhere"], ["far"]),
        ]
    )
    names = ["ReorderInput", "conv_nchwc", "Mystery", "ReorderOutput", "far"]
    for node, name in zip(graph.graph.node, names, strict=True):
        node.name = name
    found = join(graph, {"fc": "stem.fc", "conv": "stem.conv", "act": "stem.act"}, {})
    assert found == {
        "ReorderInput": ("stem.fc", BY_VALUE),  # it copies what the linear layer gave
        "conv_nchwc": ("stem.conv", BY_NAME),
        "Mystery": ("stem", BY_NEIGHBOURS),
        "ReorderOutput": ("stem.act", BY_VALUE),
        "far": (None, None),
    }


def test_a_value_without_a_path_has_that_of_the_operator_that_gives_it(tmp_path: Path) -> None:
    file, optimized = tmp_path / "a.onnx", tmp_path / "b.onnx"
    graph = graph_of([("Relu", ["x"], ["r0"]), ("Relu", ["r0"], ["r1"])])
    for name, source in (("/stages/{}/act/Relu", file), ("r{}_nchwc", optimized)):
        for number, node in enumerate(graph.graph.node):
            node.name = name.format(number)
        onnx.save(graph, source)
    found = read_runtime_graph(file, optimized, {})
    assert [found[f"r{number}_nchwc"].module for number in range(2)] == ["stages.0.act", "stages.1.act"]


WRITTEN_OUT = (
    ("Conv", ["x"], ["/fc1/Conv_output"]),
    ("Erf", ["/fc1/Conv_output"], ["/act/Erf_output"]),
    ("Mul", ["/act/Erf_output", "/fc1/Conv_output"], ["/act/Mul_output"]),
)


def laid(tmp_path: Path, own: Sequence[Node], ran: Sequence[Node], names: Sequence[str]) -> dict[str, Operator]:
    """What is found of a runtime's operators of these names."""
    file, optimized = tmp_path / "a.onnx", tmp_path / "b.onnx"
    onnx.save(graph_of(own), file)
    graph = graph_of(ran)
    for node, name in zip(graph.graph.node, names, strict=True):
        node.name = name
    onnx.save(graph, optimized)
    return read_runtime_graph(file, optimized, {})


def test_what_a_written_out_activation_was_made_one_operator_of_is_known(tmp_path: Path) -> None:
    own = [*WRITTEN_OUT, ("Conv", ["/act/Mul_output"], ["/fc2/Conv_output"])]
    ran = [("Conv", ["x"], ["t0"]), ("Gelu", ["t0"], ["t1"]), ("Conv", ["t1"], ["t2"])]
    found = laid(tmp_path, own, ran, ["/fc1/Conv_output_nchwc", "Gelu", "/fc2/Conv_output_nchwc"])
    assert (found["Gelu"].module, found["Gelu"].joined) == ("act", BY_VALUE)
    assert found["Gelu"].origin == "/act/Mul_output"


@pytest.mark.parametrize(
    ("kind", "behind"),
    [
        # An activation that was taken up by the convolution, in either layout,
        ("FusedConv", [("Conv", ["/act/Mul_output"], ["/fc2/Conv_output"]), ("Relu", ["/fc2/Conv_output"], ["y"])]),
        ("Conv", [("Conv", ["/act/Mul_output"], ["/fc2/Conv_output"]), ("Relu", ["/fc2/Conv_output"], ["y"])]),
        # a sum by the product,
        ("Gemm", [("MatMul", ["/act/Mul_output"], ["/fc2/MatMul_output"]), ("Add", ["/fc2/MatMul_output"], ["y"])]),
        # and a second activation that was written out.
        ("Gelu", [("Erf", ["/act/Mul_output"], ["/fc2/Erf_output"]), ("Mul", ["/fc2/Erf_output"], ["y"])]),
    ],
)
def test_what_the_operator_behind_has_taken_up_itself_is_not_counted_to_an_unknown_one(
    tmp_path: Path, kind: str, behind: Sequence[Node]
) -> None:
    ran = [("Conv", ["x"], ["t0"]), ("Gelu", ["t0"], ["t1"]), (kind, ["t1"], ["y"])]
    found = laid(tmp_path, [*WRITTEN_OUT, *behind], ran, ["/fc1/Conv_output_nchwc", "Gelu", "last"])
    assert (found["Gelu"].joined, found["Gelu"].origin) == (BY_NEIGHBOURS, None)


def test_of_two_unknown_operators_in_a_row_nobody_knows_which_was_made_of_what(tmp_path: Path) -> None:
    second = [("Sigmoid", ["/act/Mul_output"], ["/gate/S_output"]), ("Mul", ["/gate/S_output"], ["/gate/Mul_output"])]
    own = [*WRITTEN_OUT, *second, ("Conv", ["/gate/Mul_output"], ["/fc2/Conv_output"])]
    ran = [
        ("Conv", ["x"], ["t0"]),
        ("Gelu", ["t0"], ["t1"]),
        ("QuickGelu", ["t1"], ["t2"]),
        ("Conv", ["t2"], ["/fc2/Conv_output"]),
    ]
    found = laid(tmp_path, own, ran, ["/fc1/Conv_output_nchwc", "Gelu", "QuickGelu", "last"])
    assert [(found[name].joined, found[name].origin) for name in ("Gelu", "QuickGelu")] == [(BY_NEIGHBOURS, None)] * 2


def test_of_two_unknown_operators_that_one_reads_nobody_knows_which_was_made_of_what(tmp_path: Path) -> None:
    branches = [("Relu", ["x"], ["/a/Relu_output"]), ("Tanh", ["x"], ["/b/Tanh_output"])]
    own = [*branches, ("Add", ["/a/Relu_output", "/b/Tanh_output"], ["/c/Add_output"])]
    ran = [("Relu", ["x"], ["t0"]), ("Tanh", ["x"], ["t1"]), ("Add", ["t0", "t1"], ["/c/Add_output"])]
    found = laid(tmp_path, own, ran, ["node_t0", "node_t1", "last"])
    assert [found[name].joined for name in ("node_t0", "node_t1")] == [BY_NEIGHBOURS] * 2
    assert [found[name].origin for name in ("node_t0", "node_t1")] == [None] * 2


def test_an_operator_is_drawn_by_its_own_name_or_else_by_its_place(tmp_path: Path) -> None:
    graph = graph_of([("Relu", ["x"], ["a"]), ("Relu", ["a"], ["b"])])
    graph.graph.node[1].name = ""
    onnx.save(graph, tmp_path / "a.onnx")
    drawn = read_drawn(tmp_path / "a.onnx")
    assert drawn.graph == "small"
    assert drawn.operators == {"node_a": "node_a", "a": "node_a", "<node_1>": "<node_1>", "b": "<node_1>"}


def test_operators_without_names_have_those_that_the_profile_tells_in_the_order_in_which_they_ran(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.onnx"
    graph = graph_of([("MatMul", ["x", "w"], ["a"]), ("Relu", ["a"], ["b"]), ("MatMul", ["b", "v"], ["c"])])
    weights = {"w": np.zeros((3, 4), np.float32), "v": np.zeros((4, 5), np.float32)}
    graph.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in weights.items())
    for node in graph.graph.node:
        node.name = ""
    onnx.save(graph, file)
    ran: dict[str, tuple[Shapes, Shapes]] = {
        "MatMul_7": (((2, 3),), ((2, 4),)),
        "Relu_1": (((2, 4),), ((2, 4),)),
        "MatMul_0": (((2, 4),), ((2, 5),)),  # the number tells when it was made, not when it ran
    }
    found = read_runtime_graph(file, file, ran)
    assert {name: each.macs for name, each in found.items()} == {"MatMul_7": 24, "Relu_1": 0, "MatMul_0": 40}
    assert [found[name].weight_bytes for name in ("MatMul_7", "MatMul_0")] == [48, 80]


class Known(nn.Module):
    """Two convolutions of a width that the runtime's blocks take, one of another, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.odd = nn.Conv2d(3, 32, 3), nn.Conv2d(32, 18, 1)
        self.inner, self.head = nn.Sequential(nn.Conv2d(18, 32, 1), nn.GELU()), nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.inner(self.odd(self.stem(x))).mean((2, 3)))


def _optimized(path: Path, optimized: Path) -> None:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(optimized), 3
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def test_the_runtimes_graph_of_a_known_network_is_laid_on_its_modules(tmp_path: Path) -> None:
    file, optimized = tmp_path / "a.onnx", tmp_path / "b.onnx"
    torch.manual_seed(0)
    model = Known().eval()
    *_, modules = export(model, file, OnnxConfig(image_size=32), Preprocessing(), measure_parity=measure_parity)
    assert {"stem", "odd", "inner.0", "inner.1", "head", ""} == set(modules)
    _optimized(file, optimized)
    by_name = {name: module for module, names in modules.items() for name in names}
    # As the file lies beside no sidecar here, what was noted is asked of the graph itself.
    graph = onnx_with_notes(file, by_name)
    shapes: dict[str, tuple[Shapes, Shapes]] = {"conv2d_nchwc": (((1, 3, 32, 32),), ((1, 32, 30, 30),))}
    found = read_runtime_graph(graph, optimized, shapes)
    assert read_names(graph) == Names(is_named=True, has_modules=True)
    assert read_names(optimized) == Names(is_named=True, has_modules=False)
    assert all(operator.module is not None for operator in found.values())
    assert {operator.module for operator in found.values()} >= {"stem", "odd", "inner.0", "head"}
    stem = next(each for each in found.values() if each.module == "stem" and each.macs)
    assert stem.macs == 32 * 30 * 30 * 3 * 3 * 3
    assert stem.weight_bytes == 4 * (32 * 3 * 3 * 3 + 32)
    assert {each.module for each in found.values() if each.unaligned} <= {"inner.0"}


def test_a_width_that_misses_the_blocks_is_told_of_a_convolution_with_its_activation_too(tmp_path: Path) -> None:
    file, optimized = tmp_path / "a.onnx", tmp_path / "b.onnx"
    weights = {"stem": (18, 32, 1, 1), "depthwise": (18, 1, 3, 3), "head": (32, 18, 1, 1)}
    nodes = []
    for source, (name, shape) in zip("xac", weights.items(), strict=True):
        groups = 18 if name == "depthwise" else 1
        kernel = [shape[-1]] * 2
        result = {"stem": "a", "depthwise": "b", "head": "y"}[name]
        nodes.append(helper.make_node("Conv", [source, name], [result], name=name, group=groups, kernel_shape=kernel))
    nodes.insert(2, helper.make_node("Relu", ["b"], ["c"], name="relu"))
    x, y = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 32, size, size])
        for name, size in (("x", 8), ("y", 6))
    )
    constants = [onnx.numpy_helper.from_array(np.ones(shape, np.float32), name) for name, shape in weights.items()]
    graph = helper.make_graph(nodes, "widths", [x], [y], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), file)
    _optimized(file, optimized)
    kinds = {node.name: node.op_type for node in onnx.load(optimized).graph.node}
    found = read_runtime_graph(file, optimized, {})
    assert {kinds[name] for name, each in found.items() if each.depthwise} == {"FusedConv"}
    assert {kinds[name]: each.depthwise for name, each in found.items() if each.unaligned} == {
        "FusedConv": True,
        "Conv": False,  # the one that reads 18 channels
    }


def onnx_with_notes(path: Path, modules: dict[str, str]) -> Path:
    """The same file with torch's notes of these modules."""
    graph = onnx.load(path)
    for node in graph.graph.node:
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=str(["", modules[node.name], node.name]))
    onnx.save(graph, path)
    return path


@pytest.mark.parametrize(
    ("kind", "shape", "constant", "result", "macs"),
    [
        ("MatMul", (2, 5, 3), (3, 4), (2, 5, 4), 2 * 5 * 3 * 4),
        ("Gemm", (2, 3), (3, 4), (2, 4), 2 * 3 * 4),
        ("Conv", (1, 8, 6, 6), (4, 2, 3, 3), (1, 4, 4, 4), 4 * 4 * 4 * 2 * 9),
        ("Relu", (1, 8), (1,), (1, 8), 0),
    ],
)
def test_multiply_adds_are_counted_from_shapes(
    tmp_path: Path,
    kind: str,
    shape: tuple[int, ...],
    constant: tuple[int, ...],
    result: tuple[int, ...],
    macs: int,
) -> None:
    weight = helper.make_tensor("w", TensorProto.FLOAT, constant, np.zeros(constant, np.float32).flatten())
    node = helper.make_node(kind, ["x", "w"] if kind != "Relu" else ["x"], ["y"], name="n")
    values = [helper.make_tensor_value_info("x", 1, shape), helper.make_tensor_value_info("y", 1, result)]
    path = tmp_path / "x.onnx"
    onnx.save(helper.make_model(helper.make_graph([node], "g", values[:1], values[1:], [weight])), path)
    assert read_runtime_graph(path, path, {"n": ((shape,), (result,))})["n"].macs == macs
