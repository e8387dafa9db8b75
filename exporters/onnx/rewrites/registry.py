"""The rewrites of ONNX files there are, and how they are applied."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import msgspec
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from exporters.onnx.rewrites import NAMES
from exporters.onnx.rewrites.constants import settle_constants
from exporters.quiet import quiet
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
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)  # onnx_ir names tensors in the message that it was read from
    model = ir.from_proto(copy)
    for node in model.graph:
        node.name = node.name or node.outputs[0].name  # else onnx_ir numbers it, and nobody finds that in the file
    reports = []
    with quiet("onnx_ir", "onnxscript"):
        unsettled = settle_constants(model)  # rules look for weights among the initializers
        for rewrite in (rewrite for name, rewrite in REWRITES.items() if name in names):
            report = rewrite.rewrite(model, shapes)
            # In the first report, which may say the same of the file with its shapes fixed.
            reports.append(msgspec.structs.replace(report, skipped=tuple(dict.fromkeys(unsettled + report.skipped))))
            unsettled = ()
            _take_out_identities(model)
            RemoveUnusedNodesPass()(model)
    return ir.to_proto(model), tuple(reports)


def _take_out_identities(model: ir.Model) -> None:
    """Take out each Identity of the graph itself; onnx_ir's pass of that kind goes into subgraphs, and breaks some.

    Where it gives an output, the operator before it gives that, unless that is another output already, or none of an
    operator.
    """
    for node in list(model.graph):
        if node.op_type != "Identity" or node.domain not in ("", "ai.onnx"):
            continue
        (source,), (copy,) = node.inputs, node.outputs
        assert source is not None
        is_output = copy.is_graph_output()
        if is_output and (source.producer() is None or source.is_graph_output()):
            continue
        source.shape = source.shape or copy.shape
        source.type = source.type or copy.type
        ir.convenience.replace_all_uses_with(copy, source, replace_graph_outputs=is_output)
        if is_output:
            source.name, copy.name = copy.name, None
        model.graph.remove(node, safe=True)
