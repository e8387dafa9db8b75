"""Fold a BatchNorm into the linear operator before it, or into those behind it.

With s = gamma / sqrt(var + eps) and t = beta - s mean, a BatchNorm in inference is y -> s y + t, channel by channel.

Before:  y = s (W x + b) + t        Result:  y = W' x + b'   with   W' = s W,  b' = s b + t
Behind:  y = W (s x + t) + b        Result:  y = W' x + b'   with   W' = W s,  b' = b + W t

An average over the map between the two changes nothing, since it keeps s and t. But the second is not true of a
convolution with padding: at the border its window reads zeros, which are zeros before the BatchNorm's shift in one
form and behind it in the other. There the BatchNorm stays.
"""

import torch
from torch import Tensor, fx

from exporters.rewrites.base import Equivalence, RewriteReport
from exporters.rewrites.graph import (
    POINTWISE,
    Network,
    aten,
    change_each,
    is_weighted,
    place,
    readers,
    scale_inputs,
    scale_outputs,
    shape,
    value_of,
)

NAME = "batch_norm"
EQUIVALENCE = Equivalence.EXACT


def rewrite(network: Network) -> RewriteReport:
    count, skipped = change_each(network, [aten.batch_norm.default], _take_out, keeps_shapes=True)
    return RewriteReport(name=NAME, equivalence=EQUIVALENCE, count=count, skipped=skipped)


def _take_out(network: Network, node: fx.Node) -> bool | str:
    reason = _fold(network, node)
    if reason:
        return f"{place(node)}: {reason}"
    source = node.args[0]
    assert isinstance(source, fx.Node)
    node.replace_all_uses_with(source)
    network.graph.erase_node(node)
    return True


def _fold(network: Network, node: fx.Node) -> str | None:
    """Fold one BatchNorm; why not, where it cannot be done."""
    affine = _affine(network, node)
    if affine is None:
        return "its statistics are computed from the image"
    source = node.args[0]
    assert isinstance(source, fx.Node)
    alone = len(source.users) == 1
    if alone and is_weighted(network, source) and _channels_agree(source):
        scale_outputs(network, source, *affine)
        return None
    before = "the output before it is used elsewhere too" if is_weighted(network, source) else "no convolution before"
    behind = readers(network, node, 1)
    if isinstance(behind, str):
        return f"{before}, and {behind}"
    for user in behind:
        scale_inputs(network, user, *affine)
    return None


def _affine(network: Network, node: fx.Node) -> tuple[Tensor, Tensor] | None:
    _, weight, bias, mean, var, training, _, eps, *_ = node.args
    mu, variance = value_of(network, mean), value_of(network, var)
    if training or mu is None or variance is None:
        return None
    gamma, beta = value_of(network, weight), value_of(network, bias)
    assert isinstance(eps, float)
    scale = (torch.ones_like(mu) if gamma is None else gamma) / torch.sqrt(variance + eps)
    return scale, (torch.zeros_like(mu) if beta is None else beta) - scale * mu


def _channels_agree(node: fx.Node) -> bool:
    # A BatchNorm's channels are axis 1; a Linear's are the last.
    return node.target not in POINTWISE or len(shape(node)) == 2
