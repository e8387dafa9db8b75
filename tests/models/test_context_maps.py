"""The maps that are shown are those that the network computes: each equals a hand computation of its block."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import models
from models import ContextMapError
from models.context_maps import block_names, context_maps
from models.efficientmod import EfficientMod, EfficientModBlock, Fusion
from models.efficientmod_conv import ConvEfficientMod, Norm
from models.efficientmod_variants import _separate_mlp
from models.layers import Mlp

DIMS = (8, 16, 24, 32)
X = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def tiny(**kwargs: Any) -> EfficientMod:
    model = EfficientMod(**({"dims": DIMS, "depths": (1, 2, 1, 1), "ratios": (1, 3)} | kwargs))
    models.fill(model, image_size=64)
    return model


def linear(layer: nn.Module, x: Tensor) -> Tensor:
    """Of the channels, which are last."""
    assert isinstance(layer, nn.Linear)
    return x @ layer.weight.T + layer.bias


def input_of(model: nn.Module, block: nn.Module) -> Tensor:
    """What a block is given, (1, H, W, C)."""
    seen: list[Tensor] = []
    hook = block.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    with torch.inference_mode():
        model(X)
    hook.remove()
    return seen[0]


def mean(x: Tensor) -> npt.NDArray[np.float32]:
    """Over the channels, which are last."""
    return x[0].mean(-1).numpy()


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_the_maps_are_what_equation_5_gives() -> None:
    model = tiny()
    maps = {each.name: each for each in context_maps(model, X)}
    assert list(maps) == ["0.0", "1.0", "1.1", "2.0", "3.0"]
    block: Any = model.stages[1].blocks[1]
    x = F.layer_norm(input_of(model, block), (16,), block.norm.weight, block.norm.bias)
    layer = block.mlp.context_layer
    conv = layer.context_list[0]
    f = linear(layer.f, x).permute(0, 3, 1, 2)
    ctx = linear(layer.g, F.gelu(F.conv2d(f, conv.weight, conv.bias, padding=3, groups=16)).permute(0, 2, 3, 1))
    v = F.gelu(linear(block.mlp.fc1, x))
    found = maps["1.1"]
    assert (found.channels, found.fusion) == (16, Fusion.MUL)
    assert found.context.shape == (8, 8)
    assert found.values.shape == found.modulated.shape == (3, 8, 8)
    close(found.context, mean(ctx))
    for i in range(3):
        chunk = v[..., 16 * i : 16 * (i + 1)]
        close(found.values[i], mean(chunk))
        close(found.modulated[i], mean(chunk * ctx))


@torch.inference_mode()
def test_values_that_are_not_widened_pass_no_gelu() -> None:
    model = tiny()
    block: Any = model.stages[1].blocks[0]
    x = F.layer_norm(input_of(model, block), (16,), block.norm.weight, block.norm.bias)
    (found,) = (each for each in context_maps(model, X) if each.name == "1.0")
    close(found.values, mean(linear(block.mlp.fc1, x))[None])


def test_reading_leaves_the_network_as_it_was() -> None:
    model = tiny()
    with torch.inference_mode():
        before = model(X)
        context_maps(model, X)
        assert torch.equal(model(X), before)
    assert not [module for module in model.modules() if module._forward_hooks or module._forward_pre_hooks]


def test_channels_first_and_channels_last_forms_have_the_same_maps() -> None:
    last = tiny(depths=(1, 1, 2, 1), ratios=(1, 6))
    first = ConvEfficientMod(dims=DIMS, depths=(1, 1, 2, 1), norm=Norm.LAYER).eval()
    weights = last.state_dict()
    first.load_state_dict({name: weights[name].view_as(like) for name, like in first.state_dict().items()})
    for a, b in zip(context_maps(last, X), context_maps(first, X), strict=True):
        assert (a.name, a.channels) == (b.name, b.channels)
        close(a.context, b.context)
        close(a.values, b.values)
        close(a.modulated, b.modulated)


@pytest.mark.parametrize("off", [("f",), ("conv",), ("g",), ("conv", "g"), ("f", "g"), ("f", "conv")])
def test_a_context_without_one_of_its_parts_has_a_map_all_the_same(off: tuple[str, ...]) -> None:
    """Table 5's ablations."""
    maps = context_maps(tiny(**dict.fromkeys(off, False)), X)
    assert [each.context.shape for each in maps] == [(16, 16), (8, 8), (8, 8), (4, 4), (2, 2)]


def test_where_values_and_context_are_added_the_last_map_is_their_sum() -> None:
    for each in context_maps(tiny(fusion=Fusion.SUM), X):
        assert each.fusion is Fusion.SUM
        close(each.modulated, each.values + each.context)


def test_blocks_keep_their_numbers_where_others_stand_between_or_around_them() -> None:
    assert block_names(tiny(depths=(1, 1, 0, 0), attention_depths=(0, 0, 1, 1))) == ("0.0", "1.0")
    separate = tiny(depths=(2, 0, 0, 0), block=_separate_mlp)
    assert [name for name, module in separate.named_modules() if isinstance(module, Mlp)] == ["layers.0.blocks.1.mlp"]
    assert block_names(separate) == ("0.0", "0.1")
    isotropic = tiny(dims=(8,), depths=(11,), ratios=(6,), patch=(14, 14, 0))
    assert block_names(isotropic) == tuple(f"0.{i}" for i in range(11))


def test_blocks_of_another_design_without_numbers_are_called_by_their_place() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = EfficientModBlock(8, 1)
            self.second = EfficientModBlock(8, 1)

    assert block_names(Own()) == ("first.mlp", "second.mlp")


@pytest.mark.parametrize("name", ["mbconv_hier_6m", "van_b0"])
def test_a_network_without_such_blocks_is_refused(name: str) -> None:
    with pytest.raises(ContextMapError, match="no EfficientMod block"):
        block_names(models.create_model(name))


def test_a_map_that_is_no_number_is_refused_by_its_blocks_name() -> None:
    model = tiny()
    block: Any = model.stages[2].blocks[0]
    with torch.no_grad():
        block.mlp.fc1.weight.fill_(float("nan"))
    with pytest.raises(ContextMapError, match=r"block 2\.0 gives NaN"):
        context_maps(model, X)
