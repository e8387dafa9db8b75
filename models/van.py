"""VAN: attention without softmax, a large-kernel convolution that multiplies its own input.

Source: "Visual Attention Network" (arXiv 2202.09741), Fig. 3a (LKA), Fig. 4 (a stage), Table 5 (the variants);
Table 4 of the EfficientMod paper compares with it. Parameter names follow the authors' repository,
github.com/Visual-Attention-Network/VAN-Classification, Apache-2.0.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PatchEmbed(nn.Module):
    """Overlapping patch embedding: a strided convolution, then BatchNorm. (N, C, H, W) to (N, C', H/s, W/s)."""

    def __init__(self, in_dim: int, dim: int, *, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_dim, dim, kernel_size, stride, padding=kernel_size // 2)
        self.norm = nn.BatchNorm2d(dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.proj(x))


class LargeKernelAttention(nn.Module):
    """LKA: a 21x21 convolution, decomposed into three, weighs each value of its input. (N, C, H, W) to the same."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.conv_spatial = nn.Conv2d(dim, dim, 7, padding=9, dilation=3, groups=dim)
        self.conv1 = nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv1(self.conv_spatial(self.conv0(x)))


class Attention(nn.Module):
    """LKA between two pointwise convolutions, with a shortcut of its own. (N, C, H, W) to the same.

    The shortcut starts behind the block's norm, so that LayerScale weighs f(x) + x and not f(x) alone.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj_1 = nn.Conv2d(dim, dim, 1)
        self.spatial_gating_unit = LargeKernelAttention(dim)
        self.proj_2 = nn.Conv2d(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.proj_2(self.spatial_gating_unit(F.gelu(self.proj_1(x))))


class DepthwiseConv(nn.Module):
    """A 3x3 depthwise convolution; a module of its own for its parameters' name."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.dwconv(x)


class ConvFeedForward(nn.Module):
    """Pointwise, 3x3 depthwise, GELU, pointwise. (N, C, H, W) to the same."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(dim, hidden_dim, 1)
        self.dwconv = DepthwiseConv(hidden_dim)
        self.fc2 = nn.Conv2d(hidden_dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.dwconv(self.fc1(x))))


class Block(nn.Module):
    """Attention, then the feed-forward part, each x + scale * f(BatchNorm(x)). (N, C, H, W) to the same."""

    def __init__(self, dim: int, *, mlp_ratio: int) -> None:
        super().__init__()
        self.layer_scale_1 = nn.Parameter(torch.full((dim,), 1e-2))
        self.layer_scale_2 = nn.Parameter(torch.full((dim,), 1e-2))
        self.norm1 = nn.BatchNorm2d(dim)
        self.attn = Attention(dim)
        self.norm2 = nn.BatchNorm2d(dim)
        self.mlp = ConvFeedForward(dim, mlp_ratio * dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.layer_scale_1[:, None, None] * self.attn(self.norm1(x))
        return x + self.layer_scale_2[:, None, None] * self.mlp(self.norm2(x))


class VAN(nn.Module):
    """The VAN classifier: images (N, 3, H, W) of any size to logits (N, num_classes).

    Args:
        dims: channels of the four stages.
        depths: blocks in each stage.
        mlp_ratios: expansion of the feed-forward part, by stage.
    """

    def __init__(
        self,
        *,
        dims: Sequence[int] = (32, 64, 160, 256),
        depths: Sequence[int] = (3, 3, 5, 2),
        mlp_ratios: Sequence[int] = (8, 8, 4, 4),
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        self.num_stages = len(dims)
        in_dim = 3
        for i, (dim, depth, mlp_ratio) in enumerate(zip(dims, depths, mlp_ratios, strict=True), start=1):
            kernel_size, stride = (7, 4) if i == 1 else (3, 2)
            setattr(self, f"patch_embed{i}", PatchEmbed(in_dim, dim, kernel_size=kernel_size, stride=stride))
            setattr(self, f"block{i}", nn.Sequential(*(Block(dim, mlp_ratio=mlp_ratio) for _ in range(depth))))
            setattr(self, f"norm{i}", nn.LayerNorm(dim, eps=1e-6))
            in_dim = dim
        self.head = nn.Linear(in_dim, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        for i in range(1, self.num_stages + 1):
            x = getattr(self, f"patch_embed{i}")(x)
            x = getattr(self, f"block{i}")(x)
            x = getattr(self, f"norm{i}")(x.permute(0, 2, 3, 1))  # (N, H, W, C)
            x = x.permute(0, 3, 1, 2)
        return self.head(x.mean(dim=(2, 3)))


def van_b0(**kwargs: Any) -> VAN:
    """VAN-B0, Table 5: 4.1 M parameters, 0.9 G multiply-adds."""
    config: dict[str, Any] = {"dims": (32, 64, 160, 256), "depths": (3, 3, 5, 2), "mlp_ratios": (8, 8, 4, 4)}
    return VAN(**(config | kwargs))
