"""Backbones as pyramids: images (N, 3, H, W) to four maps, of strides 4, 8, 16 and 32.

EfficientMod's maps and PVT's are taken before each downsampling, without a norm, as their authors' detectors take
them; the others' are what timm takes. Networks that are built for one size are built for the image's.
"""

import timm
from timm.models.efficientformer import Attention as EfficientFormerAttention
from torch import Tensor, nn

import models.efficientmod  # noqa: F401 - registers its networks with timm
from models.pvt import pvt_tiny, resize_positions
from models.zoo.timm import rebuild_bias


class PvtPyramid(nn.Module):
    """PVT as its authors use it in detectors: without class token, norm and classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.net = pvt_tiny()
        del self.net.cls_token, self.net.norm, self.net.head
        # Of the map alone, without the class token: (1, 49, C).
        self.net.pos_embed4 = nn.Parameter(self.net.get_parameter("pos_embed4")[:, 1:].detach())

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for i, grid in enumerate(self.net.grids, start=1):
            x = getattr(self.net, f"patch_embed{i}")(x)  # (N, H, W, C)
            _, height, width, _ = x.shape
            x = x.flatten(1, 2) + resize_positions(getattr(self.net, f"pos_embed{i}"), grid, (height, width))
            for block in getattr(self.net, f"block{i}"):
                x = block(x, (height, width))
            x = x.transpose(1, 2).unflatten(2, (height, width))  # (N, C, H, W)
            maps.append(x)
        return maps


def create_backbone(name: str, size: tuple[int, int]) -> tuple[nn.Module, list[int]]:
    """A backbone for images of `size`, height and width, and the channels of its maps."""
    if name == "pvt_tiny":
        return PvtPyramid(), [64, 128, 320, 512]
    sized = {"img_size": size} if name == "efficientformerv2_s2" else {}
    pyramid = timm.create_model(name, features_only=True, out_indices=(-4, -3, -2, -1), **sized)
    for module in pyramid.modules():
        if isinstance(module, EfficientFormerAttention):  # timm builds it for 224 pixels alone
            rebuild_bias(module, (-(-size[0] // 32), -(-size[1] // 32)))
    return pyramid, pyramid.feature_info.channels()
