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

from exporters.rewrites import Equivalence, RewriteReport

NAME = "batch_norm"

_RULES = RewriteRuleSet(
    [fuse_batchnorm_into_conv_rule, fuse_batchnorm_into_conv_transpose_rule, fuse_batchnorm_into_gemm_rule]
)


def rewrite(model: ir.Model, _: Mapping[str, tuple[int, ...]]) -> RewriteReport:
    count = _RULES.apply_to_model(model)
    left = (node for node in model.graph if node.op_type == "BatchNormalization")
    skipped = tuple(f"{node.name}: {_reason(node)}" for node in left)
    return RewriteReport(name=NAME, equivalence=Equivalence.EXACT, count=count, skipped=skipped)


def _reason(node: ir.Node) -> str:
    source = node.inputs[0]
    before = source.producer() if source is not None else None
    if before is None or before.op_type not in ("Conv", "ConvTranspose", "Gemm"):
        return f"before it is {before.op_type if before else 'an input'}, which has no weights to take it"
    return f"the {before.op_type} before it is used elsewhere too, or has weights that are shared or not constant"
