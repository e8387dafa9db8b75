"""How many numbers of an ONNX graph are subnormal: of its weights, and of what its operators give."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import NodeProto, TensorProto, helper, numpy_helper

from exporters.artifact.sidecar import Subnormals
from exporters.artifact.subnormals import TINY, count
from exporters.onnx.graph import results_of
from exporters.onnx.values import run, silent

_KINDS = frozenset((TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16))
_COUNT = "subnormals/"
_ZERO, _TINY = f"{_COUNT}/zero", f"{_COUNT}/tiny"


def weights(model: onnx.ModelProto, folder: Path | None = None) -> dict[str, int]:
    """How many constants are subnormal, by their type as ONNX names it; what has none is left out.

    Args:
        folder: of the files beside, in which the model keeps its weights; None for one with its weights inside.
    """
    found: Counter[str] = Counter()
    for tensor in onnx.external_data_helper._get_all_tensors(model):  # as in `external_files`
        if tensor.data_type in _KINDS:
            array = numpy_helper.to_array(tensor, str(folder or ""))
            found[TensorProto.DataType.Name(tensor.data_type).lower()] += count(array)
    return {name: number for name, number in found.items() if number}


def count_in(
    model: onnx.ModelProto, feeds: Sequence[Mapping[str, npt.NDArray[Any]]], *, stored: onnx.ModelProto
) -> Subnormals:
    """Of the weights, and of the float32 results of all operators over several inferences, in ONNX Runtime on the CPU.

    What subgraphs hold inside is not seen; nothing of the results, where the runtime cannot count them.

    Args:
        model: with its weights inside, as it is evaluated.
        feeds: for each inference, the inputs by name.
        stored: the model as it is stored.
    """
    try:
        results = _results(model)
        counts = _count(model, results, feeds)
    except Exception:  # onnx and the runtime raise what they like: the graph may be too large with all that counts
        return Subnormals(weights=weights(stored))
    first = next((node for node, number in zip(results.values(), counts, strict=True) if number), None)
    return Subnormals(
        weights=weights(stored),
        activations=sum(counts),
        operator=first and (first.name or first.output[0]),
        kind=first and first.op_type,
    )


def _count(
    model: onnx.ModelProto, results: Mapping[str, NodeProto], feeds: Sequence[Mapping[str, npt.NDArray[Any]]]
) -> list[int]:
    """How many of each result's numbers are subnormal, over all inferences."""
    if not results:
        return []
    options = silent()
    # The operators are the file's own: what counts their results keeps them apart anyway.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # In the order of the nodes, so that a result goes once it is counted: ten times less memory in a chain of thirty.
    options.execution_order = onnxruntime.ExecutionOrder.PRIORITY_BASED
    observed = _observed(model, results).SerializeToString()
    session = onnxruntime.InferenceSession(observed, options, providers=["CPUExecutionProvider"])
    return [sum(map(int, counts)) for counts in zip(*(run(session, feed) for feed in feeds), strict=True)]


def _results(model: onnx.ModelProto) -> dict[str, NodeProto]:
    """The float32 results of a graph's operators by name, each with its operator, in the order of computation."""
    found = results_of(model, TensorProto.FLOAT)
    return {name: node for name, node in found.items() if node.op_type != "Constant"}


def _observed(model: onnx.ModelProto, results: Mapping[str, NodeProto]) -> onnx.ModelProto:
    """A copy that counts in each of these results, right behind its operator, and gives nothing else."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.ClearField("output")
    copy.graph.ClearField("node")
    for node in model.graph.node:
        counted = [name for name in node.output if name in results]
        copy.graph.node.extend([node, *(part for name in counted for part in _counting(name))])
    copy.graph.initializer.append(numpy_helper.from_array(np.array(0, np.float32), _ZERO))
    copy.graph.initializer.append(numpy_helper.from_array(np.array(TINY), _TINY))
    outputs = (helper.make_tensor_value_info(_COUNT + name, TensorProto.INT32, []) for name in results)
    copy.graph.output.extend(outputs)
    return copy


def _counting(name: str) -> Iterator[NodeProto]:
    """How many of a result's numbers are no zero, and smaller than the smallest that is not subnormal."""
    number = _COUNT + name
    size, small, some, both, ones = (f"{number}/{step}" for step in ("size", "small", "some", "both", "ones"))
    yield helper.make_node("Abs", [name], [size])
    yield helper.make_node("Less", [size, _TINY], [small])
    yield helper.make_node("Greater", [size, _ZERO], [some])
    yield helper.make_node("And", [small, some], [both])
    yield helper.make_node("Cast", [both], [ones], to=TensorProto.INT32)
    yield helper.make_node("ReduceSum", [ones], [number], keepdims=0)
