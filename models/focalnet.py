"""FocalNet in the size of the EfficientMod paper's Table 4, from timm's blocks."""

from typing import Any

from timm.models.focalnet import FocalNet
from torch import nn


def focalnet_4m(**kwargs: Any) -> nn.Module:
    """FocalNet@4M of Table 4: FocalNet_Tiny_lrf, narrower and shallower, 4.6 M parameters, 0.7 G multiply-adds.

    The paper gives no configuration; this is the one of three focal levels that has what it states.
    """
    config: dict[str, Any] = {
        "embed_dim": 40,
        "depths": (2, 2, 4, 2),
        "focal_levels": (3, 3, 3, 3),
        "focal_windows": (3, 3, 3, 3),
    }
    return FocalNet(**(config | kwargs))
