"""Operators that rearrange values, and compute none."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from exporters.coreml.program.operators.values import flag, integer, ints


def reshape(x: Tensor, shape: Tensor) -> Tensor:
    sizes = ints(shape)
    if 0 in sizes and len(sizes) != x.ndim:
        raise ValueError(f"{sizes} keeps a size of {tuple(x.shape)}, which has another rank")
    return x.reshape([size or x.shape[axis] for axis, size in enumerate(sizes)])


def transpose(x: Tensor, perm: Tensor) -> Tensor:
    return x.permute(ints(perm))


def squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze(tuple(ints(axes, range(x.ndim))))


def expand_dims(x: Tensor, axes: Tensor) -> Tensor:
    places = ints(axes)
    rank = x.ndim + len(places)
    for axis in sorted(place % rank for place in places):
        x = x.unsqueeze(axis)
    return x


def flatten2d(x: Tensor, axis: Tensor | None = None) -> Tensor:
    return x.reshape(math.prod(x.shape[: integer(axis, 1)]), -1)


def tile(x: Tensor, reps: Tensor) -> Tensor:
    return x.tile(ints(reps))


def concat(values: list[Tensor], axis: Tensor, interleave: Tensor | None = None) -> Tensor:
    if not flag(interleave):
        return torch.cat([x.reshape(1) if x.ndim == 0 else x for x in values], integer(axis))
    place = integer(axis) % values[0].ndim
    return torch.stack(values, place + 1).flatten(place, place + 1)


def stack(values: list[Tensor], axis: Tensor) -> Tensor:
    return torch.stack(values, integer(axis))


def split(
    x: Tensor, axis: Tensor, num_splits: Tensor | None = None, split_sizes: Tensor | None = None
) -> Sequence[Tensor]:
    sizes = ints(split_sizes)
    if not sizes:
        parts = integer(num_splits, 1)
        size, rest = divmod(x.shape[integer(axis)], parts)
        if rest:
            raise ValueError(f"{tuple(x.shape)} cannot be split evenly into {parts}")
        sizes = [size] * parts
    return x.split_with_sizes(sizes, integer(axis))


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
    steps, open_begin, open_end = ints(stride, [1] * x.ndim), ints(begin_mask, no), ints(end_mask, no)
    single, begins, ends = ints(squeeze_mask, no), ints(begin), ints(end)
    for axis in reversed(range(x.ndim)):
        if single[axis]:
            x = x.select(axis, 0 if open_begin[axis] else begins[axis])
            continue
        start = None if open_begin[axis] else begins[axis]
        stop = None if open_end[axis] else ends[axis]
        index = range(x.shape[axis])[start : stop : steps[axis]]
        x = x.index_select(axis, torch.tensor(index, dtype=torch.int64))
    return x


def slice_update(
    x: Tensor,
    update: Tensor,
    begin: Tensor,
    end: Tensor,
    stride: Tensor | None = None,
    begin_mask: Tensor | None = None,
    end_mask: Tensor | None = None,
    squeeze_mask: Tensor | None = None,
) -> Tensor:
    """x with `update` in the place of what `slice_by_index` gives of it."""
    numbered = torch.arange(x.numel()).reshape(x.shape)
    places = slice_by_index(numbered, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    return x.flatten().index_copy(0, places.flatten(), update.flatten()).reshape(x.shape)


def slice_by_size(x: Tensor, begin: Tensor, size: Tensor) -> Tensor:
    """A size of -1 takes all there is to the end."""
    for axis, (start, count) in enumerate(zip(ints(begin), ints(size), strict=True)):
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
    place, batch = integer(axis) % x.ndim, integer(batch_dims)
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
    place = integer(axis)
    return torch.take_along_dim(x, torch.where(indices < 0, indices + x.shape[place], indices), place)


def gather_nd(
    x: Tensor,
    indices: Tensor,
    batch_dims: Tensor | None = None,
    validate_indices: Tensor | None = None,  # noqa: ARG001 - as in gather
) -> Tensor:
    batch = integer(batch_dims)
    if batch:
        rows = [gather_nd(row, index, torch.tensor(batch - 1)) for row, index in zip(x, indices, strict=True)]
        return torch.stack(rows)
    return x[indices.unbind(-1)]


def pixel_shuffle(x: Tensor, upscale_factor: Tensor) -> Tensor:
    return F.pixel_shuffle(x, integer(upscale_factor))


def pixel_unshuffle(x: Tensor, downscale_factor: Tensor) -> Tensor:
    return F.pixel_unshuffle(x, integer(downscale_factor))


def scatter(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    axis: Tensor | None = None,
    mode: str = "add",
    validate_indices: Tensor | None = None,  # noqa: ARG001 - as in gather
) -> Tensor:
    """data with `updates` at these places of one axis, or added to what is there."""
    along_axis = integer(axis) % data.ndim
    places = indices.flatten() % data.shape[along_axis]
    values = updates.reshape(*data.shape[:along_axis], -1, *data.shape[along_axis + 1 :]).to(data.dtype)
    if mode == "add":
        return data.index_add(along_axis, places, values)
    if mode == "update":
        return data.index_copy(along_axis, places, values)
    raise ValueError(f"scatter's mode {mode!r} is not computed")


def scatter_nd(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    mode: str = "add",
    validate_indices: Tensor | None = None,  # noqa: ARG001 - as in gather
) -> Tensor:
    if mode not in ("add", "update"):
        raise ValueError(f"scatter_nd's mode {mode!r} is not computed")
    places = tuple(indices.unbind(-1))
    return torch.index_put(data, places, updates.to(data.dtype), accumulate=mode == "add")


def reverse(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.flip(ints(axes, range(x.ndim)))


def topk(
    x: Tensor,
    k: Tensor | None = None,
    axis: Tensor | None = None,
    ascending: Tensor | None = None,
    sort: Tensor | None = None,  # noqa: ARG001 - in any order is in this one, too
    return_indices: Tensor | None = None,
    output_indices_dtype: str = "int32",  # noqa: ARG001 - integers are int64 here
) -> list[Tensor]:
    along, count = integer(axis, -1), integer(k, 1)
    count = x.shape[along] if count == -1 else count  # all, since iOS 17
    found = list(x.topk(count, along, largest=not flag(ascending)))
    return found if flag(return_indices, True) else found[:1]


def shape(x: Tensor) -> Tensor:
    return torch.tensor(x.shape, dtype=torch.int64)


def fill(shape: Tensor, value: Tensor | None = None) -> Tensor:
    return torch.zeros(ints(shape)) if value is None else value.expand(ints(shape))


def fill_like(ref_tensor: Tensor, value: Tensor | None = None) -> Tensor:
    return torch.zeros(ref_tensor.shape) if value is None else value.expand(ref_tensor.shape)


def range_1d(start: Tensor, end: Tensor, step: Tensor) -> Tensor:
    return torch.arange(start.item(), end.item(), step.item())
