"""Table 12's networks: the LayerNorm form is EfficientMod with convolutions, the BatchNorm form has no LayerNorm."""

import pytest
import torch
from torch import nn

import models
from models.efficientmod import EfficientMod
from models.efficientmod_conv import ConvEfficientMod, Norm


def kinds(model: nn.Module, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in model.modules())


def test_layer_norm_form_is_efficientmod_channels_first() -> None:
    linear = EfficientMod(dims=(40, 80, 160, 320), depths=(2, 2, 6, 2))
    models.fill(linear, image_size=64)
    conv = models.create_model("efficientmod_xxs_conv").eval()
    weights = linear.state_dict()
    assert list(conv.state_dict()) == list(weights)
    conv.load_state_dict({name: weights[name].view_as(like) for name, like in conv.state_dict().items()})
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, found = linear.double()(x), conv.double()(x)
    assert (found - expected).abs().max() < 1e-12 * expected.abs().max()


@pytest.mark.parametrize("name", ["efficientmod_xxs_conv_bn", "efficientmod_xxs_conv_bn_tuned"])
def test_batch_norm_form_has_one_batch_norm_a_convolution_and_no_layer_norm(name: str) -> None:
    model = models.create_model(name)
    assert kinds(model, nn.LayerNorm) == 0
    assert kinds(model, nn.BatchNorm2d) == kinds(model, nn.Conv2d)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            assert module.bias is None  # BatchNorm's stands for it
        if isinstance(module, nn.Sequential) and kinds(module, nn.Conv2d) == 1:
            assert [type(child) for child in module] == [nn.Conv2d, nn.BatchNorm2d]


def test_the_first_two_have_the_same_convolutions() -> None:
    assert kinds(models.create_model("efficientmod_xxs_conv"), nn.Conv2d) == 64
    assert kinds(models.create_model("efficientmod_xxs_conv_bn"), nn.Conv2d) == 64


def test_no_permute_is_left_but_round_layer_norms() -> None:
    x = torch.zeros(1, 3, 32, 32)
    for norm, permutes in ((Norm.LAYER, 2 * 17), (Norm.BATCH, 0)):  # 4 embeddings, 12 blocks, 1 at the end
        graph = torch.export.export(ConvEfficientMod(norm=norm).eval(), (x,)).graph
        assert sum(node.target is torch.ops.aten.permute.default for node in graph.nodes) == permutes
