"""The network with what a package holds beside it: normalization before, softmax behind."""

import copy

import torch
from torch import Tensor, nn

from exporters.config import CoreMLConfig, InputKind
from exporters.rewrites import fold_image_scale
from models import Preprocessing


class Deployed(nn.Module):
    """A network as it is deployed: an image's bytes in front of it, a softmax behind it, where they are asked for.

    Given:   y = network((x / 255 - mean) / std)   by channel, x an RGB image in 0 to 255
    Result:  y = network(scale (x - shift))   with   shift = 255 mean,  scale = 1 / (255 std)

    In float16 the shift comes first: x is an integer, and the difference is then exact but for the shift's rounding.
    The scale goes into the convolution that reads the image, where the network is a graph that was rewritten.
    """

    def __init__(
        self,
        network: nn.Module,
        config: CoreMLConfig,
        preprocessing: Preprocessing,
        outputs: tuple[str, ...] | None = None,
    ) -> None:
        """Of a network, whose outputs are named `outputs`; None for one, which the options name."""
        super().__init__()
        self.outputs = (config.output,) if outputs is None or len(outputs) == 1 else outputs
        self.shift: Tensor
        self.scale: Tensor | None
        self.takes_image = config.input is InputKind.IMAGE
        self.softmax = nn.Softmax(dim=1) if config.softmax else nn.Identity()
        mean, std = (torch.tensor(x, dtype=torch.float64) for x in (preprocessing.mean, preprocessing.std))
        scale = 1 / (255 * std)
        scaled = None
        if self.takes_image and isinstance(network, torch.fx.GraphModule):
            scaled = fold_image_scale(network, scale)
        self.network = scaled or network
        self.register_buffer("shift", (255 * mean).float().view(1, -1, 1, 1))
        self.register_buffer("scale", None if scaled else scale.float().view(1, -1, 1, 1))

    def around(self, network: nn.Module) -> "Deployed":
        """The same around another network."""
        other = copy.copy(self)
        other._modules = self._modules | {"network": network}
        return other

    @property
    def channels(self) -> int:
        """Of what it takes."""
        return self.shift.shape[1]

    def forward(self, x: Tensor) -> Tensor:
        if self.takes_image:
            x = x - self.shift  # (N, channels, H, W)
            x = x if self.scale is None else x * self.scale
        return self.softmax(self.network(x))  # (N, classes), or several
