"""What a network gives, as a file gives it: tensors, each under a name."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from exporters.errors import ExportError
from exporters.making.network import INPUT, OUTPUT


class Flat(nn.Module):
    """A network that gives a tuple of tensors, in the place of one that gives them in a dictionary, say."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        found = tuple(tensor for _, tensor in parts(self.network(x)))
        return found if len(found) > 1 else found[0]


def flat(name: str, network: nn.Module, output: Any) -> tuple[nn.Module, tuple[str, ...]]:
    """The network with its outputs in a row, and their names; a network that gives one tensor is left as it is.

    Args:
        name: of the network, for messages.
        network: in eval mode.
        output: what it gives.

    Raises:
        ExportError: it gives no tensor, or complex numbers.
    """
    found = list(parts(output))
    if not found:
        raise ExportError(
            f"{name} gives a {type(output).__name__} without a tensor in it; return tensors, or a dictionary"
        )
    for path, tensor in found:
        if tensor.is_complex():
            which = f"output {_joined(path)!r} of {name}" if path else f"the output of {name}"
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ExportError(
                f"{which} is {kind}, which neither ONNX nor Core ML gives; return its real and imaginary parts, by "
                "torch.view_as_real"
            )
    if isinstance(output, Tensor):
        return network, (OUTPUT,)
    return Flat(network).eval(), _names([path for path, _ in found])


def check_precision(name: str, network: nn.Module, x: Tensor) -> None:
    """Refuse a network that computes in half precision, from which a right file may be as far as a wrong one.

    Args:
        name: of the network, for messages.
        x: what it takes.

    Raises:
        ExportError: a convolution or a product of matrices takes some. What is kept so, and not used so, may stay.
    """
    products = _Products()
    with torch.no_grad(), products:  # in inference mode it would see the layers, and not what they are made of
        network(x.clone())
    halves = products.precisions & {torch.float16, torch.bfloat16}
    if halves:
        kinds = " and ".join(sorted(str(each).removeprefix("torch.") for each in halves))
        raise ExportError(
            f"{name} computes in {kinds}, and files are made of networks in float32: return it in that, with .float() "
            "and without autocast; --compute-precision float16 rounds its file"
        )


class _Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the precisions of what convolutions and products of matrices take."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.precisions: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket in flop_registry:
            self.precisions |= {each.dtype for each in tree_leaves(args) if isinstance(each, Tensor)}
        return func(*args, **(kwargs or {}))


def check_batched(name: str, network: nn.Module, names: Sequence[str], x: Tensor) -> None:
    """Refuse a network of which an output does not grow with the batch, where the batch axis is to stay open.

    Args:
        name: of the network, for messages.
        network, names: as `flat` gives them.
        x: what it takes, of one image or more.

    Raises:
        ExportError: it is one.
    """
    more = torch.cat([x, x[:1]])
    try:
        with torch.inference_mode():
            few, many = ([tensor for _, tensor in parts(network(images))] for images in (x, more))
    except Exception:  # it takes no other batch, of which torch's exporter tells more
        return
    for output, before, after in zip(names, few, many, strict=True):
        sizes = [tuple(tensor.shape) for tensor in (before, after)]
        if not all(sizes) or sizes[1][0] * len(x) != sizes[0][0] * len(more):
            raise ExportError(
                f"output {output!r} of {name} has no batch axis in front: its shape is {sizes[0]} for a batch of "
                f"{len(x)}, and {sizes[1]} for one of {len(more)}; leave --dynamic-batch out, or give it once for each "
                "image"
            )


def own_modules(network: nn.Module, modules: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """What each module gives, by the paths that modules have in the user's network, and not in what stands around it.

    Args:
        network: as `flat` gives it.
        modules: by their paths in that.
    """
    if not isinstance(network, Flat):
        return dict(modules)
    found: dict[str, tuple[str, ...]] = {}
    for path, names in modules.items():
        own = path.removeprefix("network").removeprefix(".")
        found[own] = found.get(own, ()) + names
    return found


def by_name(output: Any) -> dict[str, Tensor]:
    """The tensors of an output, by the names that a file has for them."""
    found = list(parts(output))
    return dict(zip(_names([path for path, _ in found]), (tensor for _, tensor in found), strict=True))


def parts(output: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Tensor]]:
    """The tensors of an output, in its order, each with its place: the keys of dictionaries, and numbers.

    What else stands beside them, None or a number, is passed over.
    """
    if isinstance(output, Tensor):
        yield path, output
    elif isinstance(output, Mapping):
        for key, each in output.items():
            yield from parts(each, (*path, str(key)))
    elif dataclasses.is_dataclass(output):
        for field in dataclasses.fields(output):
            yield from parts(getattr(output, field.name), (*path, field.name))
    elif isinstance(output, tuple | list):
        for place, each in zip(getattr(output, "_fields", range(len(output))), output, strict=True):
            yield from parts(each, (*path, str(place)))


def _names(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Letters, digits and underscores, each name once: what both formats take."""
    if len(paths) == 1:
        return (OUTPUT,)
    names: list[str] = []
    for path in paths:
        name = _joined(path)
        while name in (*names, INPUT):
            name += "_"
        names.append(name)
    return tuple(names)


def _joined(path: tuple[str, ...]) -> str:
    name = re.sub(r"\W", "_", "_".join(path))
    return name if name[:1].isalpha() else f"output_{name}"
