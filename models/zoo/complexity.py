"""Parameters and multiply-adds, counted as the paper counts them.

The paper's "FLOPs" are multiply-adds: convolutions, linear layers and attention's two matrix products, and,
with the weights that fvcore gives them, LayerNorm and GroupNorm (5 an element), BatchNorm (2), each 1 less
without an affine, adaptive pooling (1 an input) and upsampling (4 an output where bilinear, 1 where nearest).
Activations, additions and softmax count nothing. Torch's own counter sees every operator, on the `meta` device
too, so nothing is computed and no memory is needed.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from models.zoo.output import prints_to_standard_error
from models.zoo.spec import Complexity, StageComplexity

aten = torch.ops.aten

# FlopCounterMode counts an addition and a multiplication apart, so one multiply-add is 2 of its units.
_UNITS = 2


def _layer_norm(x: Sequence[int], _: Any, weight: Sequence[int] | None = None, *__: Any, **___: Any) -> int:
    return (4 if weight is None else 5) * math.prod(x) * _UNITS


def _group_norm(x: Sequence[int], weight: Sequence[int] | None = None, *_: Any, **__: Any) -> int:
    return (4 if weight is None else 5) * math.prod(x) * _UNITS


def _batch_norm(x: Sequence[int], weight: Sequence[int] | None = None, *_: Any, **__: Any) -> int:
    return (1 if weight is None else 2) * math.prod(x) * _UNITS


def _pool(x: Sequence[int], *_: Any, **__: Any) -> int:
    return math.prod(x) * _UNITS


def _nearest(*_: Any, out_shape: Sequence[int], **__: Any) -> int:
    return math.prod(out_shape) * _UNITS


def _bilinear(*_: Any, out_shape: Sequence[int], **__: Any) -> int:
    return 4 * math.prod(out_shape) * _UNITS


_COUNTED = {
    aten.native_layer_norm: _layer_norm,
    aten.native_group_norm: _group_norm,
    aten.native_batch_norm: _batch_norm,
    aten._native_batch_norm_legit_no_training: _batch_norm,
    aten.adaptive_avg_pool2d: _pool,
    aten.upsample_nearest2d: _nearest,
    aten.upsample_bilinear2d: _bilinear,
    # The counter first takes apart every overload that is not a key itself, and these would be indexing by then.
    aten.adaptive_avg_pool2d.default: _pool,
    aten.upsample_nearest2d.vec: _nearest,
    aten.upsample_bilinear2d.vec: _bilinear,
}


def count(model: nn.Module, image_size: int, channels: int = 3) -> Complexity:
    """Count a network for one image of `image_size` pixels a side, by default RGB. The network is left as it is.

    Stages are the network's direct children, a `ModuleList` or `Sequential` child by its items, in the order
    in which they run; parameters outside all of them stand in the total alone.
    """
    with prints_to_standard_error():  # a network of the user's own may print what it is fed
        try:
            return _count(copy.deepcopy(model).to("meta").eval(), image_size, channels)
        except Exception:  # whatever the network raises that holds a tensor which `to` does not move, or reads a value
            return _count(copy.deepcopy(model).cpu().eval(), image_size, channels)


def count_macs(model: nn.Module, x: Tensor) -> tuple[int, int]:
    """Multiply-adds of one inference of `x`: all, and of these the products of attention, which some counters omit."""
    model.requires_grad_(False)  # the counter's module tracker fails on a parameter that is passed as an input
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    counter = FlopCounterMode(display=False, custom_mapping=_COUNTED)
    with torch.inference_mode(), counter:
        model(x)
    found, root = counter.get_flop_counts(), type(model).__name__
    # A linear layer of what is not contiguous is a product of batches of matrices, too.
    of_linear = sum(_products(found.get(f"{root}.{name}", {})) for name in linear)
    return counter.get_total_flops() // _UNITS, (_products(found["Global"]) - of_linear) // _UNITS


def _products(counted: Mapping[Any, int]) -> int:
    """What was counted of operators that compute the products of attention."""
    return sum(units for operator, units in counted.items() if "bmm" in str(operator) or "attention" in str(operator))


def _count(model: nn.Module, image_size: int, channels: int) -> Complexity:
    model.requires_grad_(False)  # the counter's module tracker fails on a parameter that is passed as an input
    stages = dict(_stages(model))
    shapes: dict[str, tuple[int, ...]] = {}

    def note_shape(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                shapes[name] = tuple(output.shape)

        return hook

    for name, module in stages.items():
        module.register_forward_hook(note_shape(name))
    device = next((tensor.device for tensor in model.parameters()), None)
    counter = FlopCounterMode(display=False, custom_mapping=_COUNTED)
    with torch.inference_mode(), counter:
        model(torch.zeros(1, channels, image_size, image_size, device=device))
    by_module = counter.get_flop_counts()
    root = type(model).__name__
    return Complexity(
        image_size=image_size,
        channels=channels,
        params=sum(p.numel() for p in model.parameters()),
        macs=counter.get_total_flops() // _UNITS,
        stages=tuple(
            StageComplexity(
                name=name,
                kind=type(stages[name]).__name__,
                output_shape=shape,
                params=sum(p.numel() for p in stages[name].parameters()),
                macs=sum(by_module.get(f"{root}.{name}", {}).values()) // _UNITS,
            )
            for name, shape in shapes.items()
        ),
    )


def _stages(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """The modules that `info` lists: direct children, containers opened."""
    stages: list[tuple[str, nn.Module]] = []
    for name, child in model.named_children():
        if isinstance(child, nn.ModuleList | nn.Sequential):
            stages += [(f"{name}.{i}", item) for i, item in child.named_children()]
        else:
            stages.append((name, child))
    return stages
