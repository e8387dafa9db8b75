"""Merge two classifiers whose logits are averaged, as networks trained with distillation have them.

Given:   y = ((W1 x1 + b1) + (W2 x2 + b2)) / 2
Result:  y = W x + b   with   W = (W1 + W2) / 2,  b = (b1 + b2) / 2           where x1 and x2 are the same x
         y = W [x1, x2] + b   with   W = [W1, W2] / 2,  b = (b1 + b2) / 2     where each reads a token of its own

EfficientFormer and EfficientFormerV2 are of the first kind, DeiT with its two tokens of the second.
"""

import torch
from torch import fx

from exporters.rewrites.base import Equivalence, RewriteReport
from exporters.rewrites.graph import (
    POINTWISE,
    Network,
    aten,
    change_each,
    is_weighted,
    new_weights,
    place,
    shape,
    weights_of,
)

NAME = "merge_heads"
EQUIVALENCE = Equivalence.EXACT


def rewrite(network: Network) -> RewriteReport:
    count, skipped = change_each(network, [aten.div.Tensor, aten.mul.Tensor], _merge_at)
    return RewriteReport(name=NAME, equivalence=EQUIVALENCE, count=count, skipped=skipped)


def _merge_at(network: Network, node: fx.Node) -> bool | str:
    total, number = node.args
    halves = number == 2 if node.target is aten.div.Tensor else number == 0.5
    if not (halves and isinstance(total, fx.Node) and total.target is aten.add.Tensor and not total.kwargs):
        return False
    heads = [head for head in total.args if is_weighted(network, head)]
    if len(heads) != 2 or not all(isinstance(head, fx.Node) and head.target in POINTWISE for head in heads):
        return False
    first, second = heads
    assert isinstance(first, fx.Node)
    assert isinstance(second, fx.Node)
    if any(len(one.users) > 1 for one in (total, first, second)):
        return f"{place(first)}: its logits are used on their own too"
    _merge(network, first, second, node)
    return True


def _merge(network: Network, first: fx.Node, second: fx.Node, average: fx.Node) -> None:
    (weight1, bias1), (weight2, bias2) = weights_of(network, first), weights_of(network, second)
    x = first.args[0]
    assert isinstance(x, fx.Node)
    with network.graph.inserting_before(average):
        if x is second.args[0]:
            weight = (weight1 + weight2) / 2
        else:
            weight = torch.cat((weight1, weight2), 1) / 2
            x = network.graph.call_function(aten.cat.default, ([x, second.args[0]], len(shape(x)) - 1))
            x.meta["place"] = place(first)
        constants = new_weights(network, average, weight, (bias1 + bias2) / 2)
        merged = network.graph.call_function(aten.linear.default, (x, *constants))
    merged.meta["place"] = place(first)
    average.replace_all_uses_with(merged)
    network.graph.erase_node(average)
