"""Fold a BatchNormalization into the Conv, ConvTranspose or Gemm before it, by onnxscript's own rules.

Given:   y = gamma (W x + b - mean) / sqrt(var + eps) + beta
Result:  y = W' x + b'   with   s = gamma / sqrt(var + eps),  W' = s W,  b' = s (b - mean) + beta
"""

from collections.abc import Mapping

import onnx_ir as ir
from onnxscript.rewriter import RewriteRuleSet
from onnxscript.rewriter.rules.common import (
    fuse_batchnorm_into_conv_rule,
    fuse_batchnorm_into_conv_transpose_rule,
    fuse_batchnorm_into_gemm_rule,
)

from exporters.onnx.rewrites.outermost import apply_rules
from exporters.rewrites import Equivalence, RewriteReport

NAME = "batch_norm"

_RULES = RewriteRuleSet(
    [fuse_batchnorm_into_conv_rule, fuse_batchnorm_into_conv_transpose_rule, fuse_batchnorm_into_gemm_rule]
)


def rewrite(model: ir.Model, _: Mapping[str, tuple[int, ...]]) -> RewriteReport:
    training = [node for node in model.graph if node.op_type == "BatchNormalization" and _is_of_training(node)]
    count = apply_rules(_RULES, model, aside=training)  # the rules would fold those, too, and do not ask
    left = (node for node in model.graph if node.op_type == "BatchNormalization")
    skipped = tuple(f"{node.name}: {_reason(node)}" for node in left)
    return RewriteReport(name=NAME, equivalence=Equivalence.EXACT, count=count, skipped=skipped)


def _is_of_training(node: ir.Node) -> bool:
    """Whether it takes each batch's own mean and variance: by its attribute, or before opset 14 by its outputs."""
    attribute = node.attributes.get("training_mode")
    return bool(attribute.as_int()) if attribute is not None else sum(bool(value.name) for value in node.outputs) > 1


def _reason(node: ir.Node) -> str:
    if _is_of_training(node):
        return "it is one of training, which takes each batch's own mean and variance"
    source = node.inputs[0]
    before = source.producer() if source is not None else None
    if source is None or before is None or before.op_type not in ("Conv", "ConvTranspose", "Gemm"):
        return f"before it is {before.op_type if before else 'an input'}, which has no weights to take it"
    if source.is_graph_output() or len(source.uses()) > 1:
        return f"the {before.op_type} before it is used elsewhere too"
    weights = [value for value in before.inputs[1:] if value is not None]
    for value in (*weights, *node.inputs[1:]):
        if value is not None and not value.is_initializer():
            return f"{value.name!r} is no constant"
    for value in weights:
        if len(value.uses()) > 1:
            return f"{value.name!r} of the {before.op_type} before it is used elsewhere too"
    return f"onnxscript's rules do not fold it into the {before.op_type} before it"
