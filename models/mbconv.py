"""MBConv in EfficientMod's place: the inverted bottleneck that Table 6 and Appendix G compare with.

Source: "Efficient Modulation for Vision Networks", ICLR 2024 (arXiv 2403.19963), Table 6 and Appendices B, G. The
block itself is MobileNetV2's (arXiv 1801.04381), laid out as a channels-last EfficientMod block is. The paper
gives channels and depths of the isotropic pair, and the ratio 7 for Figure 9 (Appendix G), which gives 7.0 M and
13.5 M parameters where Table 6 has 6.4 and 12.4: there it is 6.4. That and the hierarchical pair are
reconstructed: they are the ones whose parameters and multiply-adds the paper states.
"""

from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import DropPath
from torch import Tensor, nn

from models.efficientmod import EfficientMod, to_channels_first, to_channels_last
from models.efficientmod_variants import ISOTROPIC_PATCH


class MBConvBlock(nn.Module):
    """x + gamma * project(GELU(dwconv(GELU(expand(LayerNorm(x)))))). (N, H, W, C) to the same.

    The depthwise convolution runs on all `int(ratio * dim)` channels; EfficientMod's runs on `dim`.
    """

    def __init__(self, dim: int, ratio: float, *, kernel_size: int = 7, drop_path: float = 0.0) -> None:
        super().__init__()
        hidden_dim = int(ratio * dim)
        self.gamma = nn.Parameter(torch.full((dim,), 1e-4))  # LayerScale
        self.norm = nn.LayerNorm(dim)
        self.expand = nn.Linear(dim, hidden_dim)
        self.dwconv = nn.Conv2d(hidden_dim, hidden_dim, kernel_size, padding=kernel_size // 2, groups=hidden_dim)
        self.project = nn.Linear(hidden_dim, dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.expand(self.norm(x)))  # (N, H, W, rC)
        y = F.gelu(to_channels_last(self.dwconv(to_channels_first(y))))
        return x + self.drop_path(self.gamma * self.project(y))


def _build(config: dict[str, Any], kwargs: dict[str, Any]) -> EfficientMod:
    return EfficientMod(**({"block": MBConvBlock} | config | kwargs))


def mbconv_iso(*, dim: int = 192, depth: int = 4, kernel_size: int = 7, **kwargs: Any) -> EfficientMod:
    """One stage, r = 7 throughout: what Fig. 9 and Appendix G set beside `efficientmod_iso`.

    A block takes 14 C^2 + 7 k^2 C multiply-adds a token: the pointwise layers cost what EfficientMod's do.
    """
    config: dict[str, Any] = {
        "dims": (dim,),
        "depths": (depth,),
        "ratios": (7,),
        "kernel_size": kernel_size,
        "patch": ISOTROPIC_PATCH,
    }
    return _build(config, kwargs)


def mbconv_iso_196(**kwargs: Any) -> EfficientMod:
    """One stage of 11 blocks, 196 channels, 1254 inside: 6.4 M parameters, 1.6 G multiply-adds."""
    return _build({"dims": (196,), "depths": (11,), "ratios": (6.4,), "patch": ISOTROPIC_PATCH}, kwargs)


def mbconv_iso_256(**kwargs: Any) -> EfficientMod:
    """One stage of 13 blocks, 256 channels, 1638 inside: 12.4 M parameters, 3.1 G multiply-adds."""
    return _build({"dims": (256,), "depths": (13,), "ratios": (6.4,), "patch": ISOTROPIC_PATCH}, kwargs)


def mbconv_hier_6m(**kwargs: Any) -> EfficientMod:
    """The four stages of `efficientmod_hier_6m`: 6.4 M parameters, 0.7 G multiply-adds."""
    return _build({"dims": (32, 64, 144, 320), "depths": (3, 3, 7, 5), "ratios": (3.7,)}, kwargs)


def mbconv_hier_13m(**kwargs: Any) -> EfficientMod:
    """The four stages of EfficientMod-s (Conv): 12.9 M parameters, 1.6 G multiply-adds."""
    return _build({"dims": (40, 80, 160, 344), "depths": (4, 4, 12, 8), "ratios": (4.2,)}, kwargs)
