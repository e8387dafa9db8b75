"""EfficientMod for phones: convolutions only, channels-first, with LayerNorm or with BatchNorm.

Source: "Efficient Modulation for Vision Networks", ICLR 2024 (arXiv 2403.19963), Table 12 and Appendix J: each
permute and Linear pair becomes a 1x1 convolution, and in a second step every LayerNorm goes and a BatchNorm stands
behind each convolution, to be folded into it. The paper gives no widths or depths; those here are the
ones of EfficientMod-xxs, widened as -s is for -s (Conv), and have the parameters and multiply-adds it states.

In its LayerNorm form the network is `efficientmod.EfficientMod` without attention: the same parameter names,
a Linear's weight (O, I) standing as (O, I, 1, 1).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Norm(StrEnum):
    """Where the network normalizes: LayerNorm before each block, or BatchNorm behind each convolution."""

    LAYER = "layer"
    BATCH = "batch"


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each pixel. (N, C, H, W) to the same."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def conv(in_dim: int, dim: int, kernel_size: int = 1, *, norm: Norm, **kwargs: Any) -> nn.Module:
    """A convolution with a bias, or with a BatchNorm in the bias's place."""
    if norm is Norm.LAYER:
        return nn.Conv2d(in_dim, dim, kernel_size, **kwargs)
    return nn.Sequential(nn.Conv2d(in_dim, dim, kernel_size, bias=False, **kwargs), nn.BatchNorm2d(dim))


def channel_norm(dim: int, *, norm: Norm) -> nn.Module:
    """The LayerNorm that stands apart from the convolutions; nothing where those have a BatchNorm each."""
    return ChannelNorm(dim) if norm is Norm.LAYER else nn.Identity()


class PatchEmbed(nn.Module):
    """Overlapping patch embedding: a strided convolution, then its norm. (N, C, H, W) to (N, C', H/s, W/s)."""

    def __init__(self, in_dim: int, dim: int, *, kernel_size: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.proj = conv(in_dim, dim, kernel_size, stride=stride, padding=kernel_size // 2, norm=norm)
        self.norm = channel_norm(dim, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.proj(x))


class Context(nn.Module):
    """The context branch of Eq. 5, ctx = g(GELU(dwconv(f(x)))). (N, C, H, W) to the same."""

    def __init__(self, dim: int, *, kernel_size: int, norm: Norm) -> None:
        super().__init__()
        self.f = conv(dim, dim, norm=norm)
        self.g = conv(dim, dim, norm=norm)
        dwconv = conv(dim, dim, kernel_size, padding=kernel_size // 2, groups=dim, norm=norm)
        self.context_list = nn.ModuleList([dwconv])

    def forward(self, x: Tensor) -> Tensor:
        return self.g(F.gelu(self.context_list[0](self.f(x))))


class Modulation(nn.Module):
    """Eq. 5: p(v(x) * ctx(x)), with the context repeated `ratio` times along the channels."""

    def __init__(self, dim: int, ratio: int, *, kernel_size: int, norm: Norm) -> None:
        super().__init__()
        self.ratio = ratio
        self.fc1 = conv(dim, ratio * dim, norm=norm)
        self.context_layer = Context(dim, kernel_size=kernel_size, norm=norm)
        self.fc2 = conv(ratio * dim, dim, norm=norm)

    def values(self, x: Tensor) -> Tensor:
        """v(x), (N, rC, H, W)."""
        v = self.fc1(x)
        return F.gelu(v) if self.ratio > 1 else v

    def forward(self, x: Tensor) -> Tensor:
        ctx = self.context_layer(x)  # (N, C, H, W)
        v = self.values(x)  # (N, rC, H, W)
        if self.ratio > 1:
            ctx = ctx.repeat(1, self.ratio, 1, 1)  # (N, rC, H, W)
        return self.fc2(v * ctx)


class ConvModBlock(nn.Module):
    """x + gamma * Modulation(norm(x)). (N, C, H, W) to the same."""

    def __init__(self, dim: int, ratio: int, *, kernel_size: int, norm: Norm) -> None:
        super().__init__()
        self.gamma_1 = nn.Parameter(torch.full((dim,), 1e-4))  # LayerScale
        self.norm = channel_norm(dim, norm=norm)
        self.mlp = Modulation(dim, ratio, kernel_size=kernel_size, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gamma_1[:, None, None] * self.mlp(self.norm(x))


class Stage(nn.Module):
    """Blocks, then the downsampling into the next stage (none after the last)."""

    def __init__(self, blocks: Sequence[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(x)
        return x if self.downsample is None else self.downsample(x)


class ConvEfficientMod(nn.Module):
    """The convolutional EfficientMod classifier: images (N, 3, H, W) to logits (N, num_classes).

    Args:
        dims: channels of the four stages.
        depths: blocks in each stage.
        ratios: the expansion ratio r, cycled over the blocks of each stage.
        norm: LayerNorm before each block, or BatchNorm behind each convolution.
    """

    def __init__(
        self,
        *,
        dims: Sequence[int] = (40, 80, 160, 320),
        depths: Sequence[int] = (2, 2, 6, 2),
        ratios: Sequence[int] = (1, 6),
        kernel_size: int = 7,
        norm: Norm = Norm.LAYER,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        norm = Norm(norm)
        self.patch_embed = PatchEmbed(3, dims[0], kernel_size=7, stride=4, norm=norm)
        self.layers = nn.ModuleList()
        for i, (dim, depth) in enumerate(zip(dims, depths, strict=True)):
            blocks = [
                ConvModBlock(dim, ratios[j % len(ratios)], kernel_size=kernel_size, norm=norm) for j in range(depth)
            ]
            last = i == len(dims) - 1
            downsample = None if last else PatchEmbed(dim, dims[i + 1], kernel_size=3, stride=2, norm=norm)
            self.layers.append(Stage(blocks, downsample))
        self.norm = channel_norm(dims[-1], norm=norm)
        self.head = nn.Linear(dims[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x)
        for stage in self.layers:
            x = stage(x)
        return self.head(self.norm(x).mean(dim=(2, 3)))


def efficientmod_xxs_conv(**kwargs: Any) -> ConvEfficientMod:
    """Convolutions and LayerNorm: 4.4 M parameters, 0.7 G multiply-adds."""
    return ConvEfficientMod(**({"norm": Norm.LAYER} | kwargs))


def efficientmod_xxs_conv_bn(**kwargs: Any) -> ConvEfficientMod:
    """The same with BatchNorm: 4.4 M parameters, 0.7 G multiply-adds."""
    return ConvEfficientMod(**({"norm": Norm.BATCH} | kwargs))


def efficientmod_xxs_conv_bn_tuned(**kwargs: Any) -> ConvEfficientMod:
    """With BatchNorm, and "slightly adjusted block and channel numbers": 4.8 M parameters, 0.6 G multiply-adds."""
    config: dict[str, Any] = {"dims": (32, 64, 144, 288), "depths": (4, 4, 4, 4), "norm": Norm.BATCH}
    return ConvEfficientMod(**(config | kwargs))
