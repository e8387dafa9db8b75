"""EfficientMod's ablations: the networks that the paper trains beside its own, each a few arguments away from it.

Source: "Efficient Modulation for Vision Networks", ICLR 2024 (arXiv 2403.19963): Table 5 (what the context
branch needs), Table 6 and Appendix B (one block against MBConv), Appendix L (kernel sizes, a separate MLP).
Where the paper leaves a configuration open, the one here has its parameters and multiply-adds, and its row in
the zoo says "reconstructed".
"""

from typing import Any

import torch
from timm.layers import DropPath
from torch import Tensor, nn

from models.efficientmod import EfficientMod, EfficientModBlock, Fusion, efficientmod_s_conv
from models.layers import Mlp

# Table 5: EfficientMod-s (Conv) with parts of the context g(GELU(conv(f(x)))) left out, or its product a sum. Which
# of the three accuracies of a single part is whose is reconstructed: conv alone is taken for the 78.6 %, f and g for
# 72.7 and 72.3; of the two of two parts it is taken from the order of the paper's text. What is left out is the
# identity: the paper's code has switches for f and g that make it so, and none for the convolution.


def efficientmod_s_conv_f_only(**kwargs: Any) -> EfficientMod:
    """The context is GELU(f(x))."""
    return efficientmod_s_conv(conv=False, g=False, **kwargs)


def efficientmod_s_conv_conv_only(**kwargs: Any) -> EfficientMod:
    """The context is GELU(conv(x))."""
    return efficientmod_s_conv(f=False, g=False, **kwargs)


def efficientmod_s_conv_g_only(**kwargs: Any) -> EfficientMod:
    """The context is g(GELU(x))."""
    return efficientmod_s_conv(f=False, conv=False, **kwargs)


def efficientmod_s_conv_no_g(**kwargs: Any) -> EfficientMod:
    """The context is GELU(conv(f(x)))."""
    return efficientmod_s_conv(g=False, **kwargs)


def efficientmod_s_conv_no_f(**kwargs: Any) -> EfficientMod:
    """The context is g(GELU(conv(x)))."""
    return efficientmod_s_conv(f=False, **kwargs)


def efficientmod_s_conv_sum(**kwargs: Any) -> EfficientMod:
    """Values and context are added."""
    return efficientmod_s_conv(fusion=Fusion.SUM, **kwargs)


# Appendix L: parallel depthwise convolutions of several sizes, summed.


def efficientmod_s_conv_k3_3(**kwargs: Any) -> EfficientMod:
    return efficientmod_s_conv(kernel_sizes=(3, 3), **kwargs)


def efficientmod_s_conv_k3_5(**kwargs: Any) -> EfficientMod:
    return efficientmod_s_conv(kernel_sizes=(3, 5), **kwargs)


def efficientmod_s_conv_k3_7(**kwargs: Any) -> EfficientMod:
    return efficientmod_s_conv(kernel_sizes=(3, 7), **kwargs)


def efficientmod_s_conv_k5_5(**kwargs: Any) -> EfficientMod:
    return efficientmod_s_conv(kernel_sizes=(5, 5), **kwargs)


def efficientmod_s_conv_k5_7(**kwargs: Any) -> EfficientMod:
    return efficientmod_s_conv(kernel_sizes=(5, 7), **kwargs)


def efficientmod_s_conv_k3_5_7(**kwargs: Any) -> EfficientMod:
    return efficientmod_s_conv(kernel_sizes=(3, 5, 7), **kwargs)


class SeparateMlpBlock(nn.Module):
    """Modulation and MLP as two residual branches, which EfficientMod's block merges. (N, H, W, C) to the same.

    The widening by `ratio` moves out of the modulation: r = 1 there, and an MLP of ratio r - 1 behind it,
    which costs nearly the same.
    """

    def __init__(self, dim: int, ratio: int, *, drop_path: float = 0.0, **modulation: Any) -> None:
        super().__init__()
        self.modulation = EfficientModBlock(dim, 1, drop_path=drop_path, **modulation)
        self.gamma_2 = nn.Parameter(torch.full((dim,), 1e-4))  # LayerScale
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, (ratio - 1) * dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        x = self.modulation(x)
        return x + self.drop_path(self.gamma_2 * self.mlp(self.norm2(x)))


def _separate_mlp(dim: int, ratio: int, **kwargs: Any) -> nn.Module:
    # A block of r = 1 widens nothing, so there is no MLP to take out of it.
    return EfficientModBlock(dim, ratio, **kwargs) if ratio == 1 else SeparateMlpBlock(dim, ratio, **kwargs)


def efficientmod_s_conv_mlp(**kwargs: Any) -> EfficientMod:
    """EfficientMod-s (Conv) with a separate MLP, Appendix L: 12.9 M parameters, 1.5 G multiply-adds."""
    return efficientmod_s_conv(block=_separate_mlp, **kwargs)


# Table 6, EfficientMod's side; MBConv's is in mbconv.py.

ISOTROPIC_PATCH = (14, 14, 0)
"""14x14 patches that do not overlap: 16x16 tokens of a 224x224 image (Appendix B)."""


def efficientmod_iso(*, dim: int = 192, depth: int = 4, kernel_size: int = 7, **kwargs: Any) -> EfficientMod:
    """One stage, r = 6 throughout: the design of Fig. 9, which the paper measures by width and by kernel size.

    A block takes 14 C^2 + k^2 C multiply-adds a token, of which there are 256; its LayerNorm is counted as 5 C more.
    The paper states neither the widths nor the depth.
    """
    config: dict[str, Any] = {
        "dims": (dim,),
        "depths": (depth,),
        "ratios": (6,),
        "kernel_sizes": (kernel_size,),
        "patch": ISOTROPIC_PATCH,
    }
    return EfficientMod(**(config | kwargs))


def efficientmod_iso_196(**kwargs: Any) -> EfficientMod:
    """One stage of 11 blocks, 196 channels, r = 6 throughout: 6.4 M parameters, 1.6 G multiply-adds."""
    config: dict[str, Any] = {"dims": (196,), "depths": (11,), "ratios": (6,), "patch": ISOTROPIC_PATCH}
    return EfficientMod(**(config | kwargs))


def efficientmod_iso_256(**kwargs: Any) -> EfficientMod:
    """One stage of 13 blocks, 256 channels, r = 6 throughout: 12.5 M parameters, 3.1 G multiply-adds."""
    config: dict[str, Any] = {"dims": (256,), "depths": (13,), "ratios": (6,), "patch": ISOTROPIC_PATCH}
    return EfficientMod(**(config | kwargs))


def efficientmod_hier_6m(**kwargs: Any) -> EfficientMod:
    """Four stages without attention: 6.4 M parameters, 0.7 G multiply-adds.

    The paper gives no configuration. This is EfficientMod-xs with EfficientMod blocks in its attention
    blocks' place, as -s (Conv) is made from -s, and 320 channels at the end.
    """
    config: dict[str, Any] = {"dims": (32, 64, 144, 320), "depths": (3, 3, 7, 5), "ratios": (1, 6)}
    return EfficientMod(**(config | kwargs))
