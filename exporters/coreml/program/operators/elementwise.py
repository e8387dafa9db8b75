"""Operators of one value at a time, choices, reductions."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from exporters.coreml.program.operators.values import along, flag, integer, ints


def cast(x: Tensor, dtype: str) -> Tensor:
    """To a whole number towards zero. How wide the result is stored, its declared type says."""
    if dtype == "bool":
        return x != 0
    return x.to(torch.float32) if dtype.startswith("fp") else x.to(torch.int64)


def select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(cond, a, b)


def clip(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return x.clamp(alpha, beta)


def rsqrt(x: Tensor, epsilon: Tensor | None = None) -> Tensor:
    return torch.rsqrt(x + (1e-12 if epsilon is None else epsilon))


def inverse(x: Tensor, epsilon: Tensor | None = None) -> Tensor:
    return 1 / (x + (1e-4 if epsilon is None else epsilon))


def log(x: Tensor, epsilon: Tensor | None = None) -> Tensor:
    return torch.log(x + (1e-45 if epsilon is None else epsilon))


def prelu(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.where(x > 0, x, along(x, alpha, 1) * x)


def classify(probabilities: Tensor, classes: list[Any]) -> tuple[str, Tensor]:
    """The label of the largest probability, and all of them in the order of the labels."""
    flat = probabilities.flatten()
    label = classes[int(flat.argmax())]
    return str(label.item() if isinstance(label, Tensor) else label), flat


def cumsum(
    x: Tensor, axis: Tensor | None = None, exclusive: Tensor | None = None, reverse: Tensor | None = None
) -> Tensor:
    along_axis = integer(axis)
    turned = x.flip(along_axis) if flag(reverse) else x
    sums = turned.cumsum(along_axis) - (turned if flag(exclusive) else 0)
    return sums.flip(along_axis) if flag(reverse) else sums


def reduce_argmax(
    x: Tensor,
    axis: Tensor | None = None,
    keep_dims: Tensor | None = None,
    output_dtype: str = "int32",  # noqa: ARG001 - the declared type says it
) -> Tensor:
    return x.argmax(integer(axis, -1), keepdim=flag(keep_dims))


def reduction(function: Callable[[Tensor, list[int], bool], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | None = None) -> Tensor:
        return function(x, ints(axes, range(x.ndim)), flag(keep_dims))

    return compute


def unary(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor) -> Tensor:
        return function(x)

    return compute


def binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, y: Tensor) -> Tensor:
        return function(x, y)

    return compute


def with_alpha(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, alpha: Tensor) -> Tensor:
        return function(x, alpha)

    return compute


def with_alpha_and_beta(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        return function(x, alpha, beta)

    return compute
