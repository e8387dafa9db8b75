"""PVT: a pyramid of transformer stages, whose keys and values come from a smaller map.

Source: "Pyramid Vision Transformer: A Versatile Backbone for Dense Prediction without Convolutions", ICCV 2021
(arXiv 2102.12122), Table 1 (the variants); PVT-Tiny is a backbone in Tables 7 and 11 of the EfficientMod paper.
Parameter names follow the authors' repository, github.com/whai362/PVT, Apache-2.0.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import Mlp


class PatchEmbed(nn.Module):
    """Patches that do not overlap: a convolution, then LayerNorm. (N, C, H, W) to (N, H/p, W/p, C')."""

    def __init__(self, in_dim: int, dim: int, *, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_dim, dim, patch_size, patch_size)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.proj(x).permute(0, 2, 3, 1))


class SpatialReductionAttention(nn.Module):
    """Every token asks, patches of r x r tokens answer: L queries, L / r^2 keys and values. (N, L, C) to the same."""

    def __init__(self, dim: int, *, num_heads: int, reduction: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.reduction = reduction
        self.q = nn.Linear(dim, dim)
        self.kv = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)
        if reduction > 1:
            self.sr = nn.Conv2d(dim, dim, reduction, reduction)
            self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, map_size: tuple[int, int]) -> Tensor:
        q = self.q(x).unflatten(2, (self.num_heads, -1)).transpose(1, 2)  # (N, heads, L, C/heads)
        if self.reduction > 1:
            x = x.transpose(1, 2).unflatten(2, map_size)  # (N, C, H, W)
            x = self.norm(self.sr(x).flatten(2).transpose(1, 2))  # (N, L/r^2, C)
        kv = self.kv(x).unflatten(2, (2, self.num_heads, -1))
        k, v = kv.permute(2, 0, 3, 1, 4).unbind(0)  # each (N, heads, L/r^2, C/heads)
        x = F.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """A pre-norm transformer block. (N, L, C) to the same; `map_size` is the height and width of the tokens' map."""

    def __init__(self, dim: int, *, num_heads: int, reduction: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = SpatialReductionAttention(dim, num_heads=num_heads, reduction=reduction)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, mlp_ratio * dim)

    def forward(self, x: Tensor, map_size: tuple[int, int]) -> Tensor:
        x = x + self.attn(self.norm1(x), map_size)
        return x + self.mlp(self.norm2(x))


def resize_positions(positions: Tensor, grid: int, map_size: tuple[int, int]) -> Tensor:
    """Positions of a square map of side `grid`, bilinearly at `map_size`. (1, grid^2, C) to (1, HW, C)."""
    if map_size == (grid, grid):
        return positions
    positions = positions.transpose(1, 2).unflatten(2, (grid, grid))  # (1, C, grid, grid)
    return F.interpolate(positions, size=map_size, mode="bilinear").flatten(2).transpose(1, 2)


class PyramidVisionTransformer(nn.Module):
    """The PVT classifier: images (N, 3, H, W) to logits (N, num_classes).

    H and W are 32 or more; what is left over at the right and the bottom of a multiple of 32 is cut off, stage by
    stage. The positions are learned on the maps of a 224x224 image, and resized bilinearly for others.

    Args:
        dims: channels of the four stages.
        depths: blocks in each stage.
        num_heads: attention heads, by stage.
        reductions: side r of the patches that become one key and value, by stage.
        mlp_ratios: expansion of the MLP, by stage.
    """

    def __init__(
        self,
        *,
        dims: Sequence[int] = (64, 128, 320, 512),
        depths: Sequence[int] = (2, 2, 2, 2),
        num_heads: Sequence[int] = (1, 2, 5, 8),
        reductions: Sequence[int] = (8, 4, 2, 1),
        mlp_ratios: Sequence[int] = (8, 8, 4, 4),
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        self.grids = [224 // (4 * 2**i) for i in range(len(dims))]  # 56, 28, 14, 7
        patch_sizes = (4, 2, 2, 2)
        in_dim = 3
        for i, dim in enumerate(dims):
            blocks = (
                Block(dim, num_heads=num_heads[i], reduction=reductions[i], mlp_ratio=mlp_ratios[i])
                for _ in range(depths[i])
            )
            num_tokens = self.grids[i] ** 2 + (i == len(dims) - 1)  # the class token joins in the last stage
            positions = nn.init.trunc_normal_(torch.empty(1, num_tokens, dim), std=0.02)
            setattr(self, f"patch_embed{i + 1}", PatchEmbed(in_dim, dim, patch_size=patch_sizes[i]))
            setattr(self, f"pos_embed{i + 1}", nn.Parameter(positions))
            setattr(self, f"block{i + 1}", nn.ModuleList(blocks))
            in_dim = dim
        self.norm = nn.LayerNorm(in_dim, eps=1e-6)
        self.cls_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(1, 1, in_dim), std=0.02))
        self.head = nn.Linear(in_dim, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[2:]) < 32:
            raise ValueError(f"PVT takes images of 32x32 pixels or more, not {x.shape[2]}x{x.shape[3]}")
        for i, grid in enumerate(self.grids, start=1):
            x = getattr(self, f"patch_embed{i}")(x)  # (N, H, W, C)
            _, height, width, _ = x.shape
            x = x.flatten(1, 2)  # (N, HW, C)
            positions = getattr(self, f"pos_embed{i}")
            last = i == len(self.grids)
            if last:
                x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)  # (N, 1 + HW, C)
                map_positions = resize_positions(positions[:, 1:], grid, (height, width))
                positions = torch.cat((positions[:, :1], map_positions), dim=1)
            else:
                positions = resize_positions(positions, grid, (height, width))
            x = x + positions
            for block in getattr(self, f"block{i}"):
                x = block(x, (height, width))
            if not last:
                x = x.transpose(1, 2).unflatten(2, (height, width))  # (N, C, H, W)
        return self.head(self.norm(x)[:, 0])


def pvt_tiny(**kwargs: Any) -> PyramidVisionTransformer:
    """PVT-Tiny, Table 1: 13.2 M parameters, 1.9 G multiply-adds."""
    config: dict[str, Any] = {"dims": (64, 128, 320, 512), "depths": (2, 2, 2, 2), "num_heads": (1, 2, 5, 8)}
    return PyramidVisionTransformer(**(config | kwargs))
