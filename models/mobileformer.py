"""Mobile-Former: a MobileNet and a transformer of six tokens side by side, with a bridge in every block.

Source: "Mobile-Former: Bridging MobileNet and Transformer", CVPR 2022 (arXiv 2108.05895). Tables 1 and 10 and
Fig. 8 of the EfficientMod paper time it: not the authors' network of 14.0 M parameters but an independent one of
14.8 M, github.com/ACheun9/Pytorch-implementation-of-Mobile-Former, which has no licence. This file was written from
a description of that network and its parameters' names, not from its code.

It is here to be timed as the paper timed it, so what makes that network slow is kept: see `dynamic_relu`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class HardSwish(nn.Module):
    """x * relu6(x + 3) / 6, operator by operator: `nn.Hardswish` would become one node, which the paper's had not."""

    def forward(self, x: Tensor) -> Tensor:
        return x * F.relu6(x + 3) / 6


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(d)) v over the last two axes; the others broadcast."""
    return (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(dim=-1) @ v


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(N, L, heads * d) to (N, heads, L, d) by a plain reshape, which mixes positions and channels.

    The usual split transposes the axes of heads and positions; the network measured does not.
    """
    return x.reshape(x.shape[0], num_heads, x.shape[1], -1)


class MobileToFormer(nn.Module):
    """Bridge in: tokens ask, the map answers, unprojected. Tokens (N, M, D) to the same, with a shortcut.

    A head is as wide as the map has channels, so that the heads share its C as keys and values.
    """

    def __init__(self, dim: int, *, token_dim: int, num_heads: int = 2) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.to_q = nn.Linear(token_dim, num_heads * dim)
        self.to_out = nn.Sequential(nn.Linear(num_heads * dim, token_dim))

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        q = split_heads(self.to_q(tokens), self.num_heads)  # (N, heads, M, C)
        kv = x.flatten(2).transpose(1, 2).unsqueeze(1)  # (N, 1, HW, C)
        out = attend(q, kv, kv).transpose(1, 2).flatten(2)  # (N, M, heads * C)
        return tokens + self.to_out(out)


class FormerToMobile(nn.Module):
    """Bridge out: the map asks, unprojected, tokens answer. Map (N, C, H, W) to the same, with a shortcut."""

    def __init__(self, dim: int, *, token_dim: int, num_heads: int = 2) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.to_k = nn.Linear(token_dim, num_heads * dim)
        self.to_v = nn.Linear(token_dim, num_heads * dim)
        self.to_out = nn.Sequential(nn.Linear(num_heads * dim, dim))

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        q = x.flatten(2).transpose(1, 2).unsqueeze(1)  # (N, 1, HW, C)
        k = split_heads(self.to_k(tokens), self.num_heads)  # (N, heads, M, C)
        v = split_heads(self.to_v(tokens), self.num_heads)
        out = attend(q, k, v).transpose(1, 2).flatten(2)  # (N, HW, heads * C)
        return x + self.to_out(out).reshape(x.shape)  # (N, HW, C) read as (N, C, H, W), again untransposed


class TokenAttention(nn.Module):
    """Multi-head self-attention among the tokens, narrower inside than outside. (N, M, D) to the same."""

    def __init__(self, dim: int, *, num_heads: int = 2, head_dim: int = 32) -> None:
        super().__init__()
        self.num_heads = num_heads
        inner_dim = num_heads * head_dim
        self.to_qkv = nn.Linear(dim, 3 * inner_dim, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner_dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.to_qkv(x).unflatten(2, (3, self.num_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (N, heads, M, head_dim)
        return self.to_out(attend(q, k, v).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Linear, GELU, Linear. (N, M, D) to the same."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        # Dropout in training; it keeps the second layer's number.
        self.net = nn.Sequential(nn.Linear(dim, hidden_dim), nn.GELU(), nn.Identity(), nn.Linear(hidden_dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class PreNorm(nn.Module):
    """x + fn(LayerNorm(x))."""

    def __init__(self, dim: int, fn: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fn = fn

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fn(self.norm(x))


class Former(nn.Module):
    """One transformer layer on the tokens. (N, M, D) to the same."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        layer = nn.Sequential(PreNorm(dim, TokenAttention(dim)), PreNorm(dim, FeedForward(dim, 2 * dim)))
        self.layers = nn.Sequential(layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def dynamic_relu(x: Tensor, coefficients: Tensor) -> Tensor:
    """max(a1 x + b1, a2 x + b2) by channel; `coefficients` (N, C, 4) are a1, a2, b1, b2. (N, C, H, W) to the same.

    Two multiply-adds and one maximum on (N, C, H, W) would do. The network that the paper timed permutes its map to
    (H, W, N, C), widens it to (H, W, N, C, 2) and reduces over the last axis. Most of its latency on a CPU is
    there, so this does the same.
    """
    a, b = coefficients.chunk(2, dim=-1)  # each (N, C, 2)
    x = x.permute(2, 3, 0, 1).unsqueeze(-1)  # (H, W, N, C, 1)
    return (x * a + b).amax(dim=-1).permute(2, 3, 0, 1)  # (N, C, H, W)


class DynamicMobile(nn.Module):
    """What both Mobile parts share: the first token gives the coefficients of their two dynamic ReLUs."""

    lambdas: Tensor
    init_v: Tensor

    def __init__(self, hidden_dim: int, *, token_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(token_dim, token_dim // 4)
        self.fc2 = nn.Linear(token_dim // 4, 4 * hidden_dim)
        # a1, a2, b1, b2 start as ReLU's, 1, 0, 0, 0, and leave them by 1, 1, 0.5, 0.5 at most.
        self.register_buffer("lambdas", torch.tensor([1.0, 1.0, 0.5, 0.5]))
        self.register_buffer("init_v", torch.tensor([1.0, 0.0, 0.0, 0.0]))

    def coefficients(self, tokens: Tensor) -> Tensor:
        theta = self.fc2(F.relu(self.fc1(tokens[:, 0])))
        theta = (2 * torch.sigmoid(theta) - 1).unflatten(1, (-1, 4))  # (N, C, 4)
        return theta * self.lambdas + self.init_v


class Mobile(DynamicMobile):
    """An inverted bottleneck whose activations are dynamic. (N, C, H, W) to (N, C', H, W)."""

    def __init__(self, in_dim: int, hidden_dim: int, dim: int, *, token_dim: int) -> None:
        super().__init__(hidden_dim, token_dim=token_dim)
        self.conv1 = nn.Conv2d(in_dim, hidden_dim, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden_dim)
        self.conv2 = nn.Conv2d(hidden_dim, hidden_dim, 3, padding=1, groups=hidden_dim, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden_dim)
        self.conv3 = nn.Conv2d(hidden_dim, dim, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(dim)
        self.shortcut: nn.Module = nn.Identity()
        if in_dim != dim:
            self.shortcut = nn.Sequential(nn.Conv2d(in_dim, dim, 1, bias=False), nn.BatchNorm2d(dim))

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        coefficients = self.coefficients(tokens)
        out = dynamic_relu(self.bn1(self.conv1(x)), coefficients)
        out = dynamic_relu(self.bn2(self.conv2(out)), coefficients)
        return self.shortcut(x) + self.bn3(self.conv3(out))


class MobileDown(DynamicMobile):
    """Two depthwise separable convolutions, the first of stride 2. (N, C, H, W) to (N, C', H/2, W/2)."""

    def __init__(self, in_dim: int, hidden_dim: int, dim: int, *, token_dim: int) -> None:
        super().__init__(hidden_dim, token_dim=token_dim)
        self.dw_conv1 = nn.Conv2d(in_dim, hidden_dim, 3, stride=2, padding=1, groups=in_dim, bias=False)
        self.dw_bn1 = nn.BatchNorm2d(hidden_dim)
        self.pw_conv1 = nn.Conv2d(hidden_dim, in_dim, 1, bias=False)
        self.pw_bn1 = nn.BatchNorm2d(in_dim)
        self.dw_conv2 = nn.Conv2d(in_dim, hidden_dim, 3, padding=1, groups=in_dim, bias=False)
        self.dw_bn2 = nn.BatchNorm2d(hidden_dim)
        self.pw_conv2 = nn.Conv2d(hidden_dim, dim, 1, bias=False)
        self.pw_bn2 = nn.BatchNorm2d(dim)

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        coefficients = self.coefficients(tokens)
        x = dynamic_relu(self.dw_bn1(self.dw_conv1(x)), coefficients)
        x = F.relu(self.pw_bn1(self.pw_conv1(x)))
        x = dynamic_relu(self.dw_bn2(self.dw_conv2(x)), coefficients)
        return self.pw_bn2(self.pw_conv2(x))


class MobileFormerBlock(nn.Module):
    """Bridge in, Former, Mobile, bridge out. Map and tokens to a map of C' channels and tokens."""

    def __init__(self, in_dim: int, hidden_dim: int, dim: int, *, stride: int, token_dim: int) -> None:
        super().__init__()
        mobile = Mobile if stride == 1 else MobileDown
        self.mobile = mobile(in_dim, hidden_dim, dim, token_dim=token_dim)
        self.mobile2former = MobileToFormer(in_dim, token_dim=token_dim)
        self.former = Former(token_dim)
        self.former2mobile = FormerToMobile(dim, token_dim=token_dim)

    def forward(self, x: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.former(self.mobile2former(x, tokens))
        x = self.mobile(x, tokens)
        return self.former2mobile(x, tokens), tokens


class BlockSpec(NamedTuple):
    """One row of the network's table; `hidden_dim` is the width of the Mobile part inside."""

    hidden_dim: int
    dim: int
    stride: int = 1


class MobileFormer(nn.Module):
    """The Mobile-Former classifier: images (N, 3, H, W) of any size to logits (N, num_classes).

    The network measured pools a fixed 7x7 window, right for 224x224 alone; this one pools whatever map there is.

    Args:
        stem_dim: channels of the first convolution and of the bottleneck behind it.
        blocks: the Mobile-Former blocks.
        num_tokens: tokens of the transformer.
        token_dim: their channels.
        head_dims: channels of the last convolution, and of the layer before the classifier.
    """

    def __init__(
        self,
        *,
        stem_dim: int,
        blocks: Sequence[BlockSpec],
        num_tokens: int = 6,
        token_dim: int = 192,
        head_dims: tuple[int, int] = (1440, 1920),
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, num_tokens, token_dim))
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem_dim, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(stem_dim), HardSwish()
        )
        self.bneck = nn.Sequential(
            nn.Conv2d(stem_dim, 2 * stem_dim, 3, padding=1, groups=stem_dim),
            HardSwish(),
            nn.Conv2d(2 * stem_dim, stem_dim, 1),
            nn.BatchNorm2d(stem_dim),
        )
        self.block = nn.ModuleList()
        in_dim = stem_dim
        for hidden_dim, dim, stride in blocks:
            self.block.append(MobileFormerBlock(in_dim, hidden_dim, dim, stride=stride, token_dim=token_dim))
            in_dim = dim
        conv_dim, hidden_dim = head_dims
        self.conv = nn.Conv2d(in_dim, conv_dim, 1, bias=False)
        self.bn = nn.BatchNorm2d(conv_dim)
        self.head = nn.Sequential(
            nn.Linear(conv_dim + token_dim, hidden_dim), HardSwish(), nn.Linear(hidden_dim, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.token.expand(x.shape[0], -1, -1)  # (N, M, D)
        x = self.bneck(self.stem(x))  # (N, C, H/2, W/2)
        for block in self.block:
            x, tokens = block(x, tokens)
        x = F.adaptive_avg_pool2d(self.bn(self.conv(x)), 1).flatten(1)  # (N, C)
        return self.head(torch.cat((x, tokens[:, 0]), dim=1))


def mobileformer_508m(**kwargs: Any) -> MobileFormer:
    """Mobile-Former-508M as the EfficientMod paper measured it: 14.8 M parameters, 0.6 G multiply-adds."""
    config: dict[str, Any] = {
        "stem_dim": 24,
        "blocks": (
            BlockSpec(hidden_dim=144, dim=40, stride=2),
            BlockSpec(hidden_dim=120, dim=40),
            BlockSpec(hidden_dim=240, dim=72, stride=2),
            BlockSpec(hidden_dim=216, dim=72),
            BlockSpec(hidden_dim=432, dim=128, stride=2),
            BlockSpec(hidden_dim=512, dim=128),
            BlockSpec(hidden_dim=768, dim=176),
            BlockSpec(hidden_dim=1056, dim=176),
            BlockSpec(hidden_dim=1056, dim=240, stride=2),
            BlockSpec(hidden_dim=1440, dim=240),
            BlockSpec(hidden_dim=1440, dim=240),
        ),
    }
    return MobileFormer(**(config | kwargs))
