"""ConvMLP: channel MLPs, joined by depthwise convolutions instead of spatial MLPs.

Source: "ConvMLP: Hierarchical Convolutional MLPs for Vision" (arXiv 2109.04454); ConvMLP-M stands in Table 2 of
the EfficientMod paper. Parameter names follow the authors' repository,
github.com/SHI-Labs/Convolutional-MLPs, Apache-2.0.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from models.layers import Mlp


def conv_bn_relu(in_dim: int, dim: int, *, kernel_size: int, stride: int = 1) -> tuple[nn.Module, ...]:
    """The three layers, to be unpacked: the released names count them through a whole `Sequential`."""
    conv = nn.Conv2d(in_dim, dim, kernel_size, stride, padding=kernel_size // 2, bias=False)
    return conv, nn.BatchNorm2d(dim), nn.ReLU()


class Tokenizer(nn.Module):
    """Three convolutions and a max-pool. (N, 3, H, W) to (N, C, H/4, W/4)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            *conv_bn_relu(3, dim // 2, kernel_size=3, stride=2),
            *conv_bn_relu(dim // 2, dim // 2, kernel_size=3),
            *conv_bn_relu(dim // 2, dim, kernel_size=3),
            nn.MaxPool2d(3, stride=2, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class ConvStage(nn.Module):
    """Residual bottlenecks, which widen where ResNet's narrow. (N, C, H, W) to (N, C', H/2, W/2)."""

    def __init__(self, dim: int, *, hidden_dim: int, out_dim: int, depth: int) -> None:
        super().__init__()
        self.conv_blocks = nn.ModuleList(
            nn.Sequential(
                *conv_bn_relu(dim, hidden_dim, kernel_size=1),
                *conv_bn_relu(hidden_dim, hidden_dim, kernel_size=3),
                *conv_bn_relu(hidden_dim, dim, kernel_size=1),  # ReLU before the sum, none after it
            )
            for _ in range(depth)
        )
        self.downsample = nn.Conv2d(dim, out_dim, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.conv_blocks:
            x = x + block(x)
        return self.downsample(x)


class ConvMlpBlock(nn.Module):
    """A channel MLP, a 3x3 depthwise convolution, a channel MLP. (N, H, W, C) to the same.

    The convolution is the one connection between positions, and has no shortcut.
    """

    def __init__(self, dim: int, *, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.channel_mlp1 = Mlp(dim, mlp_ratio * dim)
        self.norm2 = nn.LayerNorm(dim)
        self.connect = nn.Conv2d(dim, dim, 3, padding=1, groups=dim, bias=False)
        self.connect_norm = nn.LayerNorm(dim)
        self.channel_mlp2 = Mlp(dim, mlp_ratio * dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.channel_mlp1(self.norm1(x))
        x = self.connect(self.connect_norm(x).permute(0, 3, 1, 2))  # (N, C, H, W)
        x = x.permute(0, 2, 3, 1)
        return x + self.channel_mlp2(self.norm2(x))


class ConvDownsample(nn.Module):
    """A 3x3 convolution of stride 2 on a channels-last map. (N, H, W, C) to (N, H/2, W/2, C')."""

    def __init__(self, dim: int, out_dim: int) -> None:
        super().__init__()
        self.downsample = nn.Conv2d(dim, out_dim, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class MlpStage(nn.Module):
    """ConvMLP blocks, then the downsampling into the next stage (none after the last)."""

    def __init__(self, dim: int, *, depth: int, mlp_ratio: int, out_dim: int | None) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(ConvMlpBlock(dim, mlp_ratio=mlp_ratio) for _ in range(depth)))
        self.downsample_mlp = nn.Identity() if out_dim is None else ConvDownsample(dim, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.downsample_mlp(self.blocks(x))


class ConvMLP(nn.Module):
    """The ConvMLP classifier: images (N, 3, H, W) of any size to logits (N, num_classes).

    Args:
        stem_dim: channels of the tokenizer and the convolutional stage, whose bottlenecks have twice as many.
        conv_depth: bottlenecks of the convolutional stage.
        dims: channels of the three MLP stages.
        depths: blocks in each of them.
        mlp_ratio: expansion of the channel MLPs.
    """

    def __init__(
        self,
        *,
        stem_dim: int = 64,
        conv_depth: int = 3,
        dims: Sequence[int] = (128, 256, 512),
        depths: Sequence[int] = (3, 6, 3),
        mlp_ratio: int = 3,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        self.tokenizer = Tokenizer(stem_dim)
        self.conv_stages = ConvStage(stem_dim, hidden_dim=2 * stem_dim, out_dim=dims[0], depth=conv_depth)
        self.stages = nn.Sequential(
            *(
                MlpStage(dim, depth=depth, mlp_ratio=mlp_ratio, out_dim=out_dim)
                for dim, depth, out_dim in zip(dims, depths, (*dims[1:], None), strict=True)
            )
        )
        self.norm = nn.LayerNorm(dims[-1])
        self.head = nn.Linear(dims[-1], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_stages(self.tokenizer(x))  # (N, C, H/8, W/8)
        x = self.stages(x.permute(0, 2, 3, 1))  # (N, H/32, W/32, C')
        return self.head(self.norm(x).mean(dim=(1, 2)))


def convmlp_m(**kwargs: Any) -> ConvMLP:
    """ConvMLP-M: 17.4 M parameters, 3.9 G multiply-adds."""
    config: dict[str, Any] = {"conv_depth": 3, "dims": (128, 256, 512), "depths": (3, 6, 3), "mlp_ratio": 3}
    return ConvMLP(**(config | kwargs))
