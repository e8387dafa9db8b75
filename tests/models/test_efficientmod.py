import pytest
import timm
import torch

import models
from models.efficientmod import Context, EfficientMod, Fusion, Modulation

VARIANTS = {
    "efficientmod_xxs": (4_736_264, [32, 64, 128, 256]),
    "efficientmod_xs": (6_627_544, [32, 64, 144, 288]),
    "efficientmod_s": (12_897_184, [32, 64, 144, 312]),
    "efficientmod_s_conv": (12_872_336, [40, 80, 160, 344]),
}


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", VARIANTS)
def test_parameters_are_the_published_networks(name: str) -> None:
    assert sum(p.numel() for p in models.create_model(name).parameters()) == VARIANTS[name][0]


def test_the_authors_spelling_is_understood() -> None:
    assert models.find_model("efficientMod_s_Conv").name == "efficientmod_s_conv"
    assert isinstance(models.create_model("efficientMod_xxs"), EfficientMod)


def test_modulation_is_equation_5() -> None:
    block = Modulation(8, 6)
    models.fill(block, image_size=32)
    x = torch.randn(1, 5, 5, 8)
    context = block.context_layer(x)
    v = torch.nn.functional.gelu(block.fc1(x)).view(1, 5, 5, 6, 8)
    expected = block.fc2((v * context[..., None, :]).flatten(3))  # the "reshape" of Fig. 2 instead of the repeat
    torch.testing.assert_close(block(x), expected)


def test_values_have_no_activation_where_they_are_not_widened() -> None:
    block = Modulation(8, 1)
    x = torch.randn(1, 3, 3, 8)
    torch.testing.assert_close(block(x), block.fc2(block.fc1(x) * block.context_layer(x)))


def test_parallel_kernels_are_summed_before_g() -> None:
    context = Context(4, kernel_sizes=(3, 5))
    x = torch.randn(1, 6, 6, 4)
    f = context.f(x).permute(0, 3, 1, 2)
    summed = sum(torch.nn.functional.gelu(conv(f)) for conv in context.context_list)
    assert isinstance(summed, torch.Tensor)
    torch.testing.assert_close(context(x), context.g(summed.permute(0, 2, 3, 1)))


@pytest.mark.parametrize(("switch", "missing"), [("f", 8 * 8 + 8), ("g", 8 * 8 + 8), ("conv", 8 * 49 + 8)])
def test_a_part_of_the_context_can_be_left_out(switch: str, missing: int) -> None:
    whole, part = Context(8), Context(8, **{switch: False})  # type: ignore[arg-type]
    assert count_parameters(whole) - count_parameters(part) == missing
    assert part(torch.randn(1, 4, 4, 8)).shape == (1, 4, 4, 8)


def test_sum_is_a_fusion_too() -> None:
    block = Modulation(8, 1, fusion=Fusion.SUM)
    x = torch.randn(1, 3, 3, 8)
    torch.testing.assert_close(block(x), block.fc2(block.fc1(x) + block.context_layer(x)))


def count_parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_timm_creates_it_with_another_classifier(image: torch.Tensor) -> None:
    model = timm.create_model("efficientmod_xxs", num_classes=7, drop_path_rate=0.1)
    assert model(image).shape == (2, 7)
    assert model.get_classifier().out_features == 7
    model.reset_classifier(0)
    assert model(image).shape == (2, 256)


def test_timm_takes_features_before_each_downsampling(image: torch.Tensor) -> None:
    model = timm.create_model("efficientmod_s", features_only=True)
    assert model.feature_info.channels() == [32, 64, 144, 312]
    assert model.feature_info.reduction() == [4, 8, 16, 32]
    assert [tuple(x.shape) for x in model(image)] == [
        (2, 32, 16, 16),
        (2, 64, 8, 8),
        (2, 144, 4, 4),
        (2, 312, 2, 2),
    ]
    # The dense tasks' backbone of the paper: no final norm, no classifier.
    assert count_parameters(model) == 12_583_560


def test_features_are_those_of_the_classifier(image: torch.Tensor) -> None:
    model = timm.create_model("efficientmod_xxs").eval()
    with torch.inference_mode():
        final, maps = model.forward_intermediates(image, norm=True)
        torch.testing.assert_close(final, model.forward_features(image))
        torch.testing.assert_close(maps[-1].permute(0, 2, 3, 1), final)
        early = model.forward_intermediates(image, indices=[1], stop_early=True, intermediates_only=True)
        torch.testing.assert_close(early[0], maps[1])
    with pytest.raises(ValueError, match="NCHW"):
        model.forward_intermediates(image, output_fmt="NLC")


def test_it_trains_with_stochastic_depth_and_checkpointing(image: torch.Tensor) -> None:
    model = timm.create_model("efficientmod_xxs", drop_path_rate=0.2, num_classes=3)
    model.set_grad_checkpointing()
    model.train()
    model(image).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    rates = [m.drop_prob for m in model.modules() if type(m).__name__ == "DropPath"]
    assert rates == sorted(rates)
    assert rates[0] == 0
    assert rates[-1] == pytest.approx(0.2)


def test_there_are_no_pretrained_weights_to_download() -> None:
    with pytest.raises(RuntimeError, match="pretrained"):
        timm.create_model("efficientmod_xxs", pretrained=True)


def test_repeat_and_reshape_compute_the_same_to_the_bit() -> None:
    narrow = "efficientmod_s(dims=(8, 8, 8, 8), depths=(2, 2, 2, 2), attention_depths=(0, 0, 1, 1), num_classes=9{})"
    repeat, reshape = (models.create_model(narrow.format(more)).double() for more in ("", ", reshape=True"))
    models.fill(repeat, image_size=32)
    reshape.eval().load_state_dict(repeat.state_dict())
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(repeat(x), reshape(x))
    assert {m.reshape for m in reshape.modules() if isinstance(m, Modulation)} == {True}
    assert {m.reshape for m in repeat.modules() if isinstance(m, Modulation)} == {False}
