"""The operators that are written for another layout, each with the function that writes it."""

import operator
from typing import Any

from exporters.rewrites.channels_first import arithmetic, views
from exporters.rewrites.channels_first.writer import Handler
from exporters.rewrites.graph import aten

_ELEMENTWISE = {
    getattr(aten, name).default
    for name in (
        "abs", "elu", "exp", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "mish", "neg", "relu",
        "relu6", "rsqrt", "sigmoid", "silu", "softplus", "sqrt", "tanh", "clamp",
    )
}  # fmt: skip
_BINARY = {aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor}


HANDLERS: dict[Any, Handler] = {
    aten.linear.default: arithmetic.linear,
    aten.layer_norm.default: arithmetic.layer_norm,
    aten.permute.default: views.permute,
    aten.transpose.int: views.transpose,
    aten.reshape.default: views.reshape,
    aten.unsqueeze.default: views.reshape,
    aten.squeeze.dim: views.reshape,
    aten.squeeze.dims: views.reshape,
    aten.unbind.int: views.unbind,
    aten.split_with_sizes.default: views.split,
    aten.split.Tensor: views.split,
    aten.chunk.default: views.split,
    aten.select.int: views.select,
    aten.slice.Tensor: views.slice_,
    aten.cat.default: views.cat,
    aten.repeat.default: views.repeat,
    aten.mean.dim: arithmetic.mean,
    aten.softmax.int: arithmetic.softmax,
    aten.matmul.default: arithmetic.matmul,
    aten.scaled_dot_product_attention.default: arithmetic.attention,
    operator.getitem: views.getitem,
    **dict.fromkeys(_ELEMENTWISE, arithmetic.elementwise),
    **dict.fromkeys(_BINARY, arithmetic.binary),
}
