"""EfficientMod: a depthwise context modulates the values of an MLP, and one block does both.

Source: "Efficient Modulation for Vision Networks", ICLR 2024 (arXiv 2403.19963), Eq. 5, Fig. 1c, Table 8;
parameter names and the constants that the paper leaves out (head size, bias-free qkv, MLP ratio 5) follow
the authors' repository, github.com/ma-xu/EfficientMod, Apache-2.0.

The trunk is channels-last, (N, H, W, C): every pointwise layer is a `Linear`, and each convolution stands
between two permutes. That is the form the paper times.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.layers import DropPath, trunc_normal_
from timm.models import build_model_with_cfg, checkpoint_seq, generate_default_cfgs, register_model
from timm.models._features import feature_take_indices  # timm exports it nowhere else
from torch import Tensor, nn

from models.layers import Mlp


class Fusion(StrEnum):
    """How values and context meet (Table 5): the product of Eq. 5, or its ablation."""

    MUL = "mul"
    SUM = "sum"


def to_channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)  # (N, H, W, C) -> (N, C, H, W)


def to_channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)  # (N, C, H, W) -> (N, H, W, C)


class PatchEmbed(nn.Module):
    """Overlapping patch embedding: a strided convolution, then LayerNorm. (N, H, W, C) to (N, H/s, W/s, C')."""

    def __init__(self, in_dim: int, dim: int, *, kernel_size: int, stride: int, padding: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_dim, dim, kernel_size, stride, padding)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(to_channels_last(self.proj(to_channels_first(x))))


class Context(nn.Module):
    """The context branch of Eq. 5, ctx = g(GELU(dwconv(f(x)))). (N, H, W, C) to the same.

    Several `kernel_sizes` are parallel convolutions of one f(x), each through GELU, then summed
    (Appendix L). `f`, `conv`, `g` switch a part off, which leaves an identity in its place (Table 5).
    """

    def __init__(
        self, dim: int, *, kernel_sizes: Sequence[int] = (7,), f: bool = True, conv: bool = True, g: bool = True
    ) -> None:
        super().__init__()
        self.f = nn.Linear(dim, dim) if f else nn.Identity()
        self.g = nn.Linear(dim, dim) if g else nn.Identity()
        self.context_list = nn.ModuleList(
            nn.Conv2d(dim, dim, k, padding=k // 2, groups=dim) if conv else nn.Identity() for k in kernel_sizes
        )

    def forward(self, x: Tensor) -> Tensor:
        x = to_channels_first(self.f(x))  # (N, C, H, W)
        first, *others = self.context_list
        ctx = F.gelu(first(x))
        for conv in others:
            ctx = ctx + F.gelu(conv(x))
        return self.g(to_channels_last(ctx))


class Modulation(nn.Module):
    """Eq. 5: p(v(x) * ctx(x)), with the context repeated `ratio` times along the channels.

    The values pass through GELU only where they are widened (`ratio` > 1). The authors' names are kept,
    `fc1` for v and `fc2` for p, so that their checkpoints load.

    Args:
        reshape: do not repeat the context, but let it meet the values as `ratio` vectors of its own width, which
            computes the same (Fig. 2).
    """

    def __init__(
        self, dim: int, ratio: int, *, fusion: Fusion = Fusion.MUL, reshape: bool = False, **context: Any
    ) -> None:
        super().__init__()
        self.ratio = ratio
        self.fusion = Fusion(fusion)
        self.reshape = reshape
        self.fc1 = nn.Linear(dim, ratio * dim)
        self.context_layer = Context(dim, **context)
        self.fc2 = nn.Linear(ratio * dim, dim)

    def values(self, x: Tensor) -> Tensor:
        """v(x), (N, H, W, rC)."""
        v = self.fc1(x)
        return F.gelu(v) if self.ratio > 1 else v

    def forward(self, x: Tensor) -> Tensor:
        ctx = self.context_layer(x)  # (N, H, W, C)
        v = self.values(x)  # (N, H, W, rC)
        if self.ratio > 1:
            if self.reshape:  # (N, H, W, r, C) and (N, H, W, 1, C)
                return self.fc2(self._fuse(v.unflatten(3, (self.ratio, -1)), ctx.unsqueeze(3)).flatten(3))
            ctx = ctx.repeat(1, 1, 1, self.ratio)  # (N, H, W, rC): whole vectors side by side, Fig. 2
        return self.fc2(self._fuse(v, ctx))

    def _fuse(self, v: Tensor, ctx: Tensor) -> Tensor:
        return v * ctx if self.fusion is Fusion.MUL else v + ctx


class EfficientModBlock(nn.Module):
    """x + gamma * Modulation(LayerNorm(x)), with stochastic depth (Fig. 1c). (N, H, W, C) to the same."""

    def __init__(self, dim: int, ratio: int, *, drop_path: float = 0.0, **modulation: Any) -> None:
        super().__init__()
        self.gamma_1 = nn.Parameter(torch.full((dim,), 1e-4))  # LayerScale
        self.norm = nn.LayerNorm(dim)
        self.mlp = Modulation(dim, ratio, **modulation)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop_path(self.gamma_1 * self.mlp(self.norm(x)))


class Attention(nn.Module):
    """Multi-head self-attention over tokens, (N, L, C) to the same.

    A head has max(C / 8, 32) channels, so the inner width may exceed C; qkv has no bias.
    """

    def __init__(self, dim: int, *, num_heads: int = 8) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = max(dim // num_heads, 32)
        inner_dim = num_heads * self.head_dim
        self.qkv = nn.Linear(dim, 3 * inner_dim, bias=False)
        self.proj = nn.Linear(inner_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        qkv = self.qkv(x).reshape(n, length, 3, self.num_heads, self.head_dim)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (N, heads, L, head_dim)
        x = F.scaled_dot_product_attention(q, k, v)
        return self.proj(x.transpose(1, 2).flatten(2))


class AttentionBlock(nn.Module):
    """A vanilla pre-norm transformer block on the flattened map. (N, H, W, C) to the same."""

    def __init__(self, dim: int, *, mlp_ratio: float, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(mlp_ratio * dim))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        _, height, width, _ = x.shape
        x = x.flatten(1, 2)  # (N, HW, C)
        x = x + self.drop_path(self.attn(self.norm1(x)))
        x = x + self.drop_path(self.mlp(self.norm2(x)))
        return x.unflatten(1, (height, width))


class Stage(nn.Module):
    """EfficientMod blocks, attention blocks, then the downsampling into the next stage (none after the last)."""

    def __init__(self, blocks: Sequence[nn.Module], downsample: nn.Module | None) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*blocks)
        self.downsample = downsample
        self.grad_checkpointing = False

    def features(self, x: Tensor) -> Tensor:
        """The stage's map before it is downsampled: what a detector or segmenter reads. (N, H, W, C)."""
        if self.grad_checkpointing and self.training:
            return checkpoint_seq(self.blocks, x)
        return self.blocks(x)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)
        return x if self.downsample is None else self.downsample(x)


class EfficientMod(nn.Module):
    """The EfficientMod classifier: images (N, 3, H, W) to logits (N, num_classes).

    Args:
        dims: channels of the stages.
        depths: EfficientMod blocks in each stage.
        attention_depths: attention blocks behind them.
        ratios: the expansion ratio r, cycled over the blocks of each stage (Table 8: 1 and 6 in turn).
        block: builds a block from (dim, ratio), for the paper's comparisons with other blocks.
        patch: kernel size, stride and padding of the first patch embedding.
        attention_mlp_ratios: width of the attention blocks' MLP, by stage.
        drop_path_rate: stochastic depth of the last block; it grows linearly from 0.
        drop_rate: dropout before the classifier.
        global_pool: "avg", or "" for the map itself, as in timm.
        modulation: further arguments of the block; `Modulation`'s and `Context`'s serve the paper's ablations.
    """

    def __init__(
        self,
        *,
        dims: Sequence[int] = (32, 64, 128, 256),
        depths: Sequence[int] = (2, 2, 6, 2),
        attention_depths: Sequence[int] = (0, 0, 0, 0),
        ratios: Sequence[float] = (1, 6),
        block: Callable[..., nn.Module] = EfficientModBlock,
        patch: tuple[int, int, int] = (7, 4, 3),
        attention_mlp_ratios: Sequence[float] = (4, 4, 4, 4),
        num_classes: int = 1000,
        in_chans: int = 3,
        drop_path_rate: float = 0.0,
        drop_rate: float = 0.0,
        global_pool: str = "avg",
        **modulation: Any,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_features = self.head_hidden_size = dims[-1]
        self.drop_rate = drop_rate
        self.global_pool = global_pool
        kernel_size, stride, padding = patch
        self.feature_info = [
            {"num_chs": dim, "reduction": stride * 2**i, "module": f"layers.{i}.blocks"} for i, dim in enumerate(dims)
        ]

        drop_path = iter(torch.linspace(0, drop_path_rate, sum(depths) + sum(attention_depths), device="cpu").tolist())
        self.patch_embed = PatchEmbed(in_chans, dims[0], kernel_size=kernel_size, stride=stride, padding=padding)
        self.layers = nn.ModuleList()
        for i, dim in enumerate(dims):
            blocks: list[nn.Module] = [
                block(dim, ratios[j % len(ratios)], drop_path=next(drop_path), **modulation) for j in range(depths[i])
            ]
            blocks += [
                AttentionBlock(dim, mlp_ratio=attention_mlp_ratios[i], drop_path=next(drop_path))
                for _ in range(attention_depths[i])
            ]
            last = i == len(dims) - 1
            downsample = None if last else PatchEmbed(dim, dims[i + 1], kernel_size=3, stride=2, padding=1)
            self.layers.append(Stage(blocks, downsample))
        self.norm: nn.Module = nn.LayerNorm(dims[-1])
        self.head = nn.Linear(dims[-1], num_classes) if num_classes > 0 else nn.Identity()
        self.apply(self._init_weights)

    @staticmethod
    def _init_weights(module: nn.Module) -> None:
        # As the authors train: convolutions keep PyTorch's default.
        if isinstance(module, nn.Linear):
            trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    @property
    def stages(self) -> list[Stage]:
        return cast(list[Stage], list(self.layers))

    def forward_features(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) to the normalized map of the last stage, (N, H/32, W/32, C)."""
        x = self.patch_embed(to_channels_last(x))
        for stage in self.layers:
            x = stage(x)
        return self.norm(x)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The map of `forward_features` to logits (N, num_classes), or to the pooled features behind them."""
        if self.global_pool:
            x = x.mean(dim=(1, 2))  # (N, C)
        x = F.dropout(x, self.drop_rate, self.training)
        return x if pre_logits else self.head(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    # What follows is timm's interface for feature extraction, fine-tuning and its training script.

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | list[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """The maps of the stages named by `indices`, each before its downsampling.

        Args:
            indices: stages to take: the last n for an int, all for None.
            norm: apply the final LayerNorm to the last stage's map.
            stop_early: leave out the stages behind the last one asked for.
            output_fmt: "NCHW" or "NHWC".
            intermediates_only: return the maps alone, not (final features, maps).

        Raises:
            ValueError: `output_fmt` is neither.
        """
        if output_fmt not in ("NCHW", "NHWC"):
            raise ValueError(f"output_fmt is 'NCHW' or 'NHWC', not {output_fmt!r}")
        take, max_index = feature_take_indices(len(self.layers), indices)
        last = len(self.layers) - 1
        maps = []
        x = self.patch_embed(to_channels_last(x))
        stages = self.stages[: max_index + 1] if stop_early else self.stages
        for i, stage in enumerate(stages):
            x = stage.features(x)
            if i in take:
                out = self.norm(x) if norm and i == last else x
                maps.append(to_channels_first(out) if output_fmt == "NCHW" else out)
            if stage.downsample is not None:
                x = stage.downsample(x)
        if intermediates_only:
            return maps
        return (self.norm(x) if len(stages) == len(self.layers) else x), maps

    def prune_intermediate_layers(
        self, indices: int | list[int] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Drop what the stages named by `indices` do not need; returns those indices, from 0."""
        take, max_index = feature_take_indices(len(self.layers), indices)
        pruned = max_index < len(self.layers) - 1
        self.layers = self.layers[: max_index + 1]
        # A dense task reads the last stage's map before its downsampling, so that one goes as well.
        self.stages[-1].downsample = None
        if prune_norm or pruned:
            self.norm = nn.Identity()
        if prune_head or pruned:
            self.num_features = self.head_hidden_size = self.feature_info[max_index]["num_chs"]
            self.reset_classifier(0)
        return take

    def get_classifier(self) -> nn.Module:
        return self.head

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A new, untrained classifier of `num_classes`; 0 leaves the features as the output."""
        self.num_classes = num_classes
        if global_pool is not None:
            self.global_pool = global_pool
        self.head = nn.Linear(self.num_features, num_classes) if num_classes > 0 else nn.Identity()
        self._init_weights(self.head)

    def no_weight_decay(self) -> set[str]:
        return set()

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Parameter groups from input to output, for layer-wise learning rates."""
        if coarse:
            return {"stem": r"^patch_embed", "blocks": r"^layers\.(\d+)"}
        return {
            "stem": r"^patch_embed",
            "blocks": [
                (r"^layers\.(\d+)\.downsample", (0,)),
                (r"^layers\.(\d+)\.blocks\.(\d+)", None),
                (r"^norm", (99999,)),
            ],
        }

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        for stage in self.stages:
            stage.grad_checkpointing = enable


def _cfg() -> dict[str, Any]:
    return {
        "url": "",
        "num_classes": 1000,
        "input_size": (3, 224, 224),
        "pool_size": (7, 7),
        "crop_pct": 0.875,
        "interpolation": "bicubic",
        "fixed_input_size": False,
        "mean": IMAGENET_DEFAULT_MEAN,
        "std": IMAGENET_DEFAULT_STD,
        "first_conv": "patch_embed.proj",
        "classifier": "head",
    }


_VARIANTS = ("efficientmod_xxs", "efficientmod_xs", "efficientmod_s", "efficientmod_s_conv")
default_cfgs = generate_default_cfgs({f"{name}.untrained": _cfg() for name in _VARIANTS})


def _build(variant: str, pretrained: bool, **kwargs: Any) -> EfficientMod:
    # "getter": features come from forward_intermediates, since no module outputs the maps as NCHW.
    feature_cfg: dict[str, Literal["getter"] | tuple[int, ...]] = {"out_indices": (0, 1, 2, 3), "feature_cls": "getter"}
    model: EfficientMod = build_model_with_cfg(EfficientMod, variant, pretrained, feature_cfg=feature_cfg, **kwargs)
    return model


@register_model
def efficientmod_xxs(pretrained: bool = False, **kwargs: Any) -> EfficientMod:
    """EfficientMod-xxs, Table 8: 4.7 M parameters, 0.6 G multiply-adds."""
    config = {"dims": (32, 64, 128, 256), "depths": (2, 2, 6, 2), "attention_depths": (0, 0, 1, 2), "ratios": (1, 6)}
    return _build("efficientmod_xxs", pretrained, **(config | kwargs))


@register_model
def efficientmod_xs(pretrained: bool = False, **kwargs: Any) -> EfficientMod:
    """EfficientMod-xs, Table 8: 6.6 M parameters, 0.8 G multiply-adds."""
    config = {"dims": (32, 64, 144, 288), "depths": (3, 3, 4, 2), "attention_depths": (0, 0, 3, 3), "ratios": (1, 4)}
    return _build("efficientmod_xs", pretrained, **(config | kwargs))


@register_model
def efficientmod_s(pretrained: bool = False, **kwargs: Any) -> EfficientMod:
    """EfficientMod-s, 12.9 M parameters, 1.4 G multiply-adds.

    Table 8 prints eight EfficientMod blocks in the last stage; the released network, which has the
    parameters that the paper states, has four there, and attention blocks of MLP ratio 5.
    """
    config = {
        "dims": (32, 64, 144, 312),
        "depths": (4, 4, 8, 4),
        "attention_depths": (0, 0, 4, 4),
        "ratios": (1, 6),
        "attention_mlp_ratios": (4, 4, 4, 5),
        "drop_path_rate": 0.02,
    }
    return _build("efficientmod_s", pretrained, **(config | kwargs))


@register_model
def efficientmod_s_conv(pretrained: bool = False, **kwargs: Any) -> EfficientMod:
    """EfficientMod-s (Conv), without attention: 12.9 M parameters, 1.5 G multiply-adds."""
    config = {"dims": (40, 80, 160, 344), "depths": (4, 4, 12, 8), "ratios": (1, 6), "drop_path_rate": 0.02}
    return _build("efficientmod_s_conv", pretrained, **(config | kwargs))
