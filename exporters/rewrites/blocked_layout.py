"""Say what stands between convolutions in operators that a CPU's runtime runs in its blocked layout.

ONNX Runtime holds the maps of convolutions in blocks of 16 channels, (N, C/16, H, W, 16), and copies them wherever an
operator stands that knows no blocks. Behind `channels_first`, two such operators have an equal form that does:

Given:   y = gamma z + beta, channel by channel     the affine of a LayerNorm that a sum reads, the map z normalized
Result:  y = conv1x1(z, gamma) + beta               a depthwise convolution; the sums behind it stay in blocks as well

Given:   y = repeat(x, r) along the channels
Result:  y = [x, x, ..., x]                         a concatenation of whole blocks, where C is a multiple of 16
"""

from typing import cast

import torch
from torch import fx

from exporters.rewrites.base import Equivalence, RewriteReport
from exporters.rewrites.channel_norm import channel_layer_norm
from exporters.rewrites.graph import Network, aten, change_each, new_weights, place, shape, value_of

NAME = "blocked_layout"
EQUIVALENCE = Equivalence.EXACT


def rewrite(network: Network) -> RewriteReport:
    count, _ = change_each(network, [channel_layer_norm, aten.repeat.default], _change)
    return RewriteReport(name=NAME, equivalence=EQUIVALENCE, count=count)


def _change(network: Network, node: fx.Node) -> bool:
    return _move_affine(network, node) if node.target is channel_layer_norm else _concatenate(network, node)


def _move_affine(network: Network, node: fx.Node) -> bool:
    """Put the affine of a LayerNorm that a sum reads into a depthwise convolution behind it; False where none is."""
    if not any(user.target is aten.add.Tensor for user in node.users):
        return False
    x, weight, bias, eps = node.args
    gamma, beta = value_of(network, weight), value_of(network, bias)
    if gamma is None:
        return False
    channels = shape(node)[1]
    beta = torch.zeros_like(gamma) if beta is None else beta
    with network.graph.inserting_after(node):
        conv = network.graph.call_function(aten.conv2d.default)
    constants = new_weights(network, node, gamma.view(-1, 1, 1, 1), beta)
    node.replace_all_uses_with(conv)
    conv.args = (node, *constants, [1, 1], [0, 0], [1, 1], channels)
    conv.meta["place"] = place(node)
    node.args = (x, None, None, eps)
    return True


def _concatenate(network: Network, node: fx.Node) -> bool:
    x, times = cast(tuple[fx.Node, list[int]], node.args)
    if len(shape(x)) != 4 or len(times) != 4 or [i for i, number in enumerate(times) if number > 1] != [1]:
        return False
    with network.graph.inserting_before(node):
        whole = network.graph.call_function(aten.cat.default, ([x] * times[1], 1))
    whole.meta["place"] = place(node)
    node.replace_all_uses_with(whole)
    network.graph.erase_node(node)
    return True
