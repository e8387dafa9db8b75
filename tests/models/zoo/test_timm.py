"""timm's networks: their inference form, their two heads, and other image sizes than timm's."""

import pytest
import timm
import torch
from timm.models.byobnet import MobileOneBlock
from timm.models.efficientformer import Attention

import models
from models import Form, ImageSizeError
from models.zoo import timm as timm_zoo


def params(name: str, form: Form | str = Form.INFERENCE) -> int:
    return sum(p.numel() for p in models.create_model(name, form=form).parameters())


@pytest.mark.parametrize(
    ("name", "inference", "training"),
    [
        ("mobileone_s1", 4.765, 4.825),
        ("mobileone_s2", 7.808, 7.885),
        ("mobileone_s4", 14.838, 14.951),
        ("repvgg_a1", 12.790, 14.092),
        ("timm:repvit_m1", 5.067, 5.485),
    ],
)
def test_branches_are_merged_unless_the_training_form_is_asked_for(
    name: str, inference: float, training: float
) -> None:
    assert round(params(name) / 1e6, 3) == inference
    assert round(params(name, form="training") / 1e6, 3) == training


def test_the_merged_branches_are_counted() -> None:
    blocks = [
        m for m in models.create_model("mobileone_s1", form="training").modules() if isinstance(m, MobileOneBlock)
    ]
    branches = [part for m in blocks for part in (*m.conv_kxk, m.conv_scale, m.identity) if part is not None]
    assert models.merged_branches(models.find_model("mobileone_s1")) == len(branches) > len(blocks)
    assert models.merged_branches(models.find_model("mobilenetv2_100")) == 0
    assert models.merged_branches(models.find_model("efficientmod_xxs")) == 0


@pytest.mark.parametrize("name", ["mobileone_s1", "repvgg_a1"])
def test_merging_keeps_the_outputs(name: str) -> None:
    spec = models.find_model(name)
    model = models.create_model(name, form=Form.TRAINING)
    models.fill(model, image_size=64)
    model.double()
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = model(x)
    merged = models.reparameterize(spec, model)
    with torch.inference_mode():
        found = merged(x)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in merged.modules())
    assert (found - expected).abs().max() < 1e-10 * expected.abs().max()


@pytest.mark.parametrize("name", ["efficientformer_l1", "efficientformerv2_s0", "deit_tiny"])
def test_two_heads_stay_two(name: str) -> None:
    model = models.create_model(name)
    heads = [child for child, _ in model.named_children() if child.startswith("head")]
    assert [head for head in heads if head != "head_drop"] == ["head", "head_dist"]


def test_efficientformers_rebuilt_bias_is_timms_at_the_size_that_timm_has() -> None:
    theirs = next(m for m in timm.create_model("efficientformer_l1").modules() if isinstance(m, Attention))
    ours = next(m for m in models.create_model("efficientformer_l1").modules() if isinstance(m, Attention))
    learned = torch.randn(ours.attention_biases.shape, generator=torch.Generator().manual_seed(0))
    ours.attention_biases.data.copy_(learned)
    timm_zoo.rebuild_bias(ours, (7, 7))
    assert torch.equal(ours.attention_bias_idxs, theirs.attention_bias_idxs)
    torch.testing.assert_close(ours.attention_biases.detach(), learned)


def test_a_learned_bias_is_stretched_over_the_offsets_of_a_larger_map() -> None:
    attention = next(m for m in models.create_model("efficientformer_l1").modules() if isinstance(m, Attention))
    learned = torch.arange(7.0).expand(8, 7, 7)  # by how far apart two tokens' columns are, in 8 heads
    attention.attention_biases.data.copy_(learned.flatten(1))
    timm_zoo.rebuild_bias(attention, (13, 13))
    found = attention.attention_biases.detach().view(8, 13, 13)[:, :, ::2]
    torch.testing.assert_close(found, torch.arange(7.0).expand(8, 13, 7))


def test_efficientformers_bias_knows_each_offset_on_a_larger_map() -> None:
    model = models.create_model("efficientformer_l1", image_size=512)
    attention = next(m for m in model.modules() if isinstance(m, Attention))
    index = attention.attention_bias_idxs.view(16, 16, 16, 16)  # from (row, column) to (row, column)
    assert index[2, 3, 2, 3] == 0
    assert index[2, 3, 7, 4] == index[7, 4, 2, 3] == index[7, 3, 2, 4] == 5 * 16 + 1
    assert index.max() == 16 * 16 - 1


def test_efficientformers_bias_knows_each_offset_on_a_map_that_is_no_square() -> None:
    attention = Attention(dim=448)
    timm_zoo.rebuild_bias(attention, (3, 5))
    index = attention.attention_bias_idxs.view(3, 5, 3, 5)  # from (row, column) to (row, column)
    assert index[2, 0, 0, 4] == index[0, 0, 2, 4] == index[0, 4, 2, 0] == 2 * 5 + 4
    assert attention.attention_biases.shape == (8, 15)


def test_a_network_of_fixed_size_is_rebuilt_for_another() -> None:
    model = models.create_model("deit_tiny", image_size=384)
    assert model.pos_embed.shape == (1, 24 * 24 + 2, 192)


def test_a_network_that_timm_builds_for_one_size_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(name: str, *, pretrained: bool) -> None:
        """A network without an argument `img_size`."""

    monkeypatch.setattr(timm, "create_model", create)
    with pytest.raises(ImageSizeError, match="timm builds deit_tiny_patch16_224 for images of 224x224 alone, not 256"):
        models.create_model("timm:deit_tiny_patch16_224", image_size=256)


def test_arguments_go_to_timm() -> None:
    assert models.create_model("resnet18", num_classes=10).get_submodule("fc").out_features == 10
