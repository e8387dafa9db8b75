"""Move the scale of an image's normalization into the convolution that reads the image.

Given:   y = W (s x) + b   channel by channel of x, zeros around it where the convolution is padded
Result:  y = W' x + b      with   W' = W s

Zeros stay zeros whatever they are scaled by, so padding does not matter here. (It would for a shift.) One operator less
runs, and none rounds the scaled image to float16.
"""

import copy

from torch import Tensor

from exporters.rewrites.graph import Network, finish, infer_shapes, is_weighted, scale_inputs


def fold_image_scale(network: Network, scale: Tensor) -> Network | None:
    """A copy of a network that takes x where the network takes scale * x.

    Args:
        scale: (channels,).

    Returns:
        None where something else than convolutions reads the image.
    """
    network = copy.deepcopy(network)
    image = next(node for node in network.graph.nodes if node.op == "placeholder")
    readers = list(image.users)
    if not all(is_weighted(network, user) and user.args[0] is image for user in readers):
        return None
    infer_shapes(network)
    for user in readers:
        scale_inputs(network, user, scale.double(), scale.double() * 0)
    finish(network)
    return network
