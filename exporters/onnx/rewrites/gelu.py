"""Fuse what older exporters write for GELU into the one operator of opset 20.

Given:   y = 0.5 x (1 + erf(x / sqrt(2))), its factors in any order
Result:  y = Gelu(x)

A file of an older opset is raised to 20 where it has such a chain. ONNX Runtime fuses the chain by itself; but past one
operator a permutation can move, and past the chain it cannot (`matmul_to_conv`).
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import onnx
import onnx_ir as ir
from onnxscript.rewriter import RewriteRule, RewriteRuleSet

from exporters.onnx.rewrites.outermost import apply_rules
from exporters.rewrites import Equivalence, RewriteReport
from models.zoo.words import first_line

NAME = "gelu"

_OPSET = 20
_SCALED: tuple[Callable[[Any, Any], Any], ...] = (
    lambda op, x: op.Div(x, math.sqrt(2)),
    lambda op, x: op.Mul(x, math.sqrt(0.5)),
)
_PRODUCTS: tuple[Callable[[Any, Any, Any], Any], ...] = (
    lambda op, x, factor: op.Mul(op.Mul(x, factor), 0.5),
    lambda op, x, factor: op.Mul(x, op.Mul(factor, 0.5)),
    lambda op, x, factor: op.Mul(op.Mul(x, 0.5), factor),
)


def _rule(scaled: Callable[[Any, Any], Any], product: Callable[[Any, Any, Any], Any]) -> RewriteRule:
    def chain(op: Any, x: Any) -> Any:
        return product(op, x, op.Add(op.Erf(scaled(op, x)), 1.0))

    def gelu(op: Any, x: ir.Value) -> Any:
        return op.Gelu(x)

    return RewriteRule(chain, gelu)


_RULES = RewriteRuleSet([_rule(scaled, product) for scaled in _SCALED for product in _PRODUCTS], commute=True)


def rewrite(model: ir.Model, _: Mapping[str, tuple[int, ...]]) -> RewriteReport:
    count = 0
    skipped: tuple[str, ...] = ()
    if _erfs(model):
        try:
            raised = _raised(model)
        except RuntimeError as error:  # whatever the converter finds
            skipped = (f"the file: it cannot be raised to opset {_OPSET}, the first with Gelu: {first_line(error)}",)
        else:
            count = apply_rules(_RULES, raised)
            skipped = tuple(
                f"{node.name}: no GELU, or a value within it is used elsewhere too" for node in _erfs(raised)
            )
            if count and raised is not model:
                model.graph, model.ir_version = raised.graph, raised.ir_version
    return RewriteReport(name=NAME, equivalence=Equivalence.EXACT, count=count, skipped=skipped)


def _erfs(model: ir.Model) -> list[ir.Node]:
    return [node for node in model.graph if node.op_type == "Erf"]


def _raised(model: ir.Model) -> ir.Model:
    """The model itself, or a copy of at least that opset."""
    if any(version >= _OPSET for domain, version in model.opset_imports.items() if domain in ("", "ai.onnx")):
        return model
    raised = ir.from_proto(onnx.version_converter.convert_version(ir.to_proto(model), _OPSET))
    raised.ir_version = max(raised.ir_version, onnx.helper.OP_SET_ID_VERSION_MAP["ai.onnx", _OPSET])
    return raised
