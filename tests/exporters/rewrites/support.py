"""What the tests of rewrites share: networks small enough to trace in a moment, counts, and errors."""

from collections import Counter

import torch
from torch import fx, nn

from exporters.rewrites import RewriteReport, apply
from models import create_filled, fill, find_model
from models.zoo.images import natural_images

SIZE = 64
TOLERANCE = 1e-5  # float32


def filled(model: nn.Module, size: int = SIZE) -> nn.Module:
    fill(model, image_size=size)
    return model


def zoo(name: str, size: int = SIZE) -> nn.Module:
    model, _ = create_filled(find_model(name), image_size=size)
    return model


def rewritten(model: nn.Module, *names: str, size: int = SIZE) -> tuple[fx.GraphModule, tuple[RewriteReport, ...]]:
    network, reports = apply(model, size, 1, names or "auto")
    assert isinstance(network, fx.GraphModule)
    return network, reports


def operators(network: fx.GraphModule) -> Counter[str]:
    """How often each operator is called: "conv2d", "channel_layer_norm"."""
    return Counter(
        node.target.overloadpacket.__name__
        for node in network.graph.nodes
        if isinstance(node.target, torch._ops.OpOverload)
    )


def max_error(model: nn.Module, other: nn.Module, size: int = SIZE) -> float:
    """The largest difference of outputs over three images, relative to the largest output where that is above 1.

    The outputs have to depend on the image.
    """
    images = torch.from_numpy(natural_images(3, (size, size)))
    with torch.inference_mode():
        expected = torch.cat([model(image[None]) for image in images])
        found = torch.cat([other(image[None]) for image in images])
    assert (expected[0] - expected[1]).abs().max() > 1e-2
    return float((expected - found).abs().max() / expected.abs().max().clamp(min=1))
