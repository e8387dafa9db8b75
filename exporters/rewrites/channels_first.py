"""Bring a network channels-first: permute + Linear becomes a 1x1 convolution, and no transpose is left.

Given:   Y[n, h, w, :] = W X[n, h, w, :] + b          a Linear on each pixel of a channels-last map
Result:  Y' = conv1x1(X', W[:, :, None, None], b)     the same numbers held as (N, C, H, W)

The graph is written anew, with each tensor held channels-first wherever its reader allows (`layout.py` keeps the
account of what lies where):
- a Linear on a map or on tokens becomes a 1x1 convolution; tokens (N, L, C) are held as (N, C, H, W) where they come
  from a map, else as (N, C, 1, L). A Linear on plain features (N, C) stays.
- LayerNorm over the channels is one operator (`channel_norm.py`).
- attention is two products on (N, heads, d, L): s = q^T k, y^T = v s^T. Transposed is only what the product itself
  reads transposed. Its 1 / sqrt(d) goes into the rows of the convolution that make q.
- permutes and reshapes of the network vanish; a convolution, pooling or anything else that this file does not know
  gets its tensor as the network had it, and where that costs a permute, the report says so.

Then what scales or shifts channels moves into the convolutions:
- LayerScale, y = g (W x + b):  W' = g W,  b' = g b;
- LayerNorm's affine, y = W (gamma x + beta) + b:  W' = W gamma,  b' = b + W beta, where all that read the norm are
  convolutions or linear layers without padding. Nothing is divided by gamma, which may be 0.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, fx, nn

from exporters.rewrites import layout
from exporters.rewrites.base import Equivalence, RewriteReport
from exporters.rewrites.channel_norm import channel_layer_norm
from exporters.rewrites.graph import (
    CONVOLUTIONS,
    Network,
    argument,
    aten,
    calls,
    constant,
    finish,
    infer_shapes,
    is_weighted,
    place,
    readers,
    scale_inputs,
    scale_outputs,
    shape,
    value_of,
    word,
)
from exporters.rewrites.layout import Axis, Value, flat, new_axis, plain, refined, reshaped, size_of

NAME = "channels_first"
EQUIVALENCE = Equivalence.EXACT


def rewrite(network: Network) -> RewriteReport:
    writer = _Writer(network)
    written = writer.write()
    network.graph = written.graph
    network._parameters.clear()
    network._parameters.update(written._parameters)
    finish(network)
    infer_shapes(network)
    _fold_layer_scale(network)
    skipped = [*writer.skipped, *_fold_norm_affine(network)]
    finish(network)
    infer_shapes(network)
    return RewriteReport(name=NAME, equivalence=EQUIVALENCE, count=writer.count, skipped=tuple(skipped))


_ELEMENTWISE = {
    getattr(aten, name).default
    for name in (
        "abs", "elu", "exp", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "mish", "neg", "relu",
        "relu6", "rsqrt", "sigmoid", "silu", "softplus", "sqrt", "tanh", "clamp",
    )
}  # fmt: skip
_BINARY = {aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor}


class _LayoutError(Exception):
    """An operator cannot be written for the layout at hand, and is written as the network has it."""


class _Writer:
    """Writes the graph anew, operator by operator."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.written = Network(nn.Module(), fx.Graph())
        self.graph = self.written.graph
        self.values: dict[fx.Node, Any] = {}  # of an old node: its Value, or a list of them
        self.old: fx.Node
        self.count = 0
        self.skipped: list[str] = []
        self.handlers: dict[Any, Callable[[fx.Node], Any]] = {
            aten.linear.default: self._linear,
            aten.layer_norm.default: self._layer_norm,
            aten.permute.default: self._permute,
            aten.transpose.int: self._transpose,
            aten.reshape.default: self._reshape,
            aten.unsqueeze.default: self._reshape,
            aten.squeeze.dim: self._reshape,
            aten.squeeze.dims: self._reshape,
            aten.unbind.int: self._unbind,
            aten.split_with_sizes.default: self._split,
            aten.split.Tensor: self._split,
            aten.chunk.default: self._split,
            aten.select.int: self._select,
            aten.slice.Tensor: self._slice,
            aten.cat.default: self._cat,
            aten.repeat.default: self._repeat,
            aten.mean.dim: self._mean,
            aten.softmax.int: self._softmax,
            aten.matmul.default: self._matmul,
            aten.scaled_dot_product_attention.default: self._attention,
            operator.getitem: self._getitem,
            **dict.fromkeys(_ELEMENTWISE, self._elementwise),
            **dict.fromkeys(_BINARY, self._binary),
        }

    def write(self) -> Network:
        for node in self.network.graph.nodes:
            self.old = node
            if node.op == "placeholder":
                new = self.graph.placeholder(node.name)
                new.meta["val"] = node.meta["val"]
                self.values[node] = plain(new, shape(node))
            elif node.op == "get_attr":
                tensor = cast(Tensor, getattr(self.network, node.target)).detach()
                self.values[node] = plain(tensor, tensor.shape)
            elif node.op == "output":
                self.graph.output(self._as_the_network_has_it(node.args[0]))
            else:
                self.values[node] = self._write(node)
        return self.written

    def _write(self, node: fx.Node) -> Any:
        handler = self.handlers.get(node.target)
        if handler is not None:
            try:
                return handler(node)
            except _LayoutError:
                pass
        return self._other(node)

    # What all operators use.

    def _value(self, node: Any) -> Value:
        value = self.values[node]
        if not isinstance(value, Value):
            raise _LayoutError
        return value

    def _call(self, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        node = self.graph.call_function(target, args, kwargs)
        node.meta["place"] = place(self.old)
        return node

    def _write_reshape(self, node: fx.Node, sizes: Sequence[int]) -> fx.Node:
        return self._call(aten.reshape.default, node, list(sizes))

    def _write_permute(self, node: fx.Node, dims: Sequence[int]) -> fx.Node:
        self.skipped.append(f"{place(self.old)}: a permute stays, for {word(self.old)} reads another order of axes")
        return self._call(aten.permute.default, node, list(dims))

    def _hold(self, value: Value, axes: Sequence[Axis]) -> Value:
        return layout.held_as(value, axes, self._write_reshape, self._write_permute)

    def _node(self, value: Value) -> fx.Node:
        return constant(self.written, value.held) if isinstance(value.held, Tensor) else value.held

    def _as_the_network_has_it(self, argument: Any) -> Any:
        def write(node: fx.Node) -> Any:
            value = self._value(node)
            value = self._hold(value, value.dims)
            if len(value.dims) == 4:
                self.values[node] = value  # whoever reads it next finds it there
            return self._node(value)

        return fx.node.map_arg(argument, write)

    def _other(self, node: fx.Node) -> Any:
        """An operator as the network has it, on tensors as the network has them."""
        kwargs = self._as_the_network_has_it(node.kwargs)
        new = self._call(node.target, *self._as_the_network_has_it(node.args), **kwargs)
        if isinstance(node.meta["val"], Tensor):
            return plain(new, shape(node))
        return [plain(self._call(operator.getitem, new, i), one.shape) for i, one in enumerate(node.meta["val"])]

    def _channels_first(self, value: Value) -> Value:
        """Tokens or a channels-last map, (N, ..., C), held as (N, C, H, W)."""
        batch, *_, channels = value.dims
        now = value.axes
        if len(now) == 4 and now[0] == batch and now[1] == channels:
            return value
        ends = {*batch, *channels}
        rest = [tuple(atom for atom in axis if atom not in ends) for axis in now]
        rest = [axis for axis in rest if axis]
        if len(rest) == 1 and len(rest[0]) > 1:
            rest = [rest[0][:-1], rest[0][-1:]]
        while len(rest) > 2:
            rest = [rest[0] + rest[1], *rest[2:]]
        return self._hold(value, (batch, channels, *[()] * (2 - len(rest)), *rest))

    def _with_own_axis(self, value: Value, dim: int, *, prefix: bool = False) -> tuple[Value, int]:
        """The value held so that a dimension is an axis (or with `prefix` the front of one), and which axis that is."""
        wanted = value.dims[dim]
        if not wanted:
            raise _LayoutError
        for i, axis in enumerate(value.axes):
            if axis == wanted or (prefix and axis[: len(wanted)] == wanted):
                return value, i
        order = flat(value.axes)
        start = next((i for i in range(len(order)) if order[i : i + len(wanted)] == wanted), None)
        if start is None:
            raise _LayoutError
        before: list[Axis] = []
        after: list[Axis] = []
        position = 0
        for axis in value.axes:
            head = tuple(atom for i, atom in enumerate(axis, position) if i < start)
            tail = tuple(atom for i, atom in enumerate(axis, position) if i >= start + len(wanted))
            if head or (not axis and position <= start and not after):
                before.append(head)
            if tail:
                after.append(tail)
            position += len(axis)
        if len(before) + 1 + len(after) > 4 and len(after) > 1:
            after = [flat(after)]  # a phone takes five axes at most, and four gladly
        return self._hold(value, (*before, wanted, *after)), len(before)

    # Operators that compute nothing.

    def _permute(self, node: fx.Node) -> Value:
        value = self._value(node.args[0])
        return value.with_dims([value.dims[dim] for dim in cast(list[int], node.args[1])])

    def _transpose(self, node: fx.Node) -> Value:
        value = self._value(node.args[0])
        dims = list(value.dims)
        i, j = cast(tuple[int, int], node.args[1:])
        dims[i], dims[j] = dims[j], dims[i]
        return value.with_dims(dims)

    def _reshape(self, node: fx.Node) -> Value:
        value = reshaped(self._value(node.args[0]), shape(node))
        if value is None:
            raise _LayoutError
        return value

    def _getitem(self, node: fx.Node) -> Value:
        return cast(list[Value], self.values[cast(fx.Node, node.args[0])])[cast(int, node.args[1])]

    # Operators that take parts, or put them together.

    def _pieces(self, value: Value, dim: int, sizes: Sequence[int]) -> list[Value]:
        value, axis = self._with_own_axis(value, dim, prefix=True)
        node = self._node(value)
        wanted = value.dims[dim]
        rest = value.axes[axis][len(wanted) :]
        split = self._call(aten.split_with_sizes.default, node, [size * size_of(rest) for size in sizes], axis)
        found = []
        for i, size in enumerate(sizes):
            part = new_axis(size, channels=any(atom.channels for atom in wanted))
            axes, dims = list(value.axes), list(value.dims)
            axes[axis], dims[dim] = part + rest, part
            found.append(Value(self._call(operator.getitem, split, i), tuple(axes), tuple(dims)))
        return found

    def _unbind(self, node: fx.Node) -> list[Value]:
        value = self._value(node.args[0])
        dim = argument(node, 1, 0) % len(value.dims)
        pieces = self._pieces(self._apart(value, dim, dim_goes=True), dim, [1] * size_of(value.dims[dim]))
        return [piece.with_dims(piece.dims[:dim] + piece.dims[dim + 1 :]) for piece in pieces]

    def _apart(self, value: Value, dim: int, *, dim_goes: bool) -> Value:
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
        return self._hold(value, axes) if len(axes) == len(value.dims) - dim_goes else value

    def _split(self, node: fx.Node) -> list[Value]:
        value = self._value(node.args[0])
        dim = argument(node, 2, 0) % len(value.dims)
        return self._pieces(
            self._apart(value, dim, dim_goes=False), dim, [int(one.shape[dim]) for one in node.meta["val"]]
        )

    def _select(self, node: fx.Node) -> Value:
        value = self._value(node.args[0])
        dim, index = (cast(int, argument) for argument in node.args[1:])
        size = size_of(value.dims[dim])
        piece = self._piece(value, dim % len(value.dims), index % size, index % size + 1, 1)
        dim %= len(value.dims)
        return piece.with_dims(piece.dims[:dim] + piece.dims[dim + 1 :])

    def _slice(self, node: fx.Node) -> Value:
        value = self._value(node.args[0])
        dim = argument(node, 1, 0) % len(value.dims)
        start, end, step = argument(node, 2, None), argument(node, 3, None), argument(node, 4, 1)
        return self._piece(value, dim, *slice(start, end, step).indices(size_of(value.dims[dim])))

    def _piece(self, value: Value, dim: int, start: int, end: int, step: int) -> Value:
        if isinstance(value.held, Tensor):
            raise _LayoutError
        value, axis = self._with_own_axis(value, dim, prefix=step == 1)
        wanted = value.dims[dim]
        rest = value.axes[axis][len(wanted) :]
        scale = size_of(rest)
        node = self._call(aten.slice.Tensor, self._node(value), axis, start * scale, end * scale, step)
        part = new_axis(len(range(start, end, step)))
        axes, dims = list(value.axes), list(value.dims)
        axes[axis], dims[dim] = part + rest, part
        return Value(node, tuple(axes), tuple(dims))

    def _cat(self, node: fx.Node) -> Value:
        values = [self._value(old) for old in cast(list[fx.Node], node.args[0])]
        dim = argument(node, 1, 0) % len(values[0].dims)
        # The largest tensor stays as it is held, the others follow.
        leader = max(
            range(len(values)), key=lambda i: (isinstance(values[i].held, fx.Node), math.prod(values[i].shape))
        )
        others = [i for i in range(len(values[0].dims)) if i != dim]
        for _ in range(2):  # a later value may split an atom that an earlier one shares with the leader
            for i in range(len(values)):
                if i != leader:
                    pair = refined(values[leader], values[i], [(j, j) for j in others])
                    if pair is None:
                        raise _LayoutError
                    values[leader], values[i] = pair
        values[leader], axis = self._with_own_axis(values[leader], dim)
        first = values[leader]
        parts = []
        for value in values:
            axes = list(first.axes)
            axes[axis] = value.dims[dim]
            parts.append(self._node(self._hold(value, axes)))
        whole = new_axis(sum(size_of(value.dims[dim]) for value in values))
        axes, dims = list(first.axes), list(first.dims)
        axes[axis], dims[dim] = whole, whole
        return Value(self._call(aten.cat.default, parts, axis), tuple(axes), tuple(dims))

    def _repeat(self, node: fx.Node) -> Value:
        value = self._value(node.args[0])
        times = cast(list[int], node.args[1])
        repeated = [i for i, number in enumerate(times) if number > 1]
        if len(times) != len(value.dims) or len(repeated) != 1:
            raise _LayoutError
        (dim,) = repeated
        value, axis = self._with_own_axis(value, dim, prefix=True)
        new = self._call(
            aten.repeat.default, self._node(value), [times[dim] if i == axis else 1 for i in range(len(value.axes))]
        )
        if value.axes[axis] != value.dims[dim]:
            raise _LayoutError
        again = new_axis(times[dim])
        axes, dims = list(value.axes), list(value.dims)
        axes[axis], dims[dim] = again + axes[axis], again + dims[dim]
        return Value(new, tuple(axes), tuple(dims))

    # Operators on each number.

    def _elementwise(self, node: fx.Node) -> Value:
        value = self._value(node.args[0])
        new = self._call(node.target, self._node(value), *node.args[1:], **node.kwargs)
        return Value(new, value.axes, value.dims)

    def _binary(self, node: fx.Node) -> Value:
        first, second = node.args
        if not isinstance(first, fx.Node) or not isinstance(second, fx.Node):
            (old,) = node.all_input_nodes
            value = self._value(old)
            args = [self._node(value) if one is old else one for one in (first, second)]
            return Value(self._call(node.target, *args, **node.kwargs), value.axes, value.dims)
        return self._combined(node.target, self._value(first), self._value(second), **node.kwargs)

    def _combined(self, target: Any, first: Value, second: Value, **kwargs: Any) -> Value:
        rank = max(len(first.dims), len(second.dims))
        first, second = (one.with_dims((*[()] * (rank - len(one.dims)), *one.dims)) for one in (first, second))
        pair = refined(first, second, [(i, i) for i in range(rank)])
        if pair is None:
            raise _LayoutError
        first, second = pair
        dims = tuple(one or other for one, other in zip(first.dims, second.dims, strict=True))
        # The tensor that has all atoms stays as it is held; a constant is the first to follow.
        whole = [one for one in (first, second) if set(flat(one.dims)) == set(flat(dims))]
        if not whole:
            raise _LayoutError
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
            held.append(self._node(self._hold(one, [tuple(atom for atom in axis if atom in own) for axis in axes])))
        new = self._call(target, *held, **kwargs)
        return Value(new, tuple(axes), dims)

    # Operators that need the channels, or the pixels.

    def _linear(self, node: fx.Node) -> Value:
        value = self._value(node.args[0])
        weight, bias = (self._constant(argument(node, i, None)) for i in (1, 2))
        if weight is None:
            raise _LayoutError
        width = new_axis(len(weight), channels=True)
        if len(value.dims) < 3:
            value = self._hold(value, value.dims)
            new = self._call(aten.linear.default, self._node(value), *self._constants(weight, bias))
            dims = (*value.dims[:-1], width)
            return Value(new, dims, dims)
        value = self._channels_first(value)
        self.values[cast(fx.Node, node.args[0])] = value  # whoever reads it next finds it there
        batch, _, *pixels = value.axes
        new = self._call(aten.conv2d.default, self._node(value), *self._constants(weight[:, :, None, None], bias))
        self.count += 1
        return Value(new, (batch, width, *pixels), (*value.dims[:-1], width))

    def _constant(self, node: Any) -> Tensor | None:
        if node is None:
            return None
        held = self._value(node).held
        if isinstance(held, Tensor):
            return held
        raise _LayoutError

    def _constants(self, *tensors: Tensor | None) -> list[fx.Node | None]:
        return [None if tensor is None else constant(self.written, tensor) for tensor in tensors]

    def _layer_norm(self, node: fx.Node) -> Value:
        value = self._value(node.args[0])
        if len(cast(list[int], node.args[1])) != 1 or len(value.dims) < 3:
            raise _LayoutError
        value = self._channels_first(value)
        self.values[cast(fx.Node, node.args[0])] = value  # whoever reads it next finds it there
        weight, bias = (self._constant(argument(node, i, None)) for i in (2, 3))
        new = self._call(channel_layer_norm, self._node(value), *self._constants(weight, bias), argument(node, 4, 1e-5))
        return Value(new, value.axes, value.dims)

    def _mean(self, node: fx.Node) -> Value:
        value = self._value(node.args[0])
        dims = {dim % len(value.dims) for dim in cast(list[int], node.args[1])}
        if node.kwargs or isinstance(value.held, Tensor):
            raise _LayoutError
        gone = {atom for dim in dims for atom in value.dims[dim]}
        keep = argument(node, 2, False)
        left = [axis for axis in value.axes if axis and not gone.issuperset(axis)]
        if any(gone.intersection(axis) for axis in left):
            raise _LayoutError
        result = [() if i in dims else axis for i, axis in enumerate(value.dims) if keep or i not in dims]
        if not keep and [axis for axis in result if axis] == left:
            # Pixels of size 1 go with the others, so that features stay: (N, C, 1, L) -> (N, C).
            drop = [i for i, axis in enumerate(value.axes) if gone.issuperset(axis) and (axis or i > 0)]
            axes = tuple(axis for i, axis in enumerate(value.axes) if i not in drop)
            new = self._call(aten.mean.dim, self._node(value), drop)
            return Value(new, axes, tuple(result))
        drop = [i for i, axis in enumerate(value.axes) if axis and gone.issuperset(axis)]
        axes = tuple(() if i in drop else axis for i, axis in enumerate(value.axes))
        return Value(self._call(aten.mean.dim, self._node(value), drop, True), axes, tuple(result))

    def _softmax(self, node: fx.Node) -> Value:
        value = self._value(node.args[0])
        dim = cast(int, node.args[1]) % len(value.dims)
        value, axis = self._with_own_axis(value, dim)
        return Value(self._call(aten.softmax.int, self._node(value), axis), value.axes, value.dims)

    # Attention.

    def _matmul(self, node: fx.Node) -> Value:
        first, second = (self._value(old) for old in node.args)
        if len(first.dims) < 3 or len(first.dims) != len(second.dims):
            raise _LayoutError
        return self._product(first, second)

    def _product(self, first: Value, second: Value) -> Value:
        """first @ second over the last two dimensions, (..., M, K) and (..., K, N)."""
        rank = len(first.dims)
        pair = refined(first, second, [*[(i, i) for i in range(rank - 2)], (rank - 1, rank - 2)])
        if pair is None:
            raise _LayoutError
        first, second = pair
        batch = first.dims[:-2]
        if batch != second.dims[:-2]:
            raise _LayoutError
        rows = first.dims[-2]
        columns = second.dims[-1]
        one, one_turned = self._operand(first, batch)
        other, other_turned = self._operand(second, batch)
        if _are_channels(columns) and not _are_channels(rows):
            # (first second)^T = second^T first^T: channels come first.
            left = other if other_turned else self._turned(other)
            right = one if one_turned else self._turned(one)
            new = self._call(aten.matmul.default, left, right)
            return Value(new, (*batch, columns, rows), (*batch, rows, columns))
        left = self._turned(one) if one_turned else one
        right = self._turned(other) if other_turned else other
        new = self._call(aten.matmul.default, left, right)
        return Value(new, (*batch, rows, columns), (*batch, rows, columns))

    def _operand(self, value: Value, batch: Sequence[Axis]) -> tuple[fx.Node, bool]:
        """A factor of a product as it lies, and whether that is transposed."""
        rows, columns = value.dims[-2:]
        turned = flat(value.axes) == flat((*batch, columns, rows))
        axes = (*batch, columns, rows) if turned else (*batch, rows, columns)
        return self._node(self._hold(value, axes)), turned

    def _turned(self, node: fx.Node) -> fx.Node:
        return self._call(aten.transpose.int, node, -2, -1)

    def _attention(self, node: fx.Node) -> Value:
        query, key, value = (self._value(old) for old in node.args[:3])
        mask, dropout, causal = argument(node, 3, None), argument(node, 4, 0.0), argument(node, 5, False)
        options = dict(node.kwargs)
        scale = options.pop("scale", None)
        mask = options.pop("attn_mask", mask)
        if dropout or causal or options or len(query.dims) < 3 or len(query.dims) != len(key.dims):
            raise _LayoutError
        if mask is not None and cast(fx.Node, mask).meta["val"].dtype is torch.bool:
            raise _LayoutError
        factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
        query = Value(self._call(aten.mul.Tensor, self._node(query), factor), query.axes, query.dims)
        turned = key.with_dims((*key.dims[:-2], key.dims[-1], key.dims[-2]))
        scores = self._product(query, turned)
        if mask is not None:
            scores = self._combined(aten.add.Tensor, scores, self._value(mask))
        scores, axis = self._with_own_axis(scores, len(scores.dims) - 1)
        weights = self._call(aten.softmax.int, self._node(scores), axis)
        return self._product(Value(weights, scores.axes, scores.dims), value)


def _are_channels(axis: Axis) -> bool:
    return any(atom.channels for atom in axis)


def _fold_layer_scale(network: Network) -> None:
    """Move products with a constant into the convolution or linear layer before them."""
    for node in calls(network, aten.mul.Tensor):
        for x, factor in (node.args, node.args[::-1]):
            if isinstance(x, fx.Node) and _fold_factor(network, x, factor):
                node.replace_all_uses_with(x)
                network.graph.erase_node(node)
                break


def _fold_factor(network: Network, x: fx.Node, factor: Any) -> bool:
    if isinstance(factor, (int, float)):
        found = _rows(network, x)
        if found is None:
            return False
        producer, rows = found
        scale = torch.where(rows, float(factor), 1.0).double()
    else:
        tensor = value_of(network, factor)
        axis = _channels(x) if is_weighted(network, x) and len(x.users) == 1 else None
        if tensor is None or axis is None or tensor.ndim > len(shape(x)):
            return False
        wanted = [1] * (len(shape(x)) - tensor.ndim) + list(tensor.shape)
        if any(size > 1 and i != axis for i, size in enumerate(wanted)):
            return False
        producer, scale = x, tensor.flatten().expand(shape(x)[axis])
    scale_outputs(network, producer, scale, torch.zeros_like(scale))
    return True


def _channels(node: fx.Node) -> int:
    return 1 if node.target in CONVOLUTIONS else len(shape(node)) - 1


def _rows(network: Network, x: fx.Node) -> tuple[fx.Node, Tensor] | None:
    """The convolution that makes x, and which of its channels do: x may be a piece of the split of its output."""
    if len(x.users) > 1:
        return None
    if is_weighted(network, x):
        return x, torch.ones(shape(x)[_channels(x)], dtype=torch.bool)
    if x.target is not operator.getitem:
        return None
    split, index = cast(tuple[fx.Node, int], x.args)
    if split.target is not aten.split_with_sizes.default:
        return None
    whole, sizes, axis = cast(tuple[fx.Node, list[int], int], (*split.args, 0)[:3])
    source = cast(fx.Node, whole.args[0]) if whole.target is aten.reshape.default else whole
    if source.target not in CONVOLUTIONS or not is_weighted(network, source):
        return None
    if any(len(one.users) > 1 for one in (whole, source)):
        return None
    # The axes of the split tensor that make up the channels: 1 to `last`.
    last = next((i for i in range(1, len(shape(whole))) if math.prod(shape(whole)[1 : i + 1]) == shape(source)[1]), 0)
    if shape(whole)[0] != shape(source)[0] or not 1 <= axis <= last:
        return None
    rows = torch.zeros(shape(whole)[1 : last + 1], dtype=torch.bool)
    rows.narrow(axis - 1, sum(sizes[:index]), sizes[index]).fill_(True)
    return source, rows.flatten()


def _fold_norm_affine(network: Network) -> list[str]:
    """Move the affine of LayerNorms into what reads them; the places where it has to stay."""
    skipped = []
    for node in calls(network, channel_layer_norm):
        x, weight, bias, eps = node.args
        gamma, beta = value_of(network, weight), value_of(network, bias)
        if gamma is None and beta is None:
            continue
        behind = readers(network, node, 1)
        if isinstance(behind, str):
            skipped.append(f"{place(node)}: its affine stays, for {behind}")
            continue
        channels = shape(node)[1]
        gamma = torch.ones(channels).double() if gamma is None else gamma
        beta = torch.zeros(channels).double() if beta is None else beta
        for user in behind:
            scale_inputs(network, user, gamma, beta)
        node.args = (x, None, None, eps)
    return skipped
