"""ONNX in float16: the conversion, and what float16 does to the outputs.

ONNX Runtime has few float16 operators for CPUs: it computes in float32 there and leaves out the rounding between
operators, so that a network that overflows on a GPU gives right outputs. `rounded` puts the rounding back.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from exporters.errors import ExportError

LARGEST = "largest/"
"""Before a tensor's name: the output of `rounded` that holds its largest magnitude."""


def convert(path: Path) -> None:
    """Rewrite a float32 file in float16, input and output excepted. Weights beyond float16's range become its largest.

    Raises:
        ExportError: the file cannot be converted, or is not valid afterwards.
    """
    try:
        graph = convert_float_to_float16(onnx.load(path), keep_io_types=True)
        OnnxModel.graph_topological_sort(graph.graph)  # the converter puts what it adds at the end
        onnx.save(graph, path)
        onnx.checker.check_model(path, full_check=True)
    except (ValueError, RuntimeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        first = str(error).strip().partition("\n")[0]
        raise ExportError(f"{path.name} cannot be converted to float16: {first}; leave it in float32") from error


def half_tensors(graph: onnx.ModelProto) -> dict[str, NodeProto]:
    """The float16 results of a graph's operators by name, each with its operator, in the order of computation."""
    inferred = onnx.shape_inference.infer_shapes(graph).graph
    halves = {
        value.name
        for value in (*inferred.value_info, *inferred.output)
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16
    }
    return {name: node for node in graph.graph.node for name in node.output if name in halves}


def in_float32(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with float32 wherever it says float16: its weights stay rounded, nothing else is.

    For each result that was float16 there is an output more, its largest magnitude, named `LARGEST` + its name.
    """
    single = _retyped(graph)
    for name in half_tensors(graph):
        magnitude, largest = f"magnitude/{name}", LARGEST + name
        single.graph.node.append(helper.make_node("Abs", [name], [magnitude]))
        single.graph.node.append(helper.make_node("ReduceMax", [magnitude], [largest], keepdims=0))
        single.graph.output.append(helper.make_tensor_value_info(largest, TensorProto.FLOAT, []))
    return single


def rounded(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in float32, with the result of each operator that was float16 rounded to it: y -> half(y)."""
    halves = half_tensors(graph)
    single = _retyped(graph)
    nodes = [part for node in single.graph.node for part in _rounding(node, halves)]
    del single.graph.node[:]
    single.graph.node.extend(nodes)
    return single


def _rounding(node: NodeProto, halves: dict[str, NodeProto]) -> Iterator[NodeProto]:
    casts = []
    for i, name in enumerate(node.output):
        if name in halves:
            node.output[i] = exact = f"exact/{name}"
            casts.append(helper.make_node("Cast", [exact], [f"half/{name}"], to=TensorProto.FLOAT16))
            casts.append(helper.make_node("Cast", [f"half/{name}"], [name], to=TensorProto.FLOAT))
    yield node
    yield from casts


def _retyped(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with float32 wherever the graph says float16, its weights too."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    body = copy.graph
    for value in (*body.input, *body.output, *body.value_info):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    attributes = [(node, attribute) for node in body.node for attribute in node.attribute]
    for node, attribute in attributes:
        if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
            attribute.i = TensorProto.FLOAT
    constants = (attribute.t for _, attribute in attributes if attribute.type == onnx.AttributeProto.TENSOR)
    for tensor in (*body.initializer, *constants):
        if tensor.data_type == TensorProto.FLOAT16:
            array = onnx.numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return copy
