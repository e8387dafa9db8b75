"""Counting: each kind of layer by its weight, and whole networks as fvcore counted them."""

import csv
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

import models
from models import ModelSpec

# What fvcore 0.1.5 counts for the reference implementations, with attention written as matrix products: the counter
# that reproduces the paper's figures. It is unreleased since 2022, so its figures stand here, not itself.
with (Path(__file__).with_name("fvcore_gmacs.csv")).open(newline="") as file:
    FVCORE_GMACS = {row["name"]: float(row["gmacs"]) for row in csv.DictReader(file)}
# Table 12's BatchNorm networks were counted with their BatchNorms folded.
FOLDED = {"efficientmod_xxs_conv_bn", "efficientmod_xxs_conv_bn_tuned"}


def fold_batch_norms(module: nn.Module) -> None:
    for name, child in module.named_children():
        match list(child.children()):
            case [nn.Conv2d() as conv, nn.BatchNorm2d() as norm]:
                setattr(module, name, fuse_conv_bn_eval(conv.eval(), norm.eval()))
            case _:
                fold_batch_norms(child)


@pytest.mark.parametrize("spec", [models.find_model(name) for name in FVCORE_GMACS], ids=lambda spec: spec.name)
def test_macs_are_within_0_6_percent_of_fvcore(spec: ModelSpec) -> None:
    macs = spec.macs  # which test_zoo.py counts again
    if spec.name in FOLDED:
        model = models.create_model(spec.name)
        fold_batch_norms(model)
        macs = models.count(model, spec.image_size).macs
    assert macs / 1e9 == pytest.approx(FVCORE_GMACS[spec.name], rel=0.006)


def test_every_network_of_a_table_but_one_was_counted_with_fvcore() -> None:
    # Figure 9's are held against the paper's formula, in test_efficientmod_variants.
    missing = {spec.name for spec in models.list_models() if spec.tables} - set(FVCORE_GMACS)
    assert missing == {"pvt_v2_b1"}  # measured inside a segmenter only


class Applied(nn.Module):
    """A function as a network."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def attention(x: Tensor) -> Tensor:
    tokens = x.flatten(2).transpose(1, 2).unsqueeze(1)  # (1, 1, 64, 3)
    return F.scaled_dot_product_attention(tokens, tokens, tokens)


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        pytest.param(nn.Conv2d(3, 5, 3, stride=2, padding=1), 4 * 4 * 5 * 3 * 9, id="convolution"),
        pytest.param(nn.Conv2d(3, 6, 3, padding=1, groups=3), 8 * 8 * 6 * 9, id="depthwise convolution"),
        pytest.param(nn.ConvTranspose2d(3, 3, 2, 2, groups=3), 8 * 8 * 3 * 4, id="transposed convolution"),
        pytest.param(nn.Linear(8, 10), 3 * 8 * 8 * 10, id="linear"),
        pytest.param(Applied(attention), 2 * 64 * 64 * 3, id="attention's two products"),
        pytest.param(nn.LayerNorm(8), 5 * 3 * 64, id="LayerNorm"),
        pytest.param(nn.LayerNorm(8, elementwise_affine=False), 4 * 3 * 64, id="LayerNorm without affine"),
        pytest.param(nn.GroupNorm(1, 3), 5 * 3 * 64, id="GroupNorm"),
        pytest.param(nn.GroupNorm(1, 3, affine=False), 4 * 3 * 64, id="GroupNorm without affine"),
        pytest.param(nn.BatchNorm2d(3), 2 * 3 * 64, id="BatchNorm"),
        pytest.param(nn.BatchNorm2d(3, affine=False), 3 * 64, id="BatchNorm without affine"),
        pytest.param(nn.AdaptiveAvgPool2d(1), 3 * 64, id="pooling to one"),
        pytest.param(nn.AdaptiveAvgPool2d(2), 3 * 64, id="pooling to four"),
        pytest.param(nn.Upsample(scale_factor=2, mode="nearest"), 3 * 256, id="nearest"),
        pytest.param(nn.Upsample(scale_factor=2, mode="bilinear"), 4 * 3 * 256, id="bilinear"),
        pytest.param(nn.GELU(), 0, id="GELU"),
        pytest.param(Applied(lambda x: (x * x + x).softmax(dim=-1)), 0, id="products and sums of elements"),
    ],
)
def test_a_layer_has_its_weight(layer: nn.Module, macs: int) -> None:
    complexity = models.count(nn.Sequential(layer), image_size=8)  # x is (1, 3, 8, 8)
    assert complexity.macs == macs
    assert complexity.params == sum(math.prod(p.shape) for p in layer.parameters())


def test_stages_are_listed_in_order_with_their_shapes_and_add_up() -> None:
    complexity = models.count(models.create_model("efficientmod_xxs"), image_size=224)
    shapes = {stage.name: stage.output_shape for stage in complexity.stages}
    assert list(shapes) == ["patch_embed", "layers.0", "layers.1", "layers.2", "layers.3", "norm", "head"]
    assert shapes["patch_embed"] == (1, 56, 56, 32)
    assert shapes["layers.3"] == (1, 7, 7, 256)
    assert shapes["head"] == (1, 1000)
    assert sum(stage.params for stage in complexity.stages) == complexity.params
    assert sum(stage.macs for stage in complexity.stages) == complexity.macs


def test_macs_follow_the_image_size() -> None:
    model = models.create_model("efficientmod_s_conv")
    # fvcore counts 7.72 G at 512; convolutions and linear layers scale with the area, but for the classifier.
    assert models.count(model, 512).macs / 1e9 == pytest.approx(7.72, abs=0.005)


def test_counting_leaves_the_network_as_it_was() -> None:
    model = models.create_model("efficientmod_xxs")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    models.count(model, image_size=224)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


class ReadsValues(nn.Module):
    """What the meta device cannot run: a tensor that no one registered, and a decision on a value."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.scale = torch.ones(1, 4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x) * self.scale
        return x if x.sum().item() < math.inf else -x


def test_a_network_that_needs_values_is_counted_on_the_cpu() -> None:
    assert models.count(ReadsValues(), image_size=8).macs == 64 * 4 * 3


class Leaves(nn.Module):
    """What no value of the meta device can do: leave for numpy."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(x.numpy() * 2)


def test_so_is_one_that_computes_with_numpy() -> None:
    assert models.count(nn.Sequential(nn.Conv2d(3, 4, 1), Leaves()), image_size=8).macs == 64 * 4 * 3


def test_an_image_of_the_wrong_size_is_the_networks_own_error() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        models.count(nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2)), image_size=16)
