"""The rewrites of ONNX files there are, and how they are applied."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import onnx
import onnx_ir as ir
from onnx_ir.passes.common import IdentityEliminationPass, LiftConstantsToInitializersPass, RemoveUnusedNodesPass
from onnxscript.optimizer import fold_constants

from exporters.onnx.rewrites import NAMES
from exporters.rewrites import RewriteReport

Shapes = Mapping[str, tuple[int, ...]]


class OnnxRewrite(Protocol):
    """A module of this package: it changes a graph in place, exactly, and reports."""

    NAME: str

    def rewrite(self, model: ir.Model, shapes: Shapes) -> RewriteReport: ...


REWRITES = {name: cast(OnnxRewrite, importlib.import_module(f"exporters.onnx.rewrites.{name}")) for name in NAMES}
"""By name, in the order in which they are applied."""


def apply(
    graph: onnx.ModelProto, names: Sequence[str], shapes: Shapes
) -> tuple[onnx.ModelProto, tuple[RewriteReport, ...]]:
    """A rewritten copy of a graph, and what was done.

    Args:
        names: of `REWRITES`.
        shapes: of the inputs, by name, without an open dimension.
    """
    model = ir.from_proto(graph)
    fold_constants(model)  # rules look for weights among the initializers
    LiftConstantsToInitializersPass()(model)
    reports = []
    for rewrite in (rewrite for name, rewrite in REWRITES.items() if name in names):
        reports.append(rewrite.rewrite(model, shapes))
        IdentityEliminationPass()(model)
        RemoveUnusedNodesPass()(model)
    return ir.to_proto(model), tuple(reports)
