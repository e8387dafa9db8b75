"""Take every LayerNorm out and put a BatchNorm behind each convolution and linear layer (the paper's Appendix J).

Given:   y = W LN(x) + b
Result:  y = BN(W x + b)   with   BN(z) = (z - mean) / sqrt(var + eps)

This is another function: a LayerNorm divides by what it finds in the image at hand, a BatchNorm by what it found in
training. So weights of the LayerNorm network are of no use in the other, which has to be trained, and what this gives
shows a latency, never an accuracy.

The statistics are those of a few images at the network's own image size: of all the sizes a network may be given,
only there they fit. Each BatchNorm is folded into its layer at once, by the algebra of `batch_norm.py`, with
s = 1 / sqrt(var + eps) and t = -s mean. The classifier has none, as in the paper's networks.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, fx

from exporters.rewrites.base import Equivalence, RewriteReport
from exporters.rewrites.channel_norm import channel_layer_norm
from exporters.rewrites.graph import (
    CONVOLUTIONS,
    Network,
    aten,
    calls,
    finish,
    image_shape,
    infer_shapes,
    is_weighted,
    new_weights,
    scale_outputs,
)
from models import Preprocessing
from models.zoo.images import natural_images

NAME = "layer_norm_to_batch_norm"
EQUIVALENCE = Equivalence.RETRAIN

_IMAGES = 24
_EPS = 1e-5


def rewrite(network: Network) -> RewriteReport:
    count = 0
    for node in calls(network, aten.layer_norm.default, channel_layer_norm):
        source = node.args[0]
        assert isinstance(source, fx.Node)
        node.replace_all_uses_with(source)
        network.graph.erase_node(node)
        count += 1
    if count:
        _calibrate(network)
        finish(network)
        infer_shapes(network)
    return RewriteReport(name=NAME, equivalence=EQUIVALENCE, count=count)


def _calibrate(network: Network) -> None:
    """Run images through the network, and normalize each layer by what comes out of it, from input to output."""
    batch, channels, *size = image_shape(network)
    usual = Preprocessing.of_channels(channels)
    count = max(_IMAGES, batch) // batch * batch
    # Noise and natural images: statistics of one kind alone are far off for the other.
    images = torch.from_numpy(natural_images(count, (size[0], size[1]), mean=usual.mean, std=usual.std))
    images[::4] = torch.from_numpy(np.random.default_rng(0).standard_normal(images[::4].shape, dtype=np.float32))
    batches = torch.split(images, batch)
    left = {node: len(node.users) for node in network.graph.nodes}
    values: dict[fx.Node, list[Any]] = {}  # of a node: what it gives for each batch
    nodes = list(network.graph.nodes)
    with torch.no_grad():
        for node in nodes:
            if node.op == "placeholder":
                values[node] = list(batches)
            elif node.op == "get_attr":
                values[node] = [getattr(network, node.target)] * len(batches)
            elif node.op == "call_function":
                if node.target is aten.batch_norm.default:
                    _recalibrate(network, node, values)
                values[node] = [_run(node, values, i) for i in range(len(batches))]
                if is_weighted(network, node) and not _is_classifier(node) and not _has_batch_norm(node):
                    values[node] = _normalize(network, node, values[node])
            for source in node.all_input_nodes:
                if source in left:  # constants that were made meanwhile are not
                    left[source] -= 1
                    if not left[source]:
                        values.pop(source, None)


def _run(node: fx.Node, values: dict[fx.Node, list[Any]], i: int) -> Any:
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda source: values[source][i])
    return cast(Callable[..., Any], node.target)(*args, **kwargs)


def _is_classifier(node: fx.Node) -> bool:
    return any(user.op == "output" for user in node.users)


def _has_batch_norm(node: fx.Node) -> bool:
    return [user.target for user in node.users] == [aten.batch_norm.default]


def _statistics(outputs: list[Tensor], axis: int) -> tuple[Tensor, Tensor]:
    channels = torch.cat([output.movedim(axis, -1).flatten(0, -2) for output in outputs]).double()
    return channels.mean(0), channels.var(0, correction=0)


def _normalize(network: Network, node: fx.Node, outputs: list[Tensor]) -> list[Tensor]:
    axis = 1 if node.target in CONVOLUTIONS else outputs[0].ndim - 1
    mean, var = _statistics(outputs, axis)
    scale = 1 / torch.sqrt(var + _EPS)
    shift = -scale * mean
    scale_outputs(network, node, scale, shift)
    aligned = [1] * (outputs[0].ndim - 1 - axis)
    return [output * scale.float().view(-1, *aligned) + shift.float().view(-1, *aligned) for output in outputs]


def _recalibrate(network: Network, node: fx.Node, values: dict[fx.Node, list[Any]]) -> None:
    """A BatchNorm that the network has already meets other numbers now."""
    source = cast(fx.Node, node.args[0])
    statistics = _statistics(values[source], 1)
    for i, new in enumerate(new_weights(network, node, *statistics), 3):
        node.update_arg(i, new)
        values[new] = [new.meta["val"]] * len(values[source])
