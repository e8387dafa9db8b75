"""Fix the open dimensions of a file, and compute once what depended on them alone.

Given:   input (batch, 3, height, width),  y = Reshape(x, Concat(Gather(Shape(x), 0), -1))
Result:  input (1, 3, 224, 224),           y = Reshape(x, (1, -1))
"""

from collections.abc import Mapping

import onnx_ir as ir
from onnx_ir.passes.common import ShapeInferencePass
from onnxscript.optimizer import fold_constants

from exporters.rewrites import Equivalence, RewriteReport

NAME = "static_shapes"


def rewrite(model: ir.Model, shapes: Mapping[str, tuple[int, ...]]) -> RewriteReport:
    """Fix the inputs to these shapes; the count is of dimensions that were open."""
    count = 0
    for value in model.graph.inputs:
        shape = shapes.get(value.name or "")
        if shape is not None and value.shape is not None:
            count += sum(not isinstance(dim, int) for dim in value.shape)
            value.shape = ir.Shape(shape)
    if count:
        ShapeInferencePass()(model)
        fold_constants(model)
        ShapeInferencePass()(model)  # again, now that the targets of reshapes are constants
    skipped = tuple(
        f"{value.name}: its shape {value.shape} depends on more than the inputs' shapes"
        for value in model.graph.outputs
        if value.shape is None or not value.shape.is_static()
    )
    return RewriteReport(name=NAME, equivalence=Equivalence.EXACT, count=count, skipped=skipped)
