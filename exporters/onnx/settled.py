"""What older exporters leave in a file, put right before it is rewritten; what the file computes stays as it is.

ONNX Runtime takes all of this. ONNX's checker and its inference of shapes, which rewrites go by, do not: weights that
stand among the inputs, too, as all of them did before IR 4; and shapes that are written beside a result and are not
its own: of another rank, of a batch that somebody changed, or -1 for a dimension that is open.
"""

from collections.abc import Iterable, Mapping

import onnx
from onnx import GraphProto, ModelProto, ValueInfoProto

_CONSTANTS_ARE_NO_INPUTS = 4  # the first version of ONNX's format in which they need not be


def settle(graph: ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> tuple[ModelProto, int]:
    """A copy of a graph with neither, and how many of its inputs held weights.

    Args:
        graph: with its weights inside.
        shapes: of the inputs that are fed, by name, without an open dimension: what is written beside a result is
            compared with what follows from these.
    """
    settled = ModelProto()
    settled.CopyFrom(graph)
    count = _take_out_constants(settled)
    for value in (*settled.graph.input, *settled.graph.output, *settled.graph.value_info):
        _open_negative(value)
    inferred = _inferred(settled, shapes)
    stale = {value.name for value in settled.graph.value_info if _contradicts(value, inferred.get(value.name))}
    _keep(settled.graph.value_info, [value for value in settled.graph.value_info if value.name not in stale])
    wrong = [value for value in settled.graph.output if _contradicts(value, inferred.get(value.name))]
    right = _inferred(settled, {}) if wrong else {}  # as the inputs are: open where they are
    for value in wrong:
        value.type.CopyFrom(right[value.name].type)
    return settled, count


def _take_out_constants(model: ModelProto) -> int:
    """Let what has a value be a constant, and no input that may be given another one; returns how many there were."""
    constants = {tensor.name for tensor in model.graph.initializer}
    fed = [value for value in model.graph.input if value.name not in constants]
    count = len(model.graph.input) - len(fed)
    _keep(model.graph.input, fed)
    model.ir_version = max(model.ir_version, _CONSTANTS_ARE_NO_INPUTS)
    return count


def _open_negative(value: ValueInfoProto) -> None:
    for dim in value.type.tensor_type.shape.dim:
        if dim.HasField("dim_value") and dim.dim_value < 0:
            dim.ClearField("dim_value")


def _inferred(model: ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, ValueInfoProto]:
    """What follows from the inputs alone, by name: nothing that stands in the file beside results is believed."""
    bare = ModelProto()
    bare.CopyFrom(model)
    bare.graph.ClearField("value_info")
    for value in bare.graph.output:
        value.type.tensor_type.ClearField("shape")
    for value in bare.graph.input:
        if value.name in shapes:
            for dim, size in zip(value.type.tensor_type.shape.dim, shapes[value.name], strict=False):
                dim.dim_value = size
    graph: GraphProto = onnx.shape_inference.infer_shapes(bare, data_prop=True).graph
    return {value.name: value for value in (*graph.value_info, *graph.output)}


def _contradicts(written: ValueInfoProto, inferred: ValueInfoProto | None) -> bool:
    """Whether the shape that is written beside a result cannot be its own."""
    if inferred is None:
        return False
    said, found = written.type.tensor_type, inferred.type.tensor_type
    if not said.HasField("shape") or not found.HasField("shape"):
        return False
    if len(said.shape.dim) != len(found.shape.dim):
        return True
    pairs = zip(said.shape.dim, found.shape.dim, strict=True)
    return any(a.HasField("dim_value") and b.HasField("dim_value") and a.dim_value != b.dim_value for a, b in pairs)


def _keep(values: "Iterable[ValueInfoProto]", kept: "list[ValueInfoProto]") -> None:
    """Leave these alone of a repeated field of a message."""
    del values[:]  # type: ignore[attr-defined]
    values.extend(kept)  # type: ignore[attr-defined]
