"""Where in an image an EfficientMod block's context is large, and what it makes of the values: Fig. 4 and 6.

Source: "Efficient Modulation for Vision Networks", ICLR 2024 (arXiv 2403.19963), Eq. 5: p(v(x) * ctx(x)). All maps are
read from one forward pass, by hooks on the blocks.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from models import efficientmod, efficientmod_conv
from models.efficientmod import Fusion, to_channels_first
from models.zoo.errors import ContextMapError

Map = npt.NDArray[np.float32]
Modulation = efficientmod.Modulation | efficientmod_conv.Modulation


class BlockMaps(msgspec.Struct, frozen=True, kw_only=True):
    """The maps of one block for one image, each a mean over channels.

    Attributes:
        name: stage and block, from 0: "2.3" is `layers.2.blocks.3`.
        channels: C, of the context.
        context: ctx(x), (H, W).
        values: v(x) as it meets the context, in chunks of C channels: (r, H, W).
        modulated: the two together, in the same chunks: (r, H, W).
        fusion: how they met; a product but in one network of Table 5.
    """

    name: str
    channels: int
    context: Map
    values: Map
    modulated: Map
    fusion: Fusion


def block_names(model: nn.Module) -> tuple[str, ...]:
    """The blocks of a network that have a context, in order, each by stage and block: "2.3".

    Raises:
        ContextMapError: it has none.
    """
    return tuple(_modulations(model))


def context_maps(model: nn.Module, x: Tensor) -> tuple[BlockMaps, ...]:
    """The maps of every block, for one image.

    Args:
        x: (1, 3, H, W), normalized.

    Raises:
        ContextMapError: the network has no such block, or a map holds NaN or infinity.
    """
    found: dict[str, dict[str, Tensor]] = {}
    modulations = _modulations(model)
    with ExitStack() as stack, torch.inference_mode():
        for name, modulation in modulations.items():
            stack.enter_context(_reading(modulation, found.setdefault(name, {})))
        model(x)
    return tuple(_maps(name, modulations[name], tensors) for name, tensors in found.items() if tensors)


def _modulations(model: nn.Module) -> dict[str, Modulation]:
    paths = {path: module for path, module in model.named_modules() if isinstance(module, Modulation)}
    if not paths:
        raise ContextMapError(
            "it has no EfficientMod block, and so no context to show; 'effmod list --family efficientmod' names "
            "networks that have some"
        )
    numbers = [".".join(part for part in path.split(".") if part.isdecimal()) for path in paths]
    # In a network of somebody else's two may have the same numbers, or none.
    names = numbers if len(set(numbers)) == len(numbers) and all(numbers) else list(paths)
    return dict(zip(names, paths.values(), strict=True))


@contextmanager
def _reading(modulation: Modulation, found: dict[str, Tensor]) -> Iterator[None]:
    """Keep a block's ctx, v and their product while the network runs."""

    def keep_context(_: nn.Module, __: Any, ctx: Tensor) -> None:
        found["context"] = ctx

    def keep_modulated(_: nn.Module, arguments: tuple[Tensor]) -> None:
        (found["modulated"],) = arguments

    def keep_values(_: nn.Module, arguments: tuple[Tensor], __: Any) -> None:
        found["values"] = modulation.values(*arguments)

    hooks = (
        modulation.context_layer.register_forward_hook(keep_context),
        modulation.fc2.register_forward_pre_hook(keep_modulated),
        modulation.register_forward_hook(keep_values),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _maps(name: str, modulation: Modulation, found: dict[str, Tensor]) -> BlockMaps:
    if isinstance(modulation, efficientmod.Modulation):
        found = {key: to_channels_first(tensor) for key, tensor in found.items()}
        fusion = modulation.fusion
    else:
        fusion = Fusion.MUL
    channels = found["context"].shape[1]
    means = {key: _mean_by_chunks(tensor, channels) for key, tensor in found.items()}
    if not all(np.isfinite(mean).all() for mean in means.values()):
        raise ContextMapError(f"its block {name} gives NaN or infinity; are these the network's weights?")
    return BlockMaps(
        name=name,
        channels=channels,
        context=means["context"][0],
        values=means["values"],
        modulated=means["modulated"],
        fusion=fusion,
    )


def _mean_by_chunks(x: Tensor, channels: int) -> Map:
    """(1, rC, H, W) to (r, H, W)."""
    return x[0].unflatten(0, (-1, channels)).mean(1).float().numpy()
