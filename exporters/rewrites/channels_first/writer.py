"""Writes a network's graph anew, operator by operator, and knows none of them: it is handed the table of handlers."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from torch import Tensor, fx, nn

from exporters.rewrites.graph import Network, aten, constant, place, shape, word
from exporters.rewrites.layout import Axis, Value, flat, held_as, plain


class LayoutError(Exception):
    """An operator cannot be written for the layout at hand, and is written as the network has it."""


Handler = Callable[["Writer", fx.Node], Any]
"""Writes what an old node computes, and gives its `Value`, or a list of them; it may raise `LayoutError`."""


class Writer:
    """A graph on its way into another.

    Attributes:
        written: the new network.
        values: of an old node: its `Value`, or a list of them. A handler that holds a tensor anew notes it here, and
            whoever reads the node next finds it there.
        count: places that were changed.
        skipped: places where a permute stays, each with its reason.
    """

    def __init__(self, network: Network, handlers: Mapping[Any, Handler]) -> None:
        self.network = network
        self.handlers = handlers
        self.written = Network(nn.Module(), fx.Graph())
        self.graph = self.written.graph
        self.values: dict[fx.Node, Any] = {}
        self.old: fx.Node
        self.count = 0
        self.skipped: list[str] = []

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
                return handler(self, node)
            except LayoutError:
                pass
        return self._other(node)

    def value(self, node: Any) -> Value:
        value = self.values[node]
        if not isinstance(value, Value):
            raise LayoutError
        return value

    def call(self, target: Any, *args: Any, **kwargs: Any) -> fx.Node:
        node = self.graph.call_function(target, args, kwargs)
        node.meta["place"] = place(self.old)
        return node

    def _write_reshape(self, node: fx.Node, sizes: Sequence[int]) -> fx.Node:
        return self.call(aten.reshape.default, node, list(sizes))

    def _write_permute(self, node: fx.Node, dims: Sequence[int]) -> fx.Node:
        self.skipped.append(f"{place(self.old)}: a permute stays, for {word(self.old)} reads another order of axes")
        return self.call(aten.permute.default, node, list(dims))

    def hold(self, value: Value, axes: Sequence[Axis]) -> Value:
        return held_as(value, axes, self._write_reshape, self._write_permute)

    def node_of(self, value: Value) -> fx.Node:
        return constant(self.written, value.held) if isinstance(value.held, Tensor) else value.held

    def _as_the_network_has_it(self, argument: Any) -> Any:
        def write(node: fx.Node) -> Any:
            value = self.value(node)
            value = self.hold(value, value.dims)
            if len(value.dims) == 4:
                self.values[node] = value  # whoever reads it next finds it there
            return self.node_of(value)

        return fx.node.map_arg(argument, write)

    def _other(self, node: fx.Node) -> Any:
        """An operator as the network has it, on tensors as the network has them."""
        kwargs = self._as_the_network_has_it(node.kwargs)
        new = self.call(node.target, *self._as_the_network_has_it(node.args), **kwargs)
        if isinstance(node.meta["val"], Tensor):
            return plain(new, shape(node))
        return [plain(self.call(operator.getitem, new, i), one.shape) for i, one in enumerate(node.meta["val"])]

    def channels_first(self, value: Value) -> Value:
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
        return self.hold(value, (batch, channels, *[()] * (2 - len(rest)), *rest))

    def with_own_axis(self, value: Value, dim: int, *, prefix: bool = False) -> tuple[Value, int]:
        """The value held so that a dimension is an axis (or with `prefix` the front of one), and which axis that is."""
        wanted = value.dims[dim]
        if not wanted:
            raise LayoutError
        for i, axis in enumerate(value.axes):
            if axis == wanted or (prefix and axis[: len(wanted)] == wanted):
                return value, i
        order = flat(value.axes)
        start = next((i for i in range(len(order)) if order[i : i + len(wanted)] == wanted), None)
        if start is None:
            raise LayoutError
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
        return self.hold(value, (*before, wanted, *after)), len(before)
