"""Operators that compute nothing, that take parts of a tensor, or that put tensors together."""

import math
import operator
from collections.abc import Sequence
from typing import cast

from torch import Tensor, fx

from exporters.rewrites.channels_first.writer import LayoutError, Writer
from exporters.rewrites.graph import argument, aten, shape
from exporters.rewrites.layout import Axis, Value, flat, new_axis, refined, reshaped, size_of


def permute(writer: Writer, node: fx.Node) -> Value:
    value = writer.value(node.args[0])
    return value.with_dims([value.dims[dim] for dim in cast(list[int], node.args[1])])


def transpose(writer: Writer, node: fx.Node) -> Value:
    value = writer.value(node.args[0])
    dims = list(value.dims)
    i, j = cast(tuple[int, int], node.args[1:])
    dims[i], dims[j] = dims[j], dims[i]
    return value.with_dims(dims)


def reshape(writer: Writer, node: fx.Node) -> Value:
    value = reshaped(writer.value(node.args[0]), shape(node))
    if value is None:
        raise LayoutError
    return value


def getitem(writer: Writer, node: fx.Node) -> Value:
    return cast(list[Value], writer.values[cast(fx.Node, node.args[0])])[cast(int, node.args[1])]


def _pieces(writer: Writer, value: Value, dim: int, sizes: Sequence[int]) -> list[Value]:
    value, axis = writer.with_own_axis(value, dim, prefix=True)
    node = writer.node_of(value)
    wanted = value.dims[dim]
    rest = value.axes[axis][len(wanted) :]
    split = writer.call(aten.split_with_sizes.default, node, [size * size_of(rest) for size in sizes], axis)
    found = []
    for i, size in enumerate(sizes):
        part = new_axis(size, channels=any(atom.channels for atom in wanted))
        axes, dims = list(value.axes), list(value.dims)
        axes[axis], dims[dim] = part + rest, part
        found.append(Value(writer.call(operator.getitem, split, i), tuple(axes), tuple(dims)))
    return found


def unbind(writer: Writer, node: fx.Node) -> list[Value]:
    value = writer.value(node.args[0])
    dim = argument(node, 1, 0) % len(value.dims)
    pieces = _pieces(writer, _apart(writer, value, dim, dim_goes=True), dim, [1] * size_of(value.dims[dim]))
    return [piece.with_dims(piece.dims[:dim] + piece.dims[dim + 1 :]) for piece in pieces]


def _apart(writer: Writer, value: Value, dim: int, *, dim_goes: bool) -> Value:
    """The value reshaped so that each piece along a dimension has an axis for each dimension that it has.

    So q, k and v come out of one split as (N, heads, d, L), of a tensor (N, 3 heads, d, L).
    """
    owners = {atom: i for i, axis in enumerate(value.dims) for atom in axis}
    groups: list[Axis] = []
    for atom in flat(value.axes):
        together = groups and owners[groups[-1][-1]] == owners[atom]
        groups = [*groups[:-1], (*groups[-1], atom)] if together else [*groups, (atom,)]
    if value.dims[dim] in value.axes or groups.count(value.dims[dim]) != 1:
        return value
    batch = [()] if not value.axes[0] else []
    axes = [*batch, *groups]
    if dim_goes:
        start = groups.index(value.dims[dim])
        merged = [*batch, *groups[:start], flat(groups[start : start + 2]), *groups[start + 2 :]]
        axes = merged if len(merged) == len(value.dims) - 1 else axes
    return writer.hold(value, axes) if len(axes) == len(value.dims) - dim_goes else value


def split(writer: Writer, node: fx.Node) -> list[Value]:
    value = writer.value(node.args[0])
    dim = argument(node, 2, 0) % len(value.dims)
    return _pieces(
        writer, _apart(writer, value, dim, dim_goes=False), dim, [int(one.shape[dim]) for one in node.meta["val"]]
    )


def select(writer: Writer, node: fx.Node) -> Value:
    value = writer.value(node.args[0])
    dim, index = (cast(int, argument) for argument in node.args[1:])
    size = size_of(value.dims[dim])
    piece = _piece(writer, value, dim % len(value.dims), index % size, index % size + 1, 1)
    dim %= len(value.dims)
    return piece.with_dims(piece.dims[:dim] + piece.dims[dim + 1 :])


def slice_(writer: Writer, node: fx.Node) -> Value:
    value = writer.value(node.args[0])
    dim = argument(node, 1, 0) % len(value.dims)
    start, end, step = argument(node, 2, None), argument(node, 3, None), argument(node, 4, 1)
    return _piece(writer, value, dim, *slice(start, end, step).indices(size_of(value.dims[dim])))


def _piece(writer: Writer, value: Value, dim: int, start: int, end: int, step: int) -> Value:
    if isinstance(value.held, Tensor):
        raise LayoutError
    value, axis = writer.with_own_axis(value, dim, prefix=step == 1)
    wanted = value.dims[dim]
    rest = value.axes[axis][len(wanted) :]
    scale = size_of(rest)
    node = writer.call(aten.slice.Tensor, writer.node_of(value), axis, start * scale, end * scale, step)
    part = new_axis(len(range(start, end, step)))
    axes, dims = list(value.axes), list(value.dims)
    axes[axis], dims[dim] = part + rest, part
    return Value(node, tuple(axes), tuple(dims))


def cat(writer: Writer, node: fx.Node) -> Value:
    values = [writer.value(old) for old in cast(list[fx.Node], node.args[0])]
    dim = argument(node, 1, 0) % len(values[0].dims)
    # The largest tensor stays as it is held, the others follow.
    leader = max(range(len(values)), key=lambda i: (isinstance(values[i].held, fx.Node), math.prod(values[i].shape)))
    others = [i for i in range(len(values[0].dims)) if i != dim]
    for _ in range(2):  # a later value may split an atom that an earlier one shares with the leader
        for i in range(len(values)):
            if i != leader:
                pair = refined(values[leader], values[i], [(j, j) for j in others])
                if pair is None:
                    raise LayoutError
                values[leader], values[i] = pair
    values[leader], axis = writer.with_own_axis(values[leader], dim)
    first = values[leader]
    parts = []
    for value in values:
        axes = list(first.axes)
        axes[axis] = value.dims[dim]
        parts.append(writer.node_of(writer.hold(value, axes)))
    whole = new_axis(sum(size_of(value.dims[dim]) for value in values))
    axes, dims = list(first.axes), list(first.dims)
    axes[axis], dims[dim] = whole, whole
    return Value(writer.call(aten.cat.default, parts, axis), tuple(axes), tuple(dims))


def repeat(writer: Writer, node: fx.Node) -> Value:
    value = writer.value(node.args[0])
    times = cast(list[int], node.args[1])
    repeated = [i for i, number in enumerate(times) if number > 1]
    if len(times) != len(value.dims) or len(repeated) != 1:
        raise LayoutError
    (dim,) = repeated
    value, axis = writer.with_own_axis(value, dim, prefix=True)
    new = writer.call(
        aten.repeat.default, writer.node_of(value), [times[dim] if i == axis else 1 for i in range(len(value.axes))]
    )
    if value.axes[axis] != value.dims[dim]:
        raise LayoutError
    again = new_axis(times[dim])
    axes, dims = list(value.axes), list(value.dims)
    axes[axis], dims[dim] = again + axes[axis], again + dims[dim]
    return Value(new, tuple(axes), tuple(dims))
