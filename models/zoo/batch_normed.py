"""LN -> BN as modules that can be trained: LayerNorms out, a BatchNorm behind each layer (the paper's Appendix J).

Given:   y = W LN(x) + b
Result:  y = BN(W x + b)   with   BN(z) = gamma (z - mean) / sqrt(var + eps) + beta

This is what the rewrite `layer_norm_to_batch_norm` of `exporters` makes of a network's graph: the same layers get a
BatchNorm, all that run but the classifier, and those that have one. Here the network stays one of modules, under the
names that it has, so that weights of the LayerNorm network fit the layers of this one, and it can be trained. After
that `merge` folds each BatchNorm into its layer, with s = gamma / sqrt(var + eps):

    y = W' x + b'   with   W' = s W,  b' = s (b - mean) + beta
"""

import copy
import functools
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from models.zoo.errors import BatchNormError

NAME = "layer_norm_to_batch_norm"
"""What a checkpoint calls it among the rewrites of the network that it is of."""

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)
_BATCH_NORM = nn.modules.batchnorm._BatchNorm


class TakenOut(nn.Identity):
    """Stands where a LayerNorm stood."""


class Layer(msgspec.Struct):
    """A convolution or linear layer of a network, by the path of its module, and the BatchNorm behind it."""

    name: str
    module: nn.Module
    norm: nn.Module | None = None
    is_classifier: bool = False


def batch_normed(network: nn.Module, image_size: int, channels: int = 3) -> nn.Module:
    """A copy of a network without LayerNorms and with BatchNorms, which are as they begin.

    Args:
        image_size, channels: of the images that it takes; it is run on one, to see which of its layers run.

    Raises:
        BatchNormError: it has no LayerNorm that could be taken out, or does not run without.
    """
    network = copy.deepcopy(network)
    layers = layers_of(network, image_size, channels)
    norms = [name for name, module in network.named_modules() if isinstance(module, nn.LayerNorm)]
    if not norms:
        raise BatchNormError(f"{type(network).__name__} has no LayerNorm, so there is nothing to take out of it")
    for name in norms:
        if [*network.get_submodule(name).children()]:
            raise BatchNormError(f"{name} is a LayerNorm that does more than normalize; write what else it does apart")
        network.set_submodule(name, TakenOut())
    for layer in layers:
        if layer.norm is None and not layer.is_classifier:
            _add_norm(layer.module)
    layers_of(network, image_size, channels)
    return network


def layers_of(network: nn.Module, image_size: int, channels: int = 3) -> list[Layer]:
    """The layers that run, in the order in which they do so first. The network is left as it is.

    Raises:
        BatchNormError: the network does not run.
    """
    layers: dict[nn.Module, Layer] = {}
    given: list[tuple[Tensor, Layer]] = []  # kept, so that no tensor takes another's place
    paths = {module: name for name, module in network.named_modules()}

    def note_layer(module: nn.Module, _: Any, output: Tensor) -> None:
        layer = layers.setdefault(module, Layer(paths[module], module, getattr(module, "norm_behind", None)))
        given.append((output, layer))

    def note_norm(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        for output, layer in given:
            if output is args[0]:
                layer.norm = module

    hooks = [
        module.register_forward_hook(note_layer)
        if isinstance(module, _WEIGHTED)
        else module.register_forward_pre_hook(note_norm)
        for module in network.modules()
        if isinstance(module, (*_WEIGHTED, _BATCH_NORM))
    ]
    trains = network.training
    like = next(network.parameters(), torch.zeros(0))
    try:
        with torch.no_grad():
            result = network.eval()(torch.zeros(1, channels, image_size, image_size, device=like.device))
    except Exception as error:  # whatever a network of the user's own raises
        said = f"{type(network).__name__} does not run on images of {image_size}x{image_size}"
        raise BatchNormError(f"{said}: {type(error).__name__}: {error}") from error
    finally:
        network.train(trains)
        for hook in hooks:
            hook.remove()
    last = tree_leaves(result)
    for output, layer in given:
        layer.is_classifier |= any(output is each for each in last)
    return list(layers.values())


@functools.cache
def _with_norm_behind(kind: type[nn.Module]) -> type[nn.Module]:
    """The same kind of layer, with what it gives normalized by its `norm_behind`."""

    class Normed(kind):  # type: ignore[misc, valid-type]
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = super().forward(x)
            if isinstance(self, nn.Linear):  # its channels are the last axis
                flat: Tensor = self.norm_behind(y.flatten(0, -2))
                return flat.view_as(y)
            return self.norm_behind(y)

    Normed.__name__ = f"Normed{kind.__name__}"
    return Normed


def _add_norm(layer: nn.Module) -> None:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    norm = nn.BatchNorm2d if isinstance(layer, nn.Conv2d) else nn.BatchNorm1d
    layer.norm_behind = norm(len(weight), device=weight.device)
    layer.__class__ = _with_norm_behind(type(layer))  # type: ignore[arg-type] # mypy: its instances' __hash__


def norms_taken_out(network: nn.Module) -> int:
    """How many LayerNorms a network had before it was made one of BatchNorms; 0 where it was not."""
    return sum(isinstance(module, TakenOut) for module in network.modules())


@torch.no_grad()
def merge(network: nn.Module) -> nn.Module:
    """Fold each BatchNorm that `batch_normed` added into its layer, in place: the network's inference form."""
    for layer in network.modules():
        norm = getattr(layer, "norm_behind", None)
        if not isinstance(norm, _BATCH_NORM):
            continue
        assert isinstance(layer, _WEIGHTED)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        bias = (0 if layer.bias is None else layer.bias.double()) - norm.running_mean.double()
        weight = layer.weight.double() * scale.view(-1, *[1] * (layer.weight.ndim - 1))
        layer.weight.copy_(weight)
        layer.bias = nn.Parameter((scale * bias + norm.bias.double()).to(layer.weight.dtype))
        del layer.norm_behind
        layer.__class__ = type(layer).__mro__[1]
    return network
