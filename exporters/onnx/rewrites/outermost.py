"""onnxscript's rules, kept out of subgraphs: of an If's branches, the proof may see one alone."""

from collections.abc import Iterable

import onnx_ir as ir
from onnxscript.rewriter import RewriteRuleSet

_ASIDE = "effmod.aside"  # a domain that no rule looks for


def apply_rules(rules: RewriteRuleSet, model: ir.Model, *, aside: Iterable[ir.Node] = ()) -> int:
    """Apply rules to the graph itself, in place; returns how often one did something.

    Args:
        aside: operators of the graph that are to stay as they are, too.
    """
    within = [node for node in ir.traversal.RecursiveGraphIterator(model.graph) if node.graph is not model.graph]
    domains = {node: node.domain for node in (*within, *aside)}
    for node in domains:
        node.domain = _ASIDE
    try:
        return rules.apply_to_model(model)
    finally:
        for node, domain in domains.items():
            node.domain = domain
