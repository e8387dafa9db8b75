"""ONNX in float16: the conversion, and where float16 does not suffice."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from exporters.artifact.sidecar import FLOAT16_MAX
from exporters.errors import ExportError
from exporters.onnx.graph import results_of
from models.zoo.words import first_line

_SMALLEST = 2.0**-24
LARGEST = "largest/"
"""Before a result's name: the output of an observed graph that holds its largest magnitude."""


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
        raise ExportError(
            f"{path.name} cannot be converted to float16: {first_line(error)}; leave it in float32"
        ) from error


def computed(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a graph in which an operator gives each output: of a constant the converter would make a circle."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    outputs = {output.name for output in copy.graph.output}
    for tensor in copy.graph.initializer:
        if tensor.name not in outputs:
            continue
        given, tensor.name = tensor.name, f"{tensor.name}/constant"
        for node in copy.graph.node:
            for place, name in enumerate(node.input):
                if name == given:
                    node.input[place] = tensor.name
        copy.graph.node.append(helper.make_node("Identity", [tensor.name], [given], name=f"{given}/given"))
    return copy


def rounded_as(single: onnx.ModelProto, half: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a float32 graph, the constants rounded that a float16 graph made of it stores in float16."""
    stored = {name for name, tensor in _constants(half) if tensor.data_type == TensorProto.FLOAT16}
    copy = onnx.ModelProto()
    copy.CopyFrom(single)
    for name, tensor in _constants(copy):
        if name in stored and tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(_rounded(numpy_helper.to_array(tensor)), tensor.name))
    return copy


def _constants(model: onnx.ModelProto) -> Iterator[tuple[str, TensorProto]]:
    """By the names that operators have for them."""
    yield from ((tensor.name, tensor) for tensor in model.graph.initializer)
    for node in model.graph.node:
        if node.op_type == "Constant":
            yield from ((node.output[0], each.t) for each in node.attribute if each.HasField("t"))


def _rounded(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """As the converter rounds: no number becomes zero or infinity that was not."""
    within = np.where(np.isinf(array), array, np.clip(array, -FLOAT16_MAX, FLOAT16_MAX))
    rounded = within.astype(np.float16).astype(np.float32)
    return np.where((rounded == 0) & (array != 0), np.sign(array) * np.float32(_SMALLEST), rounded)


def half_results(graph: onnx.ModelProto) -> dict[str, NodeProto]:
    """The float16 results of a graph's operators by name, each with its operator, in the order of computation."""
    return results_of(graph, TensorProto.FLOAT16)


def observed(graph: onnx.ModelProto, results: Iterable[str]) -> onnx.ModelProto:
    """A copy of a float32 graph with an output more for each of these results, `LARGEST` + its name: a number."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    for name in results:
        magnitude, largest = f"magnitude/{name}", LARGEST + name
        copy.graph.node.append(helper.make_node("Abs", [name], [magnitude]))
        copy.graph.node.append(helper.make_node("ReduceMax", [magnitude], [largest], keepdims=0))
        copy.graph.output.append(helper.make_tensor_value_info(largest, TensorProto.FLOAT, []))
    return copy
