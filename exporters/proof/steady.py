"""A network that gives something else each time: no file can be proved equal to it."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from exporters.errors import ExportError
from exporters.proof.departure import layers_noted

# Of the largest output. Another order of sums moves far less.
_SAME = 1e-4


def check_steady(name: str, network: nn.Module, x: Tensor) -> Any:
    """What a network gives; one that gives something else for the same images from run to run is refused.

    So is one that changes the images that it is given: whoever feeds them again feeds others.

    Args:
        name: what it is called in the message.
        network: in eval mode.
        x: what it takes.

    Raises:
        ExportError: it does; the operators that draw random numbers are named, with the layers they stand in.
    """
    draws, given = _Draws(), x.clone()
    with torch.inference_mode(), layers_noted(network, draws.layers), draws:
        output = network(given)
    if not torch.equal(given, x):
        raise ExportError(
            f"{name} changes the images that it is given, in place, and a file leaves them as they are; let it change "
            "a copy, x.clone()"
        )
    with torch.inference_mode():
        again = network(given)
    first, second = _numbers(output), _numbers(again)
    if len(first) == len(second) and all(map(_same, first, second)):
        return output
    if not draws.found:
        raise ExportError(
            f"{name} gives other outputs from run to run for the same image, so no file can be proved equal to it, and "
            "it draws no random numbers: something that it keeps changes where it is run. Let forward change neither "
            "attributes nor buffers"
        )
    advice = (
        "Give F.dropout training=self.training, or take" if any("dropout" in each for each in draws.found) else "Take"
    )
    raise ExportError(
        f"{name} draws random numbers where it is run ({', '.join(draws.found)}): it gives other outputs from run to "
        f"run for the same image, so no file can be proved equal to it. {advice} the random operators out"
    )


def _numbers(output: Any) -> list[Tensor]:
    return [x for x in tree_leaves(output) if isinstance(x, Tensor)]


def _same(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape:
        return False
    a, b = (torch.view_as_real(x).double() if x.is_complex() else x.double() for x in (a, b))
    # One that gives NaN or infinity may be steady: it is refused by the proof, which names the layer.
    finite = a[a.isfinite()].abs()
    return torch.allclose(a, b, rtol=0, atol=_SAME * float(finite.max()) if finite.numel() else 0, equal_nan=True)


class _Draws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the operators that draw, each once, with the innermost layer that they stand in."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layers: list[str] = []
        self.found: dict[str, None] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.nondeterministic_seeded in func.tags:
            layer = f" in {self.layers[-1]!r}" if self.layers else ""
            self.found[f"{func.overloadpacket.__name__}{layer}"] = None
        return func(*args, **(kwargs or {}))
