"""Composite operators that coremltools does not know, taken apart into those of which they are composed."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.export import default_decompositions


def of_unknown() -> dict[Any, Callable[..., Any]]:
    """Decompositions of the operators that coremltools, which is imported already, cannot convert.

    They are torch's own, but for those below. `addcmul(x, a, b)`, say, of ConvNeXt V2, is `x + a * b`. What coremltools
    knows stays whole: it may have an operator of its own for it.
    """
    from coremltools.converters.mil.frontend.torch import torch_op_registry, utils

    known = torch_op_registry._TORCH_OPS_REGISTRY.get_func
    table: dict[Any, Callable[..., Any]] = dict(default_decompositions())
    aten = torch.ops.aten
    table |= {aten.lerp.Scalar: _lerp, aten.lerp.Tensor: _lerp, aten.unfold.default: _unfold}
    return {name: apart for name, apart in table.items() if known(utils.sanitize_op_kind(str(name))) is None}


def _lerp(x: Tensor, y: Tensor, weight: Any) -> Tensor:
    """Torch's own chooses by the weight, by a `where` that coremltools 9.0 cannot convert where that is one number."""
    return x + weight * (y - x)


def _unfold(x: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Overlapping windows along a dimension, (..., windows, ..., size), as HaloNet cuts them.

    They are picked side by side, and only then set apart: windows along two axes of a batch of images have six axes,
    which Core ML does not take, and coremltools does away with a reshape, a transpose and a reshape of so many alone.
    """
    axis = dimension % x.ndim
    windows = (x.shape[axis] - size) // step + 1
    places = torch.arange(windows).unsqueeze(1) * step + torch.arange(size)  # (windows, size)
    picked = x.index_select(axis, places.flatten())
    return picked.reshape(*x.shape[:axis], windows, size, *x.shape[axis + 1 :]).movedim(axis + 1, -1)
