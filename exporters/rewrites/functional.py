"""A network's graph without operators that change a tensor in place, and with one word for each thing.

Torch makes any graph functional, and takes twice as long for that as for exporting the network. Most networks' graphs
are functional but for a `relu_` whose input nobody else reads, so that is asked for only where it is needed.
"""

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

aten = torch.ops.aten

Call = tuple[Any, tuple[Any, ...]]
"""An operator, and its arguments."""

WITHOUT_EFFECT = {
    aten.alias.default,
    aten.clone.default,
    aten.contiguous.default,
    aten.detach.default,
    aten.lift_fresh_copy.default,
}
_OUT_OF_PLACE: dict[Any, Any] = {
    aten.add_.Tensor: aten.add.Tensor,
    aten.hardsigmoid_.default: aten.hardsigmoid.default,
    aten.hardswish_.default: aten.hardswish.default,
    aten.hardtanh_.default: aten.hardtanh.default,
    aten.leaky_relu_.default: aten.leaky_relu.default,
    aten.mul_.Tensor: aten.mul.Tensor,
    aten.relu_.default: aten.relu.default,
    aten.sigmoid_.default: aten.sigmoid.default,
    aten.silu_.default: aten.silu.default,
}


def _reshaped(node: fx.Node) -> Call:
    return aten.reshape.default, (node.args[0], list(node.meta["val"].shape))


def _split(node: fx.Node) -> Call:
    source, chunks, dim = (*node.args, 0)[:3]
    size = source.meta["val"].shape[dim]  # type: ignore[union-attr]
    return aten.split.Tensor, (source, -(-size // chunks), dim)


_PLAIN_WORDS: dict[Any, Callable[[fx.Node], Call]] = {
    # A view depends on strides, which a rewrite may change.
    aten._unsafe_view.default: lambda node: (aten.reshape.default, node.args),
    aten.view.default: lambda node: (aten.reshape.default, node.args),
    aten.flatten.using_ints: _reshaped,
    aten.unflatten.int: _reshaped,
    aten.expand_as.default: lambda node: (aten.expand.default, (node.args[0], list(node.meta["val"].shape))),
    aten.chunk.default: _split,
}


def functional(program: torch.export.ExportedProgram) -> fx.GraphModule:
    """The graph of a program, in which what `plainly` gives for each operator gives the same and changes nothing."""
    module = program.module()
    if all(node.op != "call_function" or _is_functional(node) for node in module.graph.nodes):
        return module
    return program.run_decompositions({}).module()


def plainly(node: fx.Node) -> Call:
    """What an operator of a functional graph does, in the plainest words."""
    if node.target in _PLAIN_WORDS:
        return _PLAIN_WORDS[node.target](node)
    return _OUT_OF_PLACE.get(node.target, node.target), node.args


def _is_functional(node: fx.Node) -> bool:
    """Whether torch leaves an operator as it is where it makes a graph functional, or writes what `plainly` does."""
    target = node.target
    if target is operator.getitem or target in WITHOUT_EFFECT or target in _PLAIN_WORDS:
        return True
    if target in _OUT_OF_PLACE:
        return _changes_what_nobody_reads(node)
    if target is aten.reshape.default:  # where that takes a copy, torch writes the size that is left open
        source, sizes = node.args
        return -1 not in sizes or bool(source.meta["val"].is_contiguous())  # type: ignore[operator, union-attr]
    if not isinstance(target, torch._ops.OpOverload) or target.namespace != "aten" or target._schema.is_mutable:
        return False
    composed = target.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd)
    return not composed or _gives_new_memory(target)


def _changes_what_nobody_reads(node: fx.Node) -> bool:
    """Whether the input that an operator changes is read by it alone, and it gives no other type of elements."""
    source = node.args[0]
    if not isinstance(source, fx.Node) or len(source.users) != 1:
        return False
    made = source.target in _OUT_OF_PLACE or (
        isinstance(source.target, torch._ops.OpOverload) and _gives_new_memory(source.target)
    )
    tensors = (each.meta["val"] for each in node.all_input_nodes)
    return made and all(isinstance(each, Tensor) and each.dtype == node.meta["val"].dtype for each in tensors)


def _gives_new_memory(target: torch._ops.OpOverload) -> bool:
    return all(value.alias_info is None for value in target._schema.returns)
