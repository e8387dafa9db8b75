"""EdgeViT: attention among a few representatives, between two local exchanges that feed and spread it.

Source: "EdgeViTs: Competing Light-weight CNNs on Mobile Devices with Vision Transformers", ECCV 2022
(arXiv 2205.03436), the local-global-local bottleneck; Tables 1, 10 and 12 of the EfficientMod paper time it.
Parameter names and constants follow the authors' repository, github.com/saic-fi/edgevit, Apache-2.0.
"""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import Mlp


class PatchEmbed(nn.Module):
    """Patches that do not overlap: a convolution, then LayerNorm. (N, C, H, W) to (N, C', H/p, W/p)."""

    def __init__(self, in_dim: int, dim: int, *, patch_size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)  # before proj, as in the released state dict
        self.proj = nn.Conv2d(in_dim, dim, patch_size, patch_size)

    def forward(self, x: Tensor) -> Tensor:
        x = self.proj(x).permute(0, 2, 3, 1)  # (N, H/p, W/p, C')
        return self.norm(x).permute(0, 3, 1, 2)


class ConvMlp(nn.Module):
    """`Mlp` on a map, as pointwise convolutions. (N, C, H, W) to the same."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(dim, hidden_dim, 1)
        self.fc2 = nn.Conv2d(hidden_dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class LocalAggregation(nn.Module):
    """The first "local": every token gathers its 5x5 neighbourhood. (N, C, H, W) to the same.

    A convolutional transformer block: conditional positions, a depthwise convolution in attention's place, an MLP.
    """

    def __init__(self, dim: int, *, mlp_ratio: int) -> None:
        super().__init__()
        self.pos_embed = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.BatchNorm2d(dim)
        self.conv1 = nn.Conv2d(dim, dim, 1)
        self.conv2 = nn.Conv2d(dim, dim, 1)
        self.attn = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.norm2 = nn.BatchNorm2d(dim)
        self.mlp = ConvMlp(dim, mlp_ratio * dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.pos_embed(x)
        x = x + self.conv2(self.attn(self.conv1(self.norm1(x))))
        return x + self.mlp(self.norm2(x))


class SparseAttention(nn.Module):
    """One token of each r x r window attends, then its window shares the result. (N, H, W, C) to the same.

    These are "global" and the last "local": a transposed convolution of stride r, one filter a channel, spreads
    the representatives back. With `sample_rate` r = 1 this is plain self-attention.
    """

    def __init__(self, dim: int, *, head_dim: int, sample_rate: int) -> None:
        super().__init__()
        self.num_heads = dim // head_dim
        self.head_dim = head_dim
        self.sample_rate = sample_rate
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        if sample_rate > 1:
            self.LocalProp = nn.ConvTranspose2d(dim, dim, sample_rate, sample_rate, groups=dim)
            self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        if self.sample_rate > 1:
            x = x[:, :: self.sample_rate, :: self.sample_rate]  # (N, H/r, W/r, C)
        n, height, width, dim = x.shape
        qkv = self.qkv(x).reshape(n, height * width, 3, self.num_heads, self.head_dim)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (N, heads, HW/r^2, head_dim)
        x = F.scaled_dot_product_attention(q, k, v)
        x = x.transpose(1, 2).reshape(n, height, width, dim)
        if self.sample_rate > 1:
            x = self.LocalProp(x.permute(0, 3, 1, 2))  # (N, C, H, W)
            x = self.norm(x.permute(0, 2, 3, 1))
        return self.proj(x)


class SparseTransformer(nn.Module):
    """A pre-norm transformer block around `SparseAttention`. (N, C, H, W) to the same."""

    def __init__(self, dim: int, *, head_dim: int, sample_rate: int, mlp_ratio: int) -> None:
        super().__init__()
        self.pos_embed = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = SparseAttention(dim, head_dim=head_dim, sample_rate=sample_rate)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, mlp_ratio * dim)

    def forward(self, x: Tensor) -> Tensor:
        x = (x + self.pos_embed(x)).permute(0, 2, 3, 1)  # (N, H, W, C)
        x = x + self.attn(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return x.permute(0, 3, 1, 2)


class LocalGlobalLocal(nn.Module):
    """The LGL bottleneck. (N, C, H, W) to the same.

    Where every token attends, `sample_rate` 1, there is nothing to aggregate and the first part is left out.
    """

    def __init__(self, dim: int, *, head_dim: int, sample_rate: int, mlp_ratio: int) -> None:
        super().__init__()
        self.LocalAgg = LocalAggregation(dim, mlp_ratio=mlp_ratio) if sample_rate > 1 else nn.Identity()
        self.SelfAttn = SparseTransformer(dim, head_dim=head_dim, sample_rate=sample_rate, mlp_ratio=mlp_ratio)

    def forward(self, x: Tensor) -> Tensor:
        return self.SelfAttn(self.LocalAgg(x))


class EdgeViT(nn.Module):
    """The EdgeViT classifier: images (N, 3, H, W) to logits (N, num_classes).

    H and W are multiples of 32, so that each stage's map divides into whole windows.

    Args:
        dims: channels of the four stages.
        depths: LGL bottlenecks in each stage.
        head_dim: channels of one attention head, the same in all stages.
        sample_rates: side of the window that one attending token stands for, by stage.
        mlp_ratio: expansion of both MLPs.
    """

    def __init__(
        self,
        *,
        dims: Sequence[int] = (36, 72, 144, 288),
        depths: Sequence[int] = (1, 1, 3, 2),
        head_dim: int = 36,
        sample_rates: Sequence[int] = (4, 2, 2, 1),
        mlp_ratio: int = 4,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        self.num_stages = len(dims)
        for i, (in_dim, dim) in enumerate(zip((3, *dims), dims, strict=False), start=1):
            setattr(self, f"patch_embed{i}", PatchEmbed(in_dim, dim, patch_size=4 if i == 1 else 2))
        for i, (dim, depth, sample_rate) in enumerate(zip(dims, depths, sample_rates, strict=True), start=1):
            blocks = (
                LocalGlobalLocal(dim, head_dim=head_dim, sample_rate=sample_rate, mlp_ratio=mlp_ratio)
                for _ in range(depth)
            )
            setattr(self, f"blocks{i}", nn.Sequential(*blocks))
        self.norm = nn.BatchNorm2d(dims[-1])
        self.head = nn.Linear(dims[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        if height % 32 or width % 32:
            raise ValueError(f"EdgeViT takes images whose sides are multiples of 32, not {height}x{width}")
        for i in range(1, self.num_stages + 1):
            x = getattr(self, f"patch_embed{i}")(x)
            x = getattr(self, f"blocks{i}")(x)
        return self.head(self.norm(x).mean(dim=(2, 3)))


def edgevit_xxs(**kwargs: Any) -> EdgeViT:
    """EdgeViT-XXS: 4.1 M parameters, 0.6 G multiply-adds."""
    config: dict[str, Any] = {"dims": (36, 72, 144, 288), "depths": (1, 1, 3, 2), "head_dim": 36}
    return EdgeViT(**(config | kwargs))


def edgevit_xs(**kwargs: Any) -> EdgeViT:
    """EdgeViT-XS: 6.8 M parameters, 1.1 G multiply-adds."""
    config: dict[str, Any] = {"dims": (48, 96, 240, 384), "depths": (1, 1, 3, 1), "head_dim": 48}
    return EdgeViT(**(config | kwargs))


def edgevit_s(**kwargs: Any) -> EdgeViT:
    """EdgeViT-S: 13.1 M parameters, 1.9 G multiply-adds.

    Its own paper says 11.1 M; the released network has 13.1 M, and so has the EfficientMod paper's row.
    """
    config: dict[str, Any] = {"dims": (48, 96, 240, 384), "depths": (1, 2, 5, 3), "head_dim": 48}
    return EdgeViT(**(config | kwargs))
