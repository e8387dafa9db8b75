from collections.abc import Sequence

import onnx
import pytest
from onnx import TensorProto, helper

from exporters.onnx.modules import carried, common, modules_of, named, noted

Node = tuple[str, list[str], list[str]]


def graph_of(nodes: Sequence[Node], scopes: Sequence[str] = ()) -> onnx.ModelProto:
    """Operators that are named after their first result, with torch's notes."""
    made = [helper.make_node(kind, ins, outs, name=f"node_{outs[0]}") for kind, ins, outs in nodes]
    for node, scope in zip(made, scopes, strict=False):
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=scope)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in (nodes[0][1][0], nodes[-1][2][0])]
    return helper.make_model(helper.make_graph(made, "small", values[:1], values[1:]))


BEFORE = graph_of(
    [("MatMul", ["x", "w"], ["a"]), ("Add", ["a", "b"], ["linear"]), ("Relu", ["linear"], ["relu"])],
    ["['', 'stem', 'stem.fc', 'linear']", "['', 'stem', 'stem.fc', 'linear']", "['', 'stem.act@1', 'relu']"],
)


def test_torch_notes_the_modules_of_operators() -> None:
    assert noted(BEFORE) == {
        "node_a": "stem.fc",
        "a": "stem.fc",
        "node_linear": "stem.fc",
        "linear": "stem.fc",
        "node_relu": "stem.act",  # the second call of it is no module of its own
        "relu": "stem.act",
    }


def test_what_was_put_between_two_values_was_made_of_what_stood_there() -> None:
    after = graph_of(
        [
            ("Reshape", ["x", "s"], ["new_1"]),
            ("Gemm", ["new_1", "w", "b"], ["new_2"]),
            ("Reshape", ["new_2", "t"], ["linear"]),
            ("Relu", ["linear"], ["relu"]),
        ]
    )
    found = carried(noted(BEFORE), BEFORE, after)
    assert [found[node.name] for node in after.graph.node] == ["stem.fc", "stem.fc", "stem.fc", "stem.act"]


def test_what_was_made_of_two_modules_is_of_what_holds_both() -> None:
    after = graph_of([("Fused", ["x", "w"], ["new"]), ("Identity", ["new"], ["relu"])])
    assert carried(noted(BEFORE), BEFORE, after)["new"] == "stem"


def test_older_exporters_name_operators_by_their_paths() -> None:
    graph = graph_of([("Conv", ["x"], ["/stages/0/conv/Conv_output_0"]), ("Relu", ["y"], ["z"])])
    graph.graph.node[0].name = "/stages/0/conv/Conv"
    assert named(graph) == dict.fromkeys(("/stages/0/conv/Conv", "/stages/0/conv/Conv_output_0"), "stages.0.conv")
    assert modules_of(graph) == named(graph)


def test_a_module_of_a_list_has_the_lists_name_in_its_own() -> None:
    names = ["/stages/stages.0/blocks/blocks.1/fc1/Conv", "/stages.0/stages.0.1/act/Mul", "/head/MatMul"]
    graph = graph_of([("Relu", ["x"], [name]) for name in names])
    found = [modules_of(graph)[name] for name in names]
    assert found == ["stages.0.blocks.1.fc1", "stages.0.1.act", "head"]


def test_tensorflows_names_are_paths_and_a_slash_in_a_few_names_is_chance() -> None:
    graph = graph_of([("Conv", ["x"], ["net/block1/conv/Conv2D:0"]), ("Relu", ["y"], ["net/block1/Relu:0"])])
    for node in graph.graph.node:
        node.name = node.output[0].removesuffix(":0")
    assert modules_of(graph) == {
        "net/block1/conv/Conv2D": "net.block1.conv",
        "net/block1/conv/Conv2D:0": "net.block1.conv",
        "net/block1/Relu": "net.block1",
        "net/block1/Relu:0": "net.block1",
    }
    fused = graph_of([("MatMul", ["x"], ["a"]), ("Gelu", ["a"], ["b"])])
    fused.graph.node[0].name = "node_matmul/MatmulTransposeFusion/"
    assert modules_of(fused) == {}


@pytest.mark.parametrize(
    ("paths", "shared"),
    [(["a.b.c", "a.b.d"], "a.b"), (["a.b", "a.b.c"], "a.b"), (["a", "b"], ""), (["a", ""], ""), (["a.b"], "a.b")],
)
def test_the_innermost_module_of_several(paths: list[str], shared: str) -> None:
    assert common(paths) == shared


@pytest.mark.parametrize("note", ["no list", "[", "['']"])
def test_a_strangers_note_says_nothing_of_a_module(note: str) -> None:
    assert set(noted(graph_of([("Relu", ["x"], ["y"])], [note])).values()) <= {""}
