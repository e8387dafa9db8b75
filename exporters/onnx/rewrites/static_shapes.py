"""Fix the open dimensions of a file, and compute once what depended on them alone.

Given:   input (batch, 3, height, width),  y = Reshape(x, Concat(Gather(Shape(x), 0), -1))
Result:  input (1, 3, 224, 224),           y = Reshape(x, (1, -1))

A file that branches may have a branch for other shapes than these, which a runtime refuses once they are fixed: then
they stay open.
"""

from collections.abc import Mapping

import onnx_ir as ir
import onnxruntime
from onnx_ir.passes.common import ShapeInferencePass

from exporters.onnx.rewrites.constants import settle_constants
from exporters.onnx.values import silent
from exporters.rewrites import Equivalence, RewriteReport
from models.zoo.words import runtime_words

NAME = "static_shapes"

_SUBGRAPHS = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)


def rewrite(model: ir.Model, shapes: Mapping[str, tuple[int, ...]]) -> RewriteReport:
    """Fix the inputs to these shapes; the count is of dimensions that were open."""
    branching = _branches(model)
    fixed = ir.from_proto(ir.to_proto(model)) if branching else model
    count, unsettled = _fix(fixed, shapes)
    refusal = _refusal(fixed) if branching and count else None
    if refusal is not None:
        skipped = (f"the file: a subgraph of it does not take these shapes: {refusal}",)
        return RewriteReport(name=NAME, equivalence=Equivalence.EXACT, count=0, skipped=skipped)
    model.graph = fixed.graph
    open_ = tuple(
        f"{value.name}: its shape {value.shape} depends on more than the inputs' shapes"
        for value in model.graph.outputs
        if value.shape is None or not value.shape.is_static()
    )
    return RewriteReport(name=NAME, equivalence=Equivalence.EXACT, count=count, skipped=unsettled + open_)


def _branches(model: ir.Model) -> bool:
    return any(each.type in _SUBGRAPHS for node in model.graph for each in node.attributes.values())


def _fix(model: ir.Model, shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, tuple[str, ...]]:
    """How many dimensions were open, and what `settle_constants` says."""
    count, skipped = 0, tuple[str, ...]()
    for value in model.graph.inputs:
        shape = shapes.get(value.name or "")
        if shape is not None and value.shape is not None:
            count += sum(not isinstance(dim, int) for dim in value.shape)
            value.shape = ir.Shape(shape)
    if count:
        written = _forget_shapes(model)
        ShapeInferencePass()(model)
        skipped = settle_constants(model)
        ShapeInferencePass()(model)  # again, now that the targets of reshapes are constants
        for value, was in written.items():
            value.shape = value.shape or was
    return count, skipped


def _forget_shapes(model: ir.Model) -> dict[ir.Value, ir.Shape]:
    """Forget what stands beside results of ONNX's own operators: it held of open inputs, or not even of them.

    Returns:
        What stood there.
    """
    results = (value for node in model.graph if node.domain in ("", "ai.onnx") for value in node.outputs)
    written = {value: value.shape for value in results if value.shape is not None}
    for value in written:
        value.shape = None
    return written


def _refusal(model: ir.Model) -> str | None:
    """Why ONNX Runtime does not load a graph; None where it does."""
    try:
        graph = ir.to_proto(model).SerializeToString()
        onnxruntime.InferenceSession(graph, silent(), providers=["CPUExecutionProvider"])
    except Exception as error:  # it raises types of its own, which share no other base
        return runtime_words(error).partition("\n")[0]
    return None
