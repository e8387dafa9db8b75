"""Operators that compute: on each number, on the channels or the pixels, and attention."""

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, fx

from exporters.rewrites.channel_norm import channel_layer_norm
from exporters.rewrites.channels_first.writer import LayoutError, Writer
from exporters.rewrites.graph import argument, aten, constant
from exporters.rewrites.layout import Axis, Value, flat, new_axis, refined


def elementwise(writer: Writer, node: fx.Node) -> Value:
    value = writer.value(node.args[0])
    new = writer.call(node.target, writer.node_of(value), *node.args[1:], **node.kwargs)
    return Value(new, value.axes, value.dims)


def binary(writer: Writer, node: fx.Node) -> Value:
    first, second = node.args
    if not isinstance(first, fx.Node) or not isinstance(second, fx.Node):
        (old,) = node.all_input_nodes
        value = writer.value(old)
        args = [writer.node_of(value) if one is old else one for one in (first, second)]
        return Value(writer.call(node.target, *args, **node.kwargs), value.axes, value.dims)
    return _combined(writer, node.target, writer.value(first), writer.value(second), **node.kwargs)


def _combined(writer: Writer, target: Any, first: Value, second: Value, **kwargs: Any) -> Value:
    rank = max(len(first.dims), len(second.dims))
    first, second = (one.with_dims((*[()] * (rank - len(one.dims)), *one.dims)) for one in (first, second))
    pair = refined(first, second, [(i, i) for i in range(rank)])
    if pair is None:
        raise LayoutError
    first, second = pair
    dims = tuple(one or other for one, other in zip(first.dims, second.dims, strict=True))
    # The tensor that has all atoms stays as it is held; a constant is the first to follow.
    whole = [one for one in (first, second) if set(flat(one.dims)) == set(flat(dims))]
    if not whole:
        raise LayoutError
    leader = min(whole, key=lambda one: isinstance(one.held, Tensor))
    follower = second if leader is first else first
    present = set(flat(follower.dims))
    axes: list[Axis] = []
    for axis in leader.axes:
        # An axis of which the follower has a part falls into that part and the rest.
        start = 0
        for i in range(1, len(axis) + 1):
            if i == len(axis) or (axis[i] in present) != (axis[start] in present):
                axes.append(axis[start:i])
                start = i
        if not axis:
            axes.append(axis)
    held = []
    for one in (first, second):
        own = set(flat(one.dims))
        held.append(writer.node_of(writer.hold(one, [tuple(atom for atom in axis if atom in own) for axis in axes])))
    new = writer.call(target, *held, **kwargs)
    return Value(new, tuple(axes), dims)


def linear(writer: Writer, node: fx.Node) -> Value:
    value = writer.value(node.args[0])
    weight, bias = (_constant(writer, argument(node, i, None)) for i in (1, 2))
    if weight is None:
        raise LayoutError
    width = new_axis(len(weight), channels=True)
    if len(value.dims) < 3:
        value = writer.hold(value, value.dims)
        new = writer.call(aten.linear.default, writer.node_of(value), *_constants(writer, weight, bias))
        dims = (*value.dims[:-1], width)
        return Value(new, dims, dims)
    value = writer.channels_first(value)
    writer.values[cast(fx.Node, node.args[0])] = value  # whoever reads it next finds it there
    batch, _, *pixels = value.axes
    new = writer.call(aten.conv2d.default, writer.node_of(value), *_constants(writer, weight[:, :, None, None], bias))
    writer.count += 1
    return Value(new, (batch, width, *pixels), (*value.dims[:-1], width))


def _constant(writer: Writer, node: Any) -> Tensor | None:
    if node is None:
        return None
    held = writer.value(node).held
    if isinstance(held, Tensor):
        return held
    raise LayoutError


def _constants(writer: Writer, *tensors: Tensor | None) -> list[fx.Node | None]:
    return [None if tensor is None else constant(writer.written, tensor) for tensor in tensors]


def layer_norm(writer: Writer, node: fx.Node) -> Value:
    value = writer.value(node.args[0])
    if len(cast(list[int], node.args[1])) != 1 or len(value.dims) < 3:
        raise LayoutError
    value = writer.channels_first(value)
    writer.values[cast(fx.Node, node.args[0])] = value  # whoever reads it next finds it there
    weight, bias = (_constant(writer, argument(node, i, None)) for i in (2, 3))
    new = writer.call(
        channel_layer_norm, writer.node_of(value), *_constants(writer, weight, bias), argument(node, 4, 1e-5)
    )
    return Value(new, value.axes, value.dims)


def mean(writer: Writer, node: fx.Node) -> Value:
    value = writer.value(node.args[0])
    dims = {dim % len(value.dims) for dim in cast(list[int], node.args[1])}
    if node.kwargs or isinstance(value.held, Tensor):
        raise LayoutError
    gone = {atom for dim in dims for atom in value.dims[dim]}
    keep = argument(node, 2, False)
    left = [axis for axis in value.axes if axis and not gone.issuperset(axis)]
    if any(gone.intersection(axis) for axis in left):
        raise LayoutError
    result = [() if i in dims else axis for i, axis in enumerate(value.dims) if keep or i not in dims]
    if not keep and [axis for axis in result if axis] == left:
        # Pixels of size 1 go with the others, so that features stay: (N, C, 1, L) -> (N, C).
        drop = [i for i, axis in enumerate(value.axes) if gone.issuperset(axis) and (axis or i > 0)]
        axes = tuple(axis for i, axis in enumerate(value.axes) if i not in drop)
        return Value(_mean(writer, value, drop), axes, tuple(result))
    drop = [i for i, axis in enumerate(value.axes) if axis and gone.issuperset(axis)]
    axes = tuple(() if i in drop else axis for i, axis in enumerate(value.axes))
    return Value(_mean(writer, value, drop, True), axes, tuple(result))


def _mean(writer: Writer, value: Value, dims: list[int], *keep: bool) -> fx.Node:
    """Of a map of one pixel that is the map itself: without dimensions torch would take the mean of all of them."""
    node = writer.node_of(value)
    return writer.call(aten.mean.dim, node, dims, *keep) if dims else node


def softmax(writer: Writer, node: fx.Node) -> Value:
    value = writer.value(node.args[0])
    dim = cast(int, node.args[1]) % len(value.dims)
    value, axis = writer.with_own_axis(value, dim)
    return Value(writer.call(aten.softmax.int, writer.node_of(value), axis), value.axes, value.dims)


def matmul(writer: Writer, node: fx.Node) -> Value:
    first, second = (writer.value(old) for old in node.args)
    if len(first.dims) < 3 or len(first.dims) != len(second.dims):
        raise LayoutError
    return _product(writer, first, second)


def _product(writer: Writer, first: Value, second: Value) -> Value:
    """first @ second over the last two dimensions, (..., M, K) and (..., K, N)."""
    rank = len(first.dims)
    pair = refined(first, second, [*[(i, i) for i in range(rank - 2)], (rank - 1, rank - 2)])
    if pair is None:
        raise LayoutError
    first, second = pair
    batch = first.dims[:-2]
    if batch != second.dims[:-2]:
        raise LayoutError
    rows = first.dims[-2]
    columns = second.dims[-1]
    one, one_turned = _operand(writer, first, batch)
    other, other_turned = _operand(writer, second, batch)
    if _are_channels(columns) and not _are_channels(rows):
        # (first second)^T = second^T first^T: channels come first.
        left = other if other_turned else _turned(writer, other)
        right = one if one_turned else _turned(writer, one)
        new = writer.call(aten.matmul.default, left, right)
        return Value(new, (*batch, columns, rows), (*batch, rows, columns))
    left = _turned(writer, one) if one_turned else one
    right = _turned(writer, other) if other_turned else other
    new = writer.call(aten.matmul.default, left, right)
    return Value(new, (*batch, rows, columns), (*batch, rows, columns))


def _operand(writer: Writer, value: Value, batch: Sequence[Axis]) -> tuple[fx.Node, bool]:
    """A factor of a product as it lies, and whether that is transposed."""
    rows, columns = value.dims[-2:]
    turned = flat(value.axes) == flat((*batch, columns, rows))
    axes = (*batch, columns, rows) if turned else (*batch, rows, columns)
    return writer.node_of(writer.hold(value, axes)), turned


def _turned(writer: Writer, node: fx.Node) -> fx.Node:
    return writer.call(aten.transpose.int, node, -2, -1)


def attention(writer: Writer, node: fx.Node) -> Value:
    query, key, value = (writer.value(old) for old in node.args[:3])
    mask, dropout, causal = argument(node, 3, None), argument(node, 4, 0.0), argument(node, 5, False)
    options = dict(node.kwargs)
    scale = options.pop("scale", None)
    mask = options.pop("attn_mask", mask)
    if dropout or causal or options or len(query.dims) < 3 or len(query.dims) != len(key.dims):
        raise LayoutError
    if mask is not None and cast(fx.Node, mask).meta["val"].dtype is torch.bool:
        raise LayoutError
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    query = Value(writer.call(aten.mul.Tensor, writer.node_of(query), factor), query.axes, query.dims)
    turned = key.with_dims((*key.dims[:-2], key.dims[-1], key.dims[-2]))
    scores = _product(writer, query, turned)
    if mask is not None:
        scores = _combined(writer, aten.add.Tensor, scores, writer.value(mask))
    scores, axis = writer.with_own_axis(scores, len(scores.dims) - 1)
    weights = writer.call(aten.softmax.int, writer.node_of(scores), axis)
    return _product(writer, Value(weights, scores.axes, scores.dims), value)


def _are_channels(axis: Axis) -> bool:
    return any(atom.channels for atom in axis)
