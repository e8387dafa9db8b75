"""MIL's operators, computed with torch: parameters are named as MIL names them, and defaults are MIL's.

Source: coremltools, "MIL Ops". Floats are float32, integers int64; where MIL has several values there is a list.
`OPERATORS` is what the evaluation of a program (`exporters.mlprogram`) knows.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

Value = Any  # a Tensor (float32, int64 or bool), a str, or a list of these for a parameter that takes several


def unpack_bits(data: npt.NDArray[np.uint8], bits: int, count: int) -> npt.NDArray[np.int64]:
    """Numbers of `bits` bits each, packed without gaps from the lowest bit of the first byte on."""
    planes = np.unpackbits(data, bitorder="little", count=count * bits).reshape(count, bits)
    return planes.astype(np.int64) @ (1 << np.arange(bits, dtype=np.int64))


def _ints(x: Tensor | None, default: Sequence[int] = ()) -> list[int]:
    return list(default) if x is None else [int(i) for i in x.flatten().tolist()]


def _int(x: Tensor | None, default: int = 0) -> int:
    return default if x is None else int(x)


def _flag(x: Tensor | None, default: bool = False) -> bool:
    return default if x is None else bool(x)


def _along(x: Tensor, vector: Tensor, axis: int) -> Tensor:
    """A vector, or a scalar, in the shape that broadcasts it along one axis of x."""
    return vector.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]) if vector.ndim else vector


def _padding(
    pad_type: str, pad: Tensor | None, size: Sequence[int], reach: Sequence[int], stride: Sequence[int]
) -> list[tuple[int, int]]:
    """What is put before and after each spatial axis; `reach` is the kernel's size, dilation counted."""
    if pad_type == "valid":
        return [(0, 0)] * len(size)
    if pad_type == "custom":
        sides = _ints(pad, [0] * 2 * len(size))
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
    stride, dilation = _ints(strides, ones), _ints(dilations, ones)
    reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    x = _pad_spatial(x, _padding(pad_type, pad, x.shape[2:], reach, stride))
    none = [0] * len(ones)
    return torch.convolution(x, weight, bias, stride, none, dilation, False, none, _int(groups, 1))


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
    stride, dilation = _ints(strides, ones), _ints(dilations, ones)
    none = [0] * len(ones)
    y = torch.convolution(x, weight, None, stride, none, dilation, True, none, _int(groups, 1))
    if pad_type == "same":
        sizes = [n * s for n, s in zip(x.shape[2:], stride, strict=True)]
        before = [max(0, full - size) // 2 for full, size in zip(y.shape[2:], sizes, strict=True)]
    else:
        sides = _padding(pad_type, pad, x.shape[2:], ones, ones)
        before = [side[0] for side in sides]
        sizes = [full - sum(side) for full, side in zip(y.shape[2:], sides, strict=True)]
    if output_shape is not None:
        sizes = _ints(output_shape)[2:]
    # Beyond the last position that the kernel reaches there is nothing but the bias.
    y = _pad_spatial(
        y, [(-start, start + size - full) for start, size, full in zip(before, sizes, y.shape[2:], strict=True)]
    )
    return y if bias is None else y + _along(y, bias, 1)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


def matmul(x: Tensor, y: Tensor, transpose_x: Tensor | None = None, transpose_y: Tensor | None = None) -> Tensor:
    x = x.mT if _flag(transpose_x) else x
    y = y.mT if _flag(transpose_y) else y
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
    normalized = sorted(axis % x.ndim for axis in _ints(axes, range(x.ndim)))
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


def instance_norm(
    x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: Tensor | None = None
) -> Tensor:
    return F.instance_norm(x, weight=gamma, bias=beta, eps=1e-5 if epsilon is None else float(epsilon))


def softmax(x: Tensor, axis: Tensor | None = None) -> Tensor:
    return x.softmax(_int(axis, -1))


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


def avg_pool(
    x: Tensor,
    kernel_sizes: Tensor,
    pad_type: str,
    strides: Tensor | None = None,
    pad: Tensor | None = None,
    exclude_padding_from_average: Tensor | None = None,
    ceil_mode: Tensor | None = None,
) -> Tensor:
    kernel = _ints(kernel_sizes)
    stride = _ints(strides, [1] * len(kernel))
    sides = _padding(pad_type, pad, x.shape[2:], kernel, stride)
    further = _pooled(x, kernel, stride, sides, _flag(ceil_mode))
    pool: Any = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel) - 1]
    y = pool(_pad_spatial(_pad_spatial(x, sides), further), kernel, stride)
    if not any(map(any, (*sides, *further))):
        return y
    # The share of each window that counts: without what ceil_mode adds, and without padding where that is excluded.
    padding_counts = not _flag(exclude_padding_from_average)
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
    kernel = _ints(kernel_sizes)
    stride = _ints(strides, [1] * len(kernel))
    sides = _padding(pad_type, pad, x.shape[2:], kernel, stride)
    further = _pooled(x, kernel, stride, sides, _flag(ceil_mode))
    pool: Any = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(kernel) - 1]
    return pool(_pad_spatial(_pad_spatial(x, sides, -math.inf), further, -math.inf), kernel, stride)


def _grid(mode: str, size: int, target: int) -> Tensor:
    """Where on an axis of `size` the `target` samples lie, as MIL's sampling modes say (resize_bilinear)."""
    i = torch.arange(target, dtype=torch.float64)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        alone = (size - 1) / 2 if mode == "ALIGN_CORNERS" else 0.0
        points = i * (size - 1) / (target - 1) if target > 1 else i + alone
    elif mode == "DEFAULT":
        points = i * size / target
    elif mode == "OFFSET_CORNERS":
        points = (i + 0.5) * max(1, size - 1) / target
    elif mode == "UNALIGN_CORNERS":
        points = (i + 0.5) * size / target - 0.5
    else:
        raise ValueError(f"there is no sampling mode {mode!r}")
    return points.clamp(0, size - 1)


def _resample(x: Tensor, axis: int, target: int, mode: str) -> Tensor:
    points = _grid(mode, x.shape[axis], target)
    below = points.floor().long()
    share = _along(x, (points - below).float(), axis)
    above = (below + 1).clamp(max=x.shape[axis] - 1)
    return x.index_select(axis, below) * (1 - share) + x.index_select(axis, above) * share


def _repeat_nearest(x: Tensor, axis: int, target: int) -> Tensor:
    return x.index_select(axis, torch.arange(target) * x.shape[axis] // target)


def _scaled(size: int, factor: Tensor | None) -> int:
    return math.floor(size * (1.0 if factor is None else float(factor)))


def upsample_bilinear(
    x: Tensor,
    scale_factor_height: Tensor | None = None,
    scale_factor_width: Tensor | None = None,
    align_corners: Tensor | None = None,
    half_pixel_centers: Tensor | None = None,
) -> Tensor:
    corners = _flag(align_corners, True)
    centred = _flag(half_pixel_centers, not corners)
    if corners and centred:
        raise ValueError("align_corners and half_pixel_centers exclude each other")
    mode = "STRICT_ALIGN_CORNERS" if corners else "UNALIGN_CORNERS" if centred else "DEFAULT"
    height, width = _scaled(x.shape[-2], scale_factor_height), _scaled(x.shape[-1], scale_factor_width)
    return _resample(_resample(x, -2, height, mode), -1, width, mode)


def resize_bilinear(
    x: Tensor,
    target_size_height: Tensor | None = None,
    target_size_width: Tensor | None = None,
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    rows = _resample(x, -2, _int(target_size_height, 1), sampling_mode)
    return _resample(rows, -1, _int(target_size_width, 1), sampling_mode)


def upsample_nearest_neighbor(
    x: Tensor, scale_factor_height: Tensor | None = None, scale_factor_width: Tensor | None = None
) -> Tensor:
    rows = _repeat_nearest(x, -2, _scaled(x.shape[-2], scale_factor_height))
    return _repeat_nearest(rows, -1, _scaled(x.shape[-1], scale_factor_width))


def resize_nearest_neighbor(x: Tensor, target_size_height: Tensor, target_size_width: Tensor) -> Tensor:
    return _repeat_nearest(_repeat_nearest(x, -2, _int(target_size_height)), -1, _int(target_size_width))


def resize(
    x: Tensor,
    shape: Tensor,
    resized_dims: Tensor,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    """The last `resized_dims` axes take the last sizes of `shape`; 0 leaves one as it is."""
    if interpolation_mode != "LINEAR" and sampling_mode != "DEFAULT":
        raise ValueError(f"MIL does not say what {interpolation_mode} with {sampling_mode} is")
    for axis in range(-_int(resized_dims), 0):
        target = _ints(shape)[axis] or x.shape[axis]
        if interpolation_mode == "LINEAR":
            x = _resample(x, axis, target, sampling_mode)
        else:
            x = _repeat_nearest(x, axis, target)
    return x


def pad(x: Tensor, pad: Tensor, mode: str = "constant", constant_val: Tensor | None = None) -> Tensor:
    sizes = _ints(pad)
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


def reshape(x: Tensor, shape: Tensor) -> Tensor:
    sizes = _ints(shape)
    if 0 in sizes and len(sizes) != x.ndim:
        raise ValueError(f"{sizes} keeps a size of {tuple(x.shape)}, which has another rank")
    return x.reshape([size or x.shape[axis] for axis, size in enumerate(sizes)])


def transpose(x: Tensor, perm: Tensor) -> Tensor:
    return x.permute(_ints(perm))


def squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze(tuple(_ints(axes, range(x.ndim))))


def expand_dims(x: Tensor, axes: Tensor) -> Tensor:
    places = _ints(axes)
    rank = x.ndim + len(places)
    for axis in sorted(place % rank for place in places):
        x = x.unsqueeze(axis)
    return x


def flatten2d(x: Tensor, axis: Tensor | None = None) -> Tensor:
    return x.reshape(math.prod(x.shape[: _int(axis, 1)]), -1)


def tile(x: Tensor, reps: Tensor) -> Tensor:
    return x.tile(_ints(reps))


def concat(values: list[Tensor], axis: Tensor, interleave: Tensor | None = None) -> Tensor:
    if not _flag(interleave):
        return torch.cat([x.reshape(1) if x.ndim == 0 else x for x in values], _int(axis))
    place = _int(axis) % values[0].ndim
    return torch.stack(values, place + 1).flatten(place, place + 1)


def stack(values: list[Tensor], axis: Tensor) -> Tensor:
    return torch.stack(values, _int(axis))


def split(
    x: Tensor, axis: Tensor, num_splits: Tensor | None = None, split_sizes: Tensor | None = None
) -> Sequence[Tensor]:
    sizes = _ints(split_sizes)
    if not sizes:
        parts = _int(num_splits, 1)
        size, rest = divmod(x.shape[_int(axis)], parts)
        if rest:
            raise ValueError(f"{tuple(x.shape)} cannot be split evenly into {parts}")
        sizes = [size] * parts
    return x.split_with_sizes(sizes, _int(axis))


def slice_by_index(
    x: Tensor,
    begin: Tensor,
    end: Tensor,
    stride: Tensor | None = None,
    begin_mask: Tensor | None = None,
    end_mask: Tensor | None = None,
    squeeze_mask: Tensor | None = None,
) -> Tensor:
    """As Python slices; a mask says that a begin or an end is left out, or that the axis is indexed and goes away."""
    no = [0] * x.ndim
    steps, open_begin, open_end = _ints(stride, [1] * x.ndim), _ints(begin_mask, no), _ints(end_mask, no)
    single, begins, ends = _ints(squeeze_mask, no), _ints(begin), _ints(end)
    for axis in reversed(range(x.ndim)):
        if single[axis]:
            x = x.select(axis, 0 if open_begin[axis] else begins[axis])
            continue
        start = None if open_begin[axis] else begins[axis]
        stop = None if open_end[axis] else ends[axis]
        index = range(x.shape[axis])[start : stop : steps[axis]]
        x = x.index_select(axis, torch.tensor(index, dtype=torch.int64))
    return x


def slice_by_size(x: Tensor, begin: Tensor, size: Tensor) -> Tensor:
    """A size of -1 takes all there is to the end."""
    for axis, (start, count) in enumerate(zip(_ints(begin), _ints(size), strict=True)):
        start %= x.shape[axis]
        x = x.narrow(axis, start, x.shape[axis] - start if count == -1 else count)
    return x


def gather(
    x: Tensor,
    indices: Tensor,
    axis: Tensor | None = None,
    batch_dims: Tensor | None = None,
    validate_indices: Tensor | None = None,  # noqa: ARG001 - an index out of range is an error here in any case
) -> Tensor:
    place, batch = _int(axis) % x.ndim, _int(batch_dims)
    if batch:
        # One gather for each entry of the first axis, which both share.
        rows = [
            gather(row, index, torch.tensor(place - 1), torch.tensor(batch - 1))
            for row, index in zip(x, indices, strict=True)
        ]
        return torch.stack(rows)
    flat = torch.where(indices < 0, indices + x.shape[place], indices).reshape(-1)
    return x.index_select(place, flat).reshape(*x.shape[:place], *indices.shape, *x.shape[place + 1 :])


def gather_along_axis(
    x: Tensor,
    indices: Tensor,
    axis: Tensor | None = None,
    validate_indices: Tensor | None = None,  # noqa: ARG001 - as in gather
) -> Tensor:
    place = _int(axis)
    return torch.take_along_dim(x, torch.where(indices < 0, indices + x.shape[place], indices), place)


def cast(x: Tensor, dtype: str) -> Tensor:
    """To a whole number towards zero. How wide the result is stored, its declared type says."""
    if dtype == "bool":
        return x != 0
    return x.to(torch.float32) if dtype.startswith("fp") else x.to(torch.int64)


def shape(x: Tensor) -> Tensor:
    return torch.tensor(x.shape, dtype=torch.int64)


def fill(shape: Tensor, value: Tensor | None = None) -> Tensor:
    return torch.zeros(_ints(shape)) if value is None else value.expand(_ints(shape))


def fill_like(ref_tensor: Tensor, value: Tensor | None = None) -> Tensor:
    return torch.zeros(ref_tensor.shape) if value is None else value.expand(ref_tensor.shape)


def range_1d(start: Tensor, end: Tensor, step: Tensor) -> Tensor:
    return torch.arange(start.item(), end.item(), step.item())


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
    return torch.where(x > 0, x, _along(x, alpha, 1) * x)


def classify(probabilities: Tensor, classes: list[Any]) -> tuple[str, Tensor]:
    """The label of the largest probability, and all of them in the order of the labels."""
    flat = probabilities.flatten()
    label = classes[int(flat.argmax())]
    return str(label.item() if isinstance(label, Tensor) else label), flat


def reduce_argmax(
    x: Tensor,
    axis: Tensor | None = None,
    keep_dims: Tensor | None = None,
    output_dtype: str = "int32",  # noqa: ARG001 - the declared type says it
) -> Tensor:
    return x.argmax(_int(axis, -1), keepdim=_flag(keep_dims))


def _reduction(function: Callable[[Tensor, list[int], bool], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | None = None) -> Tensor:
        return function(x, _ints(axes, range(x.ndim)), _flag(keep_dims))

    return compute


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor) -> Tensor:
        return function(x)

    return compute


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, y: Tensor) -> Tensor:
        return function(x, y)

    return compute


def _with_alpha(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, alpha: Tensor) -> Tensor:
        return function(x, alpha)

    return compute


def _with_alpha_and_beta(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        return function(x, alpha, beta)

    return compute


# Compressed weights. All of them are computed when the program runs, from what is stored.


def constexpr_affine_dequantize(quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: Tensor) -> Tensor:
    place = _int(axis)
    return _along(quantized_data, scale, place) * (quantized_data - _along(quantized_data, zero_point, place))


def constexpr_blockwise_shift_scale(data: Tensor, scale: Tensor, offset: Tensor | None = None) -> Tensor:
    """Scale and offset hold for a block each, of the size that makes them cover the data."""
    shifted = data.float() if offset is None else data - _block_wise(offset, data.shape)
    return _block_wise(scale, data.shape) * shifted


def _block_wise(x: Tensor, shape: Sequence[int]) -> Tensor:
    for axis, size in enumerate(shape):
        x = x.repeat_interleave(size // x.shape[axis], dim=axis)
    return x


def constexpr_lut_to_dense(
    indices: Tensor, lut: Tensor, shape: Tensor | None = None, vector_axis: Tensor | None = None
) -> Tensor:
    """Look up a palette. iOS 16: one for all, indices packed in bytes. iOS 18: one a block, (blocks.., entries, V)."""
    if shape is not None:
        sizes = _ints(shape)
        bits = lut.numel().bit_length() - 1
        packed = indices.numpy().astype(np.uint8)
        return lut[torch.from_numpy(unpack_bits(packed, bits, math.prod(sizes)))].reshape(sizes)
    rank = indices.ndim
    blocks = []
    for axis, size in enumerate(indices.shape):
        block = torch.arange(size) // (size // lut.shape[axis])
        blocks.append(block.reshape([-1 if i == axis else 1 for i in range(rank)]))
    dense = lut[(*blocks, indices)]  # (*indices.shape, V)
    place = _int(vector_axis, rank - 1) % rank
    return dense.movedim(-1, place + 1).flatten(place, place + 1)


def constexpr_sparse_to_dense(nonzero_data: Tensor, mask: Tensor, shape: Tensor | None = None) -> Tensor:
    """Zeros where the mask has 0. iOS 16 packs it in bytes, iOS 18 has the shape itself."""
    if shape is not None:
        sizes = _ints(shape)
        packed = mask.numpy().astype(np.uint8)
        mask = torch.from_numpy(unpack_bits(packed, 1, math.prod(sizes))).reshape(sizes)
    dense = torch.zeros(mask.shape, dtype=nonzero_data.dtype)
    dense[mask != 0] = nonzero_data
    return dense


def constexpr_cast(source_val: Tensor, output_dtype: str) -> Tensor:
    return cast(source_val, output_dtype)


OPERATORS: dict[str, Callable[..., Any]] = {
    # with weights
    "batch_norm": batch_norm,
    "conv": conv,
    "conv_transpose": conv_transpose,
    "einsum": einsum,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "linear": linear,
    "matmul": matmul,
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "constexpr_affine_dequantize": constexpr_affine_dequantize,
    "constexpr_blockwise_shift_scale": constexpr_blockwise_shift_scale,
    "constexpr_cast": constexpr_cast,
    "constexpr_lut_to_dense": constexpr_lut_to_dense,
    "constexpr_sparse_to_dense": constexpr_sparse_to_dense,
    # pooling, resizing
    "avg_pool": avg_pool,
    "max_pool": max_pool,
    "pad": pad,
    "resize": resize,
    "resize_bilinear": resize_bilinear,
    "resize_nearest_neighbor": resize_nearest_neighbor,
    "upsample_bilinear": upsample_bilinear,
    "upsample_nearest_neighbor": upsample_nearest_neighbor,
    # activations
    "clamped_relu": _with_alpha_and_beta(lambda x, a, b: torch.where(x >= 0, x, a * x).clamp(max=b)),
    "clip": clip,
    "elu": _with_alpha(lambda x, a: torch.where(x > 0, x, a * torch.expm1(x))),
    "gelu": gelu,
    "leaky_relu": _with_alpha(lambda x, a: torch.where(x >= 0, x, a * x)),
    "linear_activation": _with_alpha_and_beta(lambda x, a, b: a * x + b),
    "prelu": prelu,
    "relu": _unary(torch.relu),
    "relu6": _unary(F.relu6),
    "scaled_tanh": _with_alpha_and_beta(lambda x, a, b: a * torch.tanh(b * x)),
    "sigmoid": _unary(torch.sigmoid),
    "sigmoid_hard": _with_alpha_and_beta(lambda x, a, b: (a * x + b).clamp(0, 1)),
    "silu": _unary(F.silu),
    "softmax": softmax,
    "softplus": _unary(lambda x: torch.logaddexp(x, torch.zeros(()))),
    "softsign": _unary(F.softsign),
    "threshold": _with_alpha(torch.maximum),
    "thresholded_relu": _with_alpha(lambda x, a: torch.where(x >= a, x, 0)),
    # one value at a time
    "abs": _unary(torch.abs),
    "ceil": _unary(torch.ceil),
    "cos": _unary(torch.cos),
    "erf": _unary(torch.erf),
    "exp": _unary(torch.exp),
    "exp2": _unary(torch.exp2),
    "floor": _unary(torch.floor),
    "identity": _unary(lambda x: x),
    "inverse": inverse,
    "log": log,
    "logical_not": _unary(torch.logical_not),
    "round": _unary(torch.round),
    "rsqrt": rsqrt,
    "sign": _unary(torch.sign),
    "sin": _unary(torch.sin),
    "sqrt": _unary(torch.sqrt),
    "square": _unary(torch.square),
    "tanh": _unary(torch.tanh),
    "add": _binary(torch.add),
    "equal": _binary(torch.eq),
    "floor_div": _binary(torch.floor_divide),
    "greater": _binary(torch.gt),
    "greater_equal": _binary(torch.ge),
    "less": _binary(torch.lt),
    "less_equal": _binary(torch.le),
    "logical_and": _binary(torch.logical_and),
    "logical_or": _binary(torch.logical_or),
    "logical_xor": _binary(torch.logical_xor),
    "maximum": _binary(torch.maximum),
    "minimum": _binary(torch.minimum),
    "mod": _binary(torch.remainder),
    "mul": _binary(torch.mul),
    "not_equal": _binary(torch.ne),
    "pow": _binary(torch.pow),
    "real_div": _binary(torch.div),
    "sub": _binary(torch.sub),
    "select": select,
    # reductions
    "reduce_argmax": reduce_argmax,
    "reduce_l1_norm": _reduction(lambda x, dims, keep: x.abs().sum(dims, keepdim=keep)),
    "reduce_l2_norm": _reduction(lambda x, dims, keep: x.square().sum(dims, keepdim=keep).sqrt()),
    "reduce_log_sum_exp": _reduction(lambda x, dims, keep: x.logsumexp(dims, keepdim=keep)),
    "reduce_max": _reduction(lambda x, dims, keep: x.amax(dims, keepdim=keep)),
    "reduce_mean": _reduction(lambda x, dims, keep: x.mean(dims, keepdim=keep)),
    "reduce_min": _reduction(lambda x, dims, keep: x.amin(dims, keepdim=keep)),
    "reduce_sum": _reduction(lambda x, dims, keep: x.sum(dims, keepdim=keep)),
    "reduce_sum_square": _reduction(lambda x, dims, keep: x.square().sum(dims, keepdim=keep)),
    # shapes
    "cast": cast,
    "classify": classify,
    "concat": concat,
    "expand_dims": expand_dims,
    "fill": fill,
    "fill_like": fill_like,
    "flatten2d": flatten2d,
    "gather": gather,
    "gather_along_axis": gather_along_axis,
    "range_1d": range_1d,
    "reshape": reshape,
    "shape": shape,
    "slice_by_index": slice_by_index,
    "slice_by_size": slice_by_size,
    "split": split,
    "squeeze": squeeze,
    "stack": stack,
    "tile": tile,
    "transpose": transpose,
}
