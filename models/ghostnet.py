"""GhostNet-A: GhostNet's bottlenecks in the depth, width and resolution that TinyNet's formula gives.

Source: "Model Rubik's Cube: Twisting Resolution, Depth and Width for TinyNets", NeurIPS 2020 (arXiv 2010.14819),
Table 7, which builds on "GhostNet: More Features from Cheap Operations" (arXiv 1911.11907); it stands in Table 2
of the EfficientMod paper. The authors released no code for this one: parameter names and the stages follow
github.com/PistonY/ModelZoo.pytorch, MIT, whose network has the published parameters, and at 240x240 the
published multiply-adds.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class GhostModule(nn.Module):
    """Half of the channels by a pointwise convolution, the rest by a depthwise one of those.

    (N, C, H, W) to (N, C', H, W), C' even.
    """

    def __init__(self, in_dim: int, dim: int, *, act: bool) -> None:
        super().__init__()
        half = dim // 2
        self.primary_conv = nn.Sequential(nn.Conv2d(in_dim, half, 1, bias=False), nn.BatchNorm2d(half))
        self.cheap_operation = nn.Sequential(
            nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False), nn.BatchNorm2d(half)
        )
        if act:
            self.primary_conv.append(nn.ReLU())
            self.cheap_operation.append(nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        x = self.primary_conv(x)  # (N, C'/2, H, W)
        return torch.cat((x, self.cheap_operation(x)), dim=1)


class SqueezeExcite(nn.Module):
    """Channels weighed by a gate that sees the whole map. (N, C, H, W) to the same."""

    def __init__(self, dim: int, *, ratio: float = 0.1) -> None:
        super().__init__()
        hidden_dim = 4 * max(1, round(ratio * dim / 4))  # the nearest multiple of 4
        self.block = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(dim, hidden_dim, 1),
            nn.ReLU(),
            nn.Conv2d(hidden_dim, dim, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.block(x)


class GhostBottleneck(nn.Module):
    """Widen, halve the map where the stride is 2, gate, narrow, and add. (N, C, H, W) to (N, C', H/s, W/s)."""

    def __init__(self, in_dim: int, hidden_dim: int, dim: int, *, stride: int) -> None:
        super().__init__()
        self.ghost1 = GhostModule(in_dim, hidden_dim, act=True)
        self.dw_conv = nn.Sequential(*depthwise_bn(hidden_dim, stride)) if stride > 1 else nn.Identity()
        self.se = SqueezeExcite(hidden_dim)
        self.ghost2 = GhostModule(hidden_dim, dim, act=False)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or in_dim != dim:
            self.shortcut = nn.Sequential(
                *depthwise_bn(in_dim, stride), nn.Conv2d(in_dim, dim, 1, bias=False), nn.BatchNorm2d(dim)
            )

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.ghost2(self.se(self.dw_conv(self.ghost1(x))))


def depthwise_bn(dim: int, stride: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(dim, dim, 3, stride, padding=1, groups=dim, bias=False), nn.BatchNorm2d(dim)


class Stage(NamedTuple):
    """One row of the network's table: `depth` bottlenecks, of which the first has the stride."""

    dim: int
    expansion: float
    stride: int
    depth: int


class GhostNet(nn.Module):
    """The GhostNet classifier: images (N, 3, H, W) of any size to logits (N, num_classes).

    Args:
        stem_dim: channels of the first convolution.
        stages: what follows it.
        head_dims: channels of the last convolution, and of the layer behind the pool.
    """

    def __init__(
        self, *, stem_dim: int, stages: Sequence[Stage], head_dims: tuple[int, int], num_classes: int = 1000
    ) -> None:
        super().__init__()
        stem = nn.Sequential(
            nn.Conv2d(3, stem_dim, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(stem_dim), nn.ReLU()
        )
        self.stem = nn.Sequential(OrderedDict(stem=stem))  # the released names repeat "stem" and "head"
        self.stage = nn.Sequential()
        in_dim = stem_dim
        for dim, expansion, stride, depth in stages:
            blocks = nn.Sequential()
            for i in range(depth):
                blocks.append(GhostBottleneck(in_dim, int(in_dim * expansion), dim, stride=stride if i == 0 else 1))
                in_dim = dim
            self.stage.append(blocks)
        conv_dim, hidden_dim = head_dims
        self.stage.extend((nn.Conv2d(in_dim, conv_dim, 1, bias=False), nn.BatchNorm2d(conv_dim), nn.ReLU()))
        head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(conv_dim, hidden_dim, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Identity(),  # dropout in training; it keeps the classifier's number
            nn.Linear(hidden_dim, num_classes),
        )
        self.head = nn.Sequential(OrderedDict(head=head))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stage(self.stem(x)))


def ghostnet_a(**kwargs: Any) -> GhostNet:
    """GhostNet-A, Table 7: 11.9 M parameters, 0.6 G multiply-adds at 240x240."""
    config: dict[str, Any] = {
        "stem_dim": 28,
        "stages": (
            Stage(dim=28, expansion=1, stride=1, depth=1),
            Stage(dim=44, expansion=3, stride=2, depth=1),
            Stage(dim=44, expansion=3, stride=1, depth=1),
            Stage(dim=72, expansion=3, stride=2, depth=1),
            Stage(dim=72, expansion=3, stride=1, depth=2),
            Stage(dim=140, expansion=6, stride=2, depth=1),
            Stage(dim=140, expansion=2.5, stride=1, depth=3),
            Stage(dim=196, expansion=6, stride=1, depth=3),
            Stage(dim=280, expansion=6, stride=2, depth=1),
            Stage(dim=280, expansion=6, stride=1, depth=5),
        ),
        "head_dims": (1680, 1400),
    }
    return GhostNet(**(config | kwargs))
