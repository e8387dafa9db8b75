"""Layers: convolutions, products, norms, attention, pooling, padding."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from exporters.coreml.program.operators.values import along, flag, integer, ints


def _padding(
    pad_type: str, pad: Tensor | None, size: Sequence[int], reach: Sequence[int], stride: Sequence[int]
) -> list[tuple[int, int]]:
    """What is put before and after each spatial axis; `reach` is the kernel's size, dilation counted."""
    if pad_type == "valid":
        return [(0, 0)] * len(size)
    if pad_type == "custom":
        sides = ints(pad, [0] * 2 * len(size))
        return list(zip(sides[::2], sides[1::2], strict=True))
    if pad_type not in ("same", "same_lower"):
        raise ValueError(f"there is no pad_type {pad_type!r}")
    totals = [max(0, (-(-n // s) - 1) * s + k - n) for n, k, s in zip(size, reach, stride, strict=True)]
    # An odd one goes to the end, with same_lower to the beginning.
    halves = [(total // 2, total - total // 2) for total in totals]
    return halves if pad_type == "same" else [(after, before) for before, after in halves]


def _pad_spatial(x: Tensor, sides: Sequence[tuple[int, int]], value: float = 0) -> Tensor:
    if not any(any(side) for side in sides):
        return x
    return F.pad(x, [n for side in reversed(sides) for n in side], value=value)  # torch begins with the last axis


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: Tensor | None = None,
    pad_type: str = "valid",
    pad: Tensor | None = None,
    dilations: Tensor | None = None,
    groups: Tensor | None = None,
) -> Tensor:
    ones = [1] * (x.ndim - 2)
    stride, dilation = ints(strides, ones), ints(dilations, ones)
    reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    x = _pad_spatial(x, _padding(pad_type, pad, x.shape[2:], reach, stride))
    none = [0] * len(ones)
    return torch.convolution(x, weight, bias, stride, none, dilation, False, none, integer(groups, 1))


def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: Tensor | None = None,
    output_shape: Tensor | None = None,
    pad_type: str = "valid",
    strides: Tensor | None = None,
    dilations: Tensor | None = None,
    groups: Tensor | None = None,
) -> Tensor:
    """The whole transposed convolution, of which padding cuts the edges off."""
    ones = [1] * (x.ndim - 2)
    stride, dilation = ints(strides, ones), ints(dilations, ones)
    none = [0] * len(ones)
    y = torch.convolution(x, weight, None, stride, none, dilation, True, none, integer(groups, 1))
    if pad_type == "same":
        sizes = [n * s for n, s in zip(x.shape[2:], stride, strict=True)]
        before = [max(0, full - size) // 2 for full, size in zip(y.shape[2:], sizes, strict=True)]
    else:
        sides = _padding(pad_type, pad, x.shape[2:], ones, ones)
        before = [side[0] for side in sides]
        sizes = [full - sum(side) for full, side in zip(y.shape[2:], sides, strict=True)]
    if output_shape is not None:
        sizes = ints(output_shape)[2:]
    # Beyond the last position that the kernel reaches there is nothing but the bias.
    y = _pad_spatial(
        y, [(-start, start + size - full) for start, size, full in zip(before, sizes, y.shape[2:], strict=True)]
    )
    return y if bias is None else y + along(y, bias, 1)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


def matmul(x: Tensor, y: Tensor, transpose_x: Tensor | None = None, transpose_y: Tensor | None = None) -> Tensor:
    x = x.mT if flag(transpose_x) else x
    y = y.mT if flag(transpose_y) else y
    return x @ y


def einsum(values: list[Tensor], equation: str) -> Tensor:
    return torch.einsum(equation, *values)


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(-1) @ value


def layer_norm(
    x: Tensor,
    axes: Tensor | None = None,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: Tensor | None = None,
) -> Tensor:
    """Gamma and beta have the sizes of the normalized axes, in x's order."""
    normalized = sorted(axis % x.ndim for axis in ints(axes, range(x.ndim)))
    shape = [size if axis in normalized else 1 for axis, size in enumerate(x.shape)]
    variance, mean = torch.var_mean(x, dim=normalized, correction=0, keepdim=True)
    y = (x - mean) / torch.sqrt(variance + (1e-5 if epsilon is None else epsilon))
    y = y if gamma is None else y * gamma.reshape(shape)
    return y if beta is None else y + beta.reshape(shape)


def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: Tensor | None = None,
) -> Tensor:
    return F.batch_norm(x, mean, variance, gamma, beta, eps=1e-5 if epsilon is None else float(epsilon))


def local_response_norm(
    x: Tensor, size: Tensor, alpha: Tensor | None = None, beta: Tensor | None = None, k: Tensor | None = None
) -> Tensor:
    numbers = [usual if given is None else float(given) for given, usual in ((alpha, 1e-4), (beta, 0.75), (k, 1.0))]
    return F.local_response_norm(x, integer(size), *numbers)


def instance_norm(
    x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: Tensor | None = None
) -> Tensor:
    return F.instance_norm(x, weight=gamma, bias=beta, eps=1e-5 if epsilon is None else float(epsilon))


def softmax(x: Tensor, axis: Tensor | None = None) -> Tensor:
    return x.softmax(integer(axis, -1))


def gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    return F.gelu(x, approximate={"EXACT": "none", "TANH_APPROXIMATION": "tanh"}[mode])


def _pooled(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    sides: Sequence[tuple[int, int]],
    ceil_mode: bool,
) -> list[tuple[int, int]]:
    """How much further, with ceil_mode, the last window reaches (negative: how much of the end is in no window)."""
    if not ceil_mode:
        return [(0, 0)] * len(kernel)
    further = []
    for n, k, s, (before, after) in zip(x.shape[2:], kernel, stride, sides, strict=True):
        windows = -(-(n + before + after - k) // s) + 1
        if before + after > 0 and (windows - 1) * s >= n + before:  # the last would see padding alone
            windows -= 1
        further.append((0, (windows - 1) * s + k - (n + before + after)))
    return further


def _windows(
    x: Tensor, kernel_sizes: Tensor, pad_type: str, strides: Tensor | None, pad: Tensor | None, ceil_mode: Tensor | None
) -> tuple[list[int], list[int], list[tuple[int, int]], list[tuple[int, int]]]:
    """Sizes and strides of what is pooled, what is padded at each side, and what ceil_mode adds."""
    kernel = ints(kernel_sizes)
    stride = ints(strides, [1] * len(kernel))
    sides = _padding(pad_type, pad, x.shape[2:], kernel, stride)
    return kernel, stride, sides, _pooled(x, kernel, stride, sides, flag(ceil_mode))


def avg_pool(
    x: Tensor,
    kernel_sizes: Tensor,
    pad_type: str,
    strides: Tensor | None = None,
    pad: Tensor | None = None,
    exclude_padding_from_average: Tensor | None = None,
    ceil_mode: Tensor | None = None,
) -> Tensor:
    kernel, stride, sides, further = _windows(x, kernel_sizes, pad_type, strides, pad, ceil_mode)
    pool: Any = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel) - 1]
    y = pool(_pad_spatial(_pad_spatial(x, sides), further), kernel, stride)
    if not any(map(any, (*sides, *further))):
        return y
    # The share of each window that counts: without what ceil_mode adds, and without padding where that is excluded.
    padding_counts = not flag(exclude_padding_from_average)
    counted = _pad_spatial(torch.ones(1, 1, *x.shape[2:]), sides, value=float(padding_counts))
    return y / pool(_pad_spatial(counted, further), kernel, stride)


def max_pool(
    x: Tensor,
    kernel_sizes: Tensor,
    pad_type: str,
    strides: Tensor | None = None,
    pad: Tensor | None = None,
    ceil_mode: Tensor | None = None,
) -> Tensor:
    kernel, stride, sides, further = _windows(x, kernel_sizes, pad_type, strides, pad, ceil_mode)
    pool: Any = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(kernel) - 1]
    return pool(_pad_spatial(_pad_spatial(x, sides, -math.inf), further, -math.inf), kernel, stride)


def pad(x: Tensor, pad: Tensor, mode: str = "constant", constant_val: Tensor | None = None) -> Tensor:
    sizes = ints(pad)
    sides = list(zip(sizes[::2], sizes[1::2], strict=True))
    if mode == "constant":
        return _pad_spatial(x, sides, 0.0 if constant_val is None else float(constant_val))
    for axis, (before, after) in enumerate(sides, start=x.ndim - len(sides)):
        last = x.shape[axis] - 1
        index = torch.arange(-before, last + 1 + after)
        if mode == "reflect":
            index = last - (last - index.abs()).abs()
        elif mode == "replicate":
            index = index.clamp(0, last)
        else:
            raise ValueError(f"there is no mode {mode!r}")
        x = x.index_select(axis, index)
    return x
