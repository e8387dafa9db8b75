"""Move what scales or shifts channels into the convolutions.

LayerScale, y = g (W x + b):                      W' = g W,  b' = g b
LayerNorm's affine, y = W (gamma x + beta) + b:   W' = W gamma,  b' = b + W beta

The second where all that read the norm are convolutions or linear layers without padding. Nothing is divided by gamma,
which may be 0.
"""

import math
import operator
from typing import Any, cast

import torch
from torch import Tensor, fx

from exporters.rewrites.channel_norm import channel_layer_norm
from exporters.rewrites.graph import (
    CONVOLUTIONS,
    Network,
    aten,
    calls,
    is_weighted,
    place,
    readers,
    scale_inputs,
    scale_outputs,
    shape,
    value_of,
)


def fold_layer_scale(network: Network) -> None:
    """Move products with a constant into the convolution or linear layer before them."""
    for node in calls(network, aten.mul.Tensor):
        for x, factor in (node.args, node.args[::-1]):
            if isinstance(x, fx.Node) and _has_precision(node, x) and _fold_factor(network, x, factor):
                node.replace_all_uses_with(x)
                network.graph.erase_node(node)
                break


def _has_precision(product: fx.Node, x: fx.Node) -> bool:
    """Whether a product is in x's precision; else what reads it takes no other than a wider factor gave it."""
    return bool(product.meta["val"].dtype == x.meta["val"].dtype)


def _fold_factor(network: Network, x: fx.Node, factor: Any) -> bool:
    if isinstance(factor, (int, float)):
        found = _rows(network, x)
        if found is None:
            return False
        producer, rows = found
        scale = torch.where(rows, float(factor), 1.0).double()
    else:
        tensor = value_of(network, factor)
        axis = _channels(x) if is_weighted(network, x) and len(x.users) == 1 else None
        if tensor is None or axis is None or tensor.ndim > len(shape(x)):
            return False
        wanted = [1] * (len(shape(x)) - tensor.ndim) + list(tensor.shape)
        if any(size > 1 and i != axis for i, size in enumerate(wanted)):
            return False
        producer, scale = x, tensor.flatten().expand(shape(x)[axis])
    scale_outputs(network, producer, scale, torch.zeros_like(scale))
    return True


def _channels(node: fx.Node) -> int:
    return 1 if node.target in CONVOLUTIONS else len(shape(node)) - 1


def _rows(network: Network, x: fx.Node) -> tuple[fx.Node, Tensor] | None:
    """The convolution that makes x, and which of its channels do: x may be a piece of the split of its output."""
    if len(x.users) > 1:
        return None
    if is_weighted(network, x):
        return x, torch.ones(shape(x)[_channels(x)], dtype=torch.bool)
    if x.target is not operator.getitem:
        return None
    split, index = cast(tuple[fx.Node, int], x.args)
    if split.target is not aten.split_with_sizes.default:
        return None
    whole, sizes, axis = cast(tuple[fx.Node, list[int], int], (*split.args, 0)[:3])
    source = cast(fx.Node, whole.args[0]) if whole.target is aten.reshape.default else whole
    if source.target not in CONVOLUTIONS or not is_weighted(network, source):
        return None
    if any(len(one.users) > 1 for one in (whole, source)):
        return None
    # The axes of the split tensor that make up the channels: 1 to `last`.
    last = next((i for i in range(1, len(shape(whole))) if math.prod(shape(whole)[1 : i + 1]) == shape(source)[1]), 0)
    if shape(whole)[0] != shape(source)[0] or not 1 <= axis <= last:
        return None
    rows = torch.zeros(shape(whole)[1 : last + 1], dtype=torch.bool)
    rows.narrow(axis - 1, sum(sizes[:index]), sizes[index]).fill_(True)
    return source, rows.flatten()


def fold_norm_affine(network: Network) -> list[str]:
    """Move the affine of LayerNorms into what reads them; the places where it has to stay."""
    skipped = []
    for node in calls(network, channel_layer_norm):
        x, weight, bias, eps = node.args
        gamma, beta = value_of(network, weight), value_of(network, bias)
        if gamma is None and beta is None:
            continue
        behind = readers(network, node, 1)
        if isinstance(behind, str):
            skipped.append(f"{place(node)}: its affine stays, for {behind}")
            continue
        channels = shape(node)[1]
        gamma = torch.ones(channels).double() if gamma is None else gamma
        beta = torch.zeros(channels).double() if beta is None else beta
        for user in behind:
            scale_inputs(network, user, gamma, beta)
        node.args = (x, None, None, eps)
    return skipped
