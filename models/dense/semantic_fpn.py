"""Semantic FPN: a segmenter whose maps are brought to one size and added.

Source: "Panoptic Feature Pyramid Networks" (arXiv 1901.02446), section 3.1, with the widths and the 150 classes (of
ADE20K) of the configuration that the paper and PVT use, `fpn_r50_512x512_80k_ade20k` of mmsegmentation.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

_NECK, _WIDTH, _CLASSES = 256, 128, 150


class ConvNorm(nn.Sequential):
    """Convolution 3x3, BatchNorm, ReLU. (N, C, H, W) to (N, C', H, W)."""

    def __init__(self, in_dim: int, dim: int) -> None:
        super().__init__(nn.Conv2d(in_dim, dim, 3, padding=1, bias=False), nn.BatchNorm2d(dim), nn.ReLU(inplace=True))


class Doubled(nn.Module):
    """Twice the height and width, bilinearly."""

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def branch(doublings: int) -> nn.Sequential:
    """One map brought to stride 4: a convolution, and as many as it takes with a doubling behind each."""
    layers: list[nn.Module] = [ConvNorm(_NECK, _WIDTH)]
    for i in range(doublings):
        layers += [Doubled()] if i == 0 else [ConvNorm(_WIDTH, _WIDTH), Doubled()]
    return nn.Sequential(*layers)


class SemanticFpn(nn.Module):
    """Images (N, 3, H, W) to logits of classes (N, 150, H/4, W/4), as the head gives them.

    Args:
        backbone: gives four maps, of strides 4 to 32.
        channels: of these.
    """

    def __init__(self, backbone: nn.Module, channels: Sequence[int]) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = FeaturePyramidNetwork(list(channels), _NECK)
        self.branches = nn.ModuleList([branch(doublings) for doublings in range(len(channels))])
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(_WIDTH, _CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.neck(OrderedDict((str(i), x) for i, x in enumerate(self.backbone(x))))
        first, *others = (branch(maps[str(i)]) for i, branch in enumerate(self.branches))
        for other in others:
            first = first + other  # (N, 128, H/4, W/4)
        return self.classifier(self.dropout(first))
