"""Let onnxsim take out what is left of operators that do nothing, that are constant, or that fuse with others.

Given:   y = Relu(Reshape(Reshape(x, s), t))
Result:  y = Relu(Reshape(x, t))

It comes last: it merges constants out of chains, such as GELU's, that the other rewrites and ONNX Runtime look for.
"""

from collections.abc import Mapping

import onnx
import onnx_ir as ir

from exporters.rewrites import Equivalence, RewriteReport
from models.zoo.words import first_line

NAME = "simplify"


def rewrite(model: ir.Model, _: Mapping[str, tuple[int, ...]]) -> RewriteReport:
    """Put onnxsim's graph in the place of this one where it has fewer operators; the count is of those it saves."""
    import onnxsim  # here: the other rewrites can do without it

    count = 0
    skipped: tuple[str, ...] = ()
    try:
        simplified = ir.from_proto(onnxsim.simplify(ir.to_proto(model))[0])
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        skipped = (f"the file: onnxsim failed: {first_line(error)}",)
    else:
        count = max(0, _operators(model) - _operators(simplified))
        if count:
            model.graph = simplified.graph
    return RewriteReport(name=NAME, equivalence=Equivalence.EXACT, count=count, skipped=skipped)


def _operators(model: ir.Model) -> int:
    return sum(node.op_type != "Constant" for node in model.graph)
