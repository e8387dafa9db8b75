"""A network as a graph of ATen operators with known shapes and readable weights: what the rewrites act on.

`torch.export` gives the graph. What stands between a rewrite and the algebra is taken out first: operators without
effect, several words for one thing, computations on constants alone, and the three outputs of a BatchNorm of which
only one is used.
"""

import operator
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.passes.fake_tensor_prop import FakeTensorProp

from exporters.errors import RewriteError
from exporters.quiet import quiet
from exporters.rewrites.functional import WITHOUT_EFFECT, functional, plainly
from models.zoo.words import decided_by_values, first_line

aten = torch.ops.aten

Network = fx.GraphModule
"""A traced network; `trace` makes it. Every constant is a parameter of its root, every node knows its shape.

Its `meta["name"]` is what messages call it, its `meta["modules"]` are the paths of the modules that it was traced from.
"""


def trace(model: nn.Module, image_size: int, batch_size: int, channels: int = 3, *, name: str | None = None) -> Network:
    """A network's graph for images (batch_size, channels, image_size, image_size). The network itself is not touched.

    Args:
        name: of the network, for messages; else it is called by its class.

    Raises:
        RewriteError: it is in training mode, torch cannot export it, or how large a result is depends on the image.
    """
    name = name or type(model).__name__
    if model.training:
        raise RewriteError(f"{name} is in training mode; call .eval() on it first")
    example = torch.zeros(batch_size, channels, image_size, image_size)
    with quiet("torch"):  # its advice is for its own developers
        try:
            module = functional(torch.export.export(model, (example,)))
        except Exception as error:  # torch raises dozens of types here, its own and Python's
            why = decided_by_values(error) or f"{first_line(error)}; --rewrite none leaves it as it is"
            raise RewriteError(f"torch cannot trace {name}: {why}") from error
    for node in module.graph.nodes:
        if any(not isinstance(size, int) for tensor in tensors_of(node) for size in tensor.shape):
            where = f"in {place(node)!r} of {name} " if place(node) != node.name else f"of {name} "
            raise RewriteError(
                f"how many values {word(node)} {where}gives depends on the image, and the rewrites go by sizes; "
                "--rewrite none leaves it as it is"
            )
    network = _Cleaner(module).clean()
    network.meta["name"] = name
    network.meta["modules"] = frozenset(name for name, _ in model.named_modules())
    return network


class _Cleaner:
    """Copies a graph without what has no effect, constants computed."""

    def __init__(self, module: fx.GraphModule) -> None:
        self.module = module
        self.network = Network(nn.Module(), fx.Graph())
        self.graph = self.network.graph
        self.values: dict[fx.Node, Any] = {}  # of an old node: its new node, or the tensors it always gives

    def clean(self) -> Network:
        for node in self.module.graph.nodes:
            if node.op == "placeholder":
                self.values[node] = image = self.graph.placeholder(node.name)
                image.meta["val"] = node.meta["val"]
            elif node.op == "get_attr":
                self.values[node] = _attribute(self.module, node.target)
            elif node.op == "call_function":
                self.values[node] = self._call(node)
            elif node.op == "output":
                (result,) = cast(tuple[Any, ...], node.args)
                if isinstance(result, (tuple, list)):
                    if len(result) != 1:
                        raise RewriteError(
                            f"only networks with one output are rewritten, and this has {len(result)}: leave --rewrite "
                            "out, or give --rewrite none"
                        )
                    (result,) = result
                self.graph.output(self._argument(result))
        finish(self.network)
        return self.network

    def _call(self, node: fx.Node) -> Any:
        if node.target is aten._assert_tensor_metadata.default:
            return None  # nothing reads it, and what it checks was found when the graph was traced
        if node.target in WITHOUT_EFFECT or (node.target is aten.dropout.default and not node.args[2]):
            return self.values[node.args[0]]  # type: ignore[index]
        if _is_identity(node):
            return self.values[node.args[0]]  # type: ignore[index]
        target, args = plainly(node)
        inputs = [self.values[old] for old in node.all_input_nodes]
        if inputs and not any(_holds_node(value) for value in inputs):
            with torch.no_grad():
                args, kwargs = fx.node.map_arg((args, node.kwargs), lambda old: self.values[old])
                return cast(Callable[..., Any], target)(*args, **kwargs)
        if target is aten._native_batch_norm_legit_no_training.default:
            target, args = aten.batch_norm.default, (*args[:5], False, *args[5:], False)
        elif target is operator.getitem and self._gives_one(node.args[0]):
            return self.values[node.args[0]]  # type: ignore[index]
        args, kwargs = fx.node.map_arg((args, node.kwargs), lambda old: self._argument(self.values[old]))
        new = self.graph.create_node("call_function", target, args, kwargs, name=node.name)
        new.meta["place"] = place(node)
        given = node.meta["val"]
        new.meta["val"] = given[0] if target is aten.batch_norm.default and not isinstance(given, Tensor) else given
        return new

    def _gives_one(self, old: Any) -> bool:
        return self.values[old].target is aten.batch_norm.default

    def _argument(self, value: Any) -> Any:
        if isinstance(value, fx.Node) and value in self.values and value.graph is not self.graph:
            value = self.values[value]
        return constant(self.network, value) if isinstance(value, Tensor) else value


def _holds_node(value: Any) -> bool:
    return isinstance(value, fx.Node)


def _is_identity(node: fx.Node) -> bool:
    source = node.args[0] if node.args else None
    if not isinstance(source, fx.Node) or not all(isinstance(each.meta.get("val"), Tensor) for each in (source, node)):
        return False
    if node.target is aten.permute.default:
        dims = cast(list[int], node.args[1])
        return [dim % len(dims) for dim in dims] == list(range(len(dims)))
    if plainly(node)[0] in (aten.reshape.default, aten.expand.default):
        return shape(node) == shape(source)
    if node.target is aten.slice.Tensor:
        return shape(node) == shape(source) and bool(argument(node, 4, 1) == 1)
    return False


def _attribute(module: nn.Module, path: Any) -> Tensor:
    *parents, name = str(path).split(".")
    for parent in parents:
        module = getattr(module, parent)
    value: Tensor = getattr(module, name)
    return value.detach()


def constant(network: Network, value: Tensor) -> fx.Node:
    """A node that gives `value`; it is placed where the graph is being written."""
    name = f"constant_{len(network._parameters)}"
    network.register_parameter(name, nn.Parameter(value.detach().clone().contiguous(), requires_grad=False))
    node = network.graph.get_attr(name)
    node.meta["val"] = value  # its shape is known without inferring any
    return node


def new_weights(network: Network, node: fx.Node, *tensors: Tensor) -> list[fx.Node]:
    """Constants in float32, for an operator that is to have them in the place of its own.

    Raises:
        RewriteError: it computes in another precision, as where its weights are in that, or autocast rounds them.
    """
    computed = node.meta["val"].dtype
    if computed != torch.float32:
        raise RewriteError(
            f"{network.meta['name']} computes {place(node)!r} in {str(computed).removeprefix('torch.')}, and the "
            "rewrites make weights of float32: return it in float32, without autocast; --rewrite none leaves it as it "
            "is"
        )
    with network.graph.inserting_before(node):
        return [constant(network, tensor.float()) for tensor in tensors]


def value_of(network: Network, node: Any) -> Tensor | None:
    """The tensor that a node always gives, in float64 where it is a fraction; None where it depends on the image."""
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    value = _attribute(network, node.target)
    return value.double() if value.is_floating_point() else value


def place(node: fx.Node) -> str:
    """Where in the network a node stands: the path of its module, or its own name where it has none."""
    if "place" in node.meta:
        return str(node.meta["place"])
    stack = node.meta.get("nn_module_stack") or {}
    paths = [str(path) for path, _ in stack.values()]
    return (paths and paths[-1]) or node.name


def tensors_of(node: fx.Node) -> tuple[Tensor, ...]:
    """What a node gives, as far as that is tensors."""
    given = node.meta.get("val")
    return tuple(each for each in (given if isinstance(given, (tuple, list)) else (given,)) if isinstance(each, Tensor))


def word(node: fx.Node) -> str:
    """What a node does, in PyTorch's word for it."""
    if isinstance(node.target, torch._ops.OpOverload):
        return str(node.target.overloadpacket.__name__)
    return "the output" if node.op == "output" else node.name


def shape(node: Any) -> tuple[int, ...]:
    """The shape of what a node gives."""
    return tuple(int(size) for size in node.meta["val"].shape)


def infer_shapes(network: Network) -> None:
    """Note each node's shape, without computing anything."""
    with torch.no_grad():
        _Shapes(network, FakeTensorMode(allow_non_fake_inputs=True)).propagate(torch.zeros(image_shape(network)))


class _Shapes(FakeTensorProp):
    """Infers once what an operator gives for arguments of the same shapes: a network repeats its blocks."""

    def __init__(self, network: Network, mode: FakeTensorMode) -> None:
        super().__init__(network, mode)
        self.known: dict[Hashable, Any] = {}

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key = (target, _form(args), _form(tuple(kwargs.items())))
        if key not in self.known:
            self.known[key] = super().call_function(target, args, kwargs)
        return self.known[key]


def _form(value: Any) -> Hashable:
    """What decides the shape of a result: of a tensor its own, of any other argument its value."""
    if isinstance(value, Tensor):
        return value.dtype, tuple(value.shape), value.stride()
    if isinstance(value, (list, tuple)):
        return tuple(map(_form, value))
    return type(value), value


def image_shape(network: Network) -> tuple[int, ...]:
    return shape(next(node for node in network.graph.nodes if node.op == "placeholder"))


def finish(network: Network) -> None:
    """Drop nodes and constants that nothing uses, and make the graph callable."""
    network.graph.eliminate_dead_code()
    used = {node.target for node in network.graph.nodes if node.op == "get_attr"}
    for name in [name for name in network._parameters if name not in used]:
        del network._parameters[name]
    # Numbered anew, so that a new constant never takes the name of a living one.
    parameters = dict(network._parameters)
    network._parameters.clear()
    names = {name: f"constant_{i}" for i, name in enumerate(parameters)}
    for name, parameter in parameters.items():
        network._parameters[names[name]] = parameter
    for node in network.graph.nodes:
        if node.op == "get_attr":
            node.target = names[node.target]
    network.graph.lint()
    network.recompile()
    network.eval()


def calls(network: Network, *targets: Any) -> Iterator[fx.Node]:
    """The nodes that call one of `targets`, from input to output; nodes may be erased meanwhile."""
    for node in list(network.graph.nodes):
        if node.op == "call_function" and node.target in targets:
            yield node


def change_each(
    network: Network,
    targets: Sequence[Any],
    change: Callable[[Network, fx.Node], bool | str],
    *,
    keeps_shapes: bool = False,
) -> tuple[int, tuple[str, ...]]:
    """Change a network wherever it calls one of `targets`, from input to output.

    Args:
        change: gives True where it changed the place, False where there is nothing of its kind, and a place with the
            reason where it left that alone.
        keeps_shapes: whatever it leaves in the graph gives what it gave, so that no shape is to be inferred again.

    Returns:
        How many places were changed, and those that were left alone.
    """
    count = 0
    skipped = []
    for node in calls(network, *targets):
        changed = change(network, node)
        if isinstance(changed, str):
            skipped.append(changed)
        else:
            count += changed
    if count:
        finish(network)
        if not keeps_shapes:  # inferring them takes as long as all the rest
            infer_shapes(network)
    return count, tuple(skipped)


# The linear operators, and how a rewrite changes their weights.

POINTWISE = (aten.linear.default,)
CONVOLUTIONS = (aten.conv2d.default, aten.conv1d.default)
WEIGHTED = POINTWISE + CONVOLUTIONS


def argument(node: fx.Node, index: int, default: Any) -> Any:
    return node.args[index] if len(node.args) > index else default


def is_weighted(network: Network, node: Any) -> bool:
    """Whether a node is a convolution or linear layer whose weights are constants."""
    return (
        isinstance(node, fx.Node)
        and node.target in WEIGHTED
        and value_of(network, node.args[1]) is not None
        and (argument(node, 2, None) is None or value_of(network, node.args[2]) is not None)
    )


def is_padded(node: fx.Node) -> bool:
    """Whether zeros stand around a convolution's input."""
    if node.target not in CONVOLUTIONS:
        return False
    padding = argument(node, 4, 0)
    return padding != "valid" and any(padding if isinstance(padding, (list, tuple)) else [padding])


def readers(network: Network, node: fx.Node, axis: int) -> list[fx.Node] | str:
    """The linear operators that take each channel (axis `axis`) of a node's output as it is or averaged over the map.

    So a scale and a shift of the channels can be moved into them (`scale_inputs`). Where something else reads the
    output, what that is.
    """
    found: list[fx.Node] = []
    for user in node.users:
        inner: list[fx.Node] | str
        if is_weighted(network, user) and user.args[0] is node:
            if axis != (len(shape(node)) - 1 if user.target in POINTWISE else 1):
                return f"{place(user)} reads it along another axis"
            if is_padded(user):
                return f"the convolution behind it, {place(user)}, is padded"
            inner = [user]
        elif (after := _channel_axis(user, node, axis)) is not None:
            inner = readers(network, user, after)
        else:
            return f"behind it comes {word(user)}" + (f" at {place(user)}" if user.op == "call_function" else "")
        if isinstance(inner, str):
            return inner
        found += inner
    return found


def _channel_axis(user: fx.Node, node: fx.Node, axis: int) -> int | None:
    """Where the channels are behind an operator that averages or picks pixels; None for any other operator."""
    rank = len(shape(node))
    if user.target is aten.mean.dim:
        dims = {dim % rank for dim in cast(list[int], user.args[1])}
        if axis in dims:
            return None
        return axis if argument(user, 2, False) else axis - sum(dim < axis for dim in dims)
    if user.target is aten.adaptive_avg_pool2d.default:
        return axis if axis == rank - 3 else None
    if user.target is aten.slice.Tensor:
        return axis if argument(user, 1, 0) % rank != axis else None
    if user.target in (aten.reshape.default, aten.squeeze.dims):
        kept = [i for i, size in enumerate(shape(node)) if size != 1 or i in (0, axis)]
        same = tuple(shape(node)[i] for i in kept) == shape(user)
        return kept.index(axis) if same else None
    return None


def weights_of(network: Network, node: fx.Node) -> tuple[Tensor, Tensor]:
    """Weight and bias in float64; a bias that is not there is zero."""
    weight = value_of(network, node.args[1])
    assert weight is not None
    bias = value_of(network, argument(node, 2, None))
    return weight, weight.new_zeros(len(weight)) if bias is None else bias


def set_weights(network: Network, node: fx.Node, weight: Tensor, bias: Tensor) -> None:
    node.args = (node.args[0], *new_weights(network, node, weight, bias), *node.args[3:])


def scale_outputs(network: Network, node: fx.Node, scale: Tensor, shift: Tensor) -> None:
    """Make a linear operator give scale * y + shift, both one number a channel of y."""
    weight, bias = weights_of(network, node)
    set_weights(network, node, weight * scale.view(-1, *[1] * (weight.ndim - 1)), bias * scale + shift)


def scale_inputs(network: Network, node: fx.Node, scale: Tensor, shift: Tensor) -> None:
    """Make a linear operator take x where it took scale * x + shift; it must not be padded (`is_padded`)."""
    weight, bias = weights_of(network, node)
    groups = argument(node, 6, 1) if node.target in CONVOLUTIONS else 1
    # Row o of the weight reads the channels of its group: (O, I / groups).
    scales, shifts = (t.view(groups, -1).repeat_interleave(len(weight) // groups, 0) for t in (scale, shift))
    flat = weight.flatten(2).sum(2) if weight.ndim > 2 else weight
    trailing = [1] * (weight.ndim - 2)
    set_weights(network, node, weight * scales.view(*scales.shape, *trailing), bias + (flat * shifts).sum(1))
