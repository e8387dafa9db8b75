"""The ablations: what each leaves out or adds, at the place the paper says."""

import pytest
import torch
from torch import nn

import models
from models.efficientmod import EfficientModBlock, Modulation
from models.efficientmod_variants import SeparateMlpBlock


def modulations(name: str) -> list[Modulation]:
    return [module for module in models.create_model(name).modules() if isinstance(module, Modulation)]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("efficientmod_s_conv_f_only", {"f"}),
        ("efficientmod_s_conv_conv_only", {"conv"}),
        ("efficientmod_s_conv_g_only", {"g"}),
        ("efficientmod_s_conv_no_g", {"f", "conv"}),
        ("efficientmod_s_conv_no_f", {"conv", "g"}),
        ("efficientmod_s_conv_sum", {"f", "conv", "g"}),
    ],
)
def test_an_identity_stands_for_each_part_left_out(name: str, kept: set[str]) -> None:
    for modulation in modulations(name):
        context = modulation.context_layer
        parts = {"f": context.f, "conv": context.context_list[0], "g": context.g}
        assert {part for part, module in parts.items() if not isinstance(module, nn.Identity)} == kept


def test_values_and_context_are_multiplied_or_added() -> None:
    product = modulations("efficientmod_s_conv")[0].eval()
    total = modulations("efficientmod_s_conv_sum")[0].eval()
    total.load_state_dict(product.state_dict())
    x = torch.randn(1, 4, 4, 40, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        values, context = product.fc1(x), product.context_layer(x)  # r = 1: no GELU, no repetition
        torch.testing.assert_close(product(x), product.fc2(values * context))
        torch.testing.assert_close(total(x), product.fc2(values + context))


@pytest.mark.parametrize("sizes", [(3, 3), (3, 5), (3, 7), (5, 5), (5, 7), (3, 5, 7)])
def test_kernel_sizes_are_parallel_convolutions(sizes: tuple[int, ...]) -> None:
    name = "efficientmod_s_conv_k" + "_".join(map(str, sizes))
    for modulation in modulations(name):
        convs = modulation.context_layer.context_list
        assert [conv.kernel_size for conv in convs] == [(size, size) for size in sizes]
        assert all(conv.groups == conv.in_channels for conv in convs)


def test_the_separate_mlp_takes_the_widening_out_of_the_modulation() -> None:
    layers = models.create_model("efficientmod_s_conv_mlp").get_submodule("layers")
    assert {modulation.ratio for modulation in modulations("efficientmod_s_conv_mlp")} == {1}
    for stage in layers.children():
        blocks = list(stage.get_submodule("blocks").children())
        for narrow, wide in zip(blocks[0::2], blocks[1::2], strict=True):
            assert isinstance(narrow, EfficientModBlock)
            assert isinstance(wide, SeparateMlpBlock)
            assert wide.mlp.fc1.out_features == 5 * wide.mlp.fc1.in_features


def test_the_separate_mlp_is_a_residual_branch_of_its_own() -> None:
    block = SeparateMlpBlock(8, 6).eval()
    models.fill(block, image_size=1)
    x = torch.randn(1, 4, 4, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        y = block.modulation(x)
        torch.testing.assert_close(block(x), y + block.gamma_2 * block.mlp(block.norm2(y)))


@pytest.mark.parametrize(
    ("name", "dim", "depth"), [("efficientmod_iso_196", 196, 11), ("efficientmod_iso_256", 256, 13)]
)
def test_isotropic_networks_keep_16x16_tokens(name: str, dim: int, depth: int) -> None:
    stages = models.count(models.create_model(name), 224).stages
    assert [stage.output_shape for stage in stages[:2]] == [(1, 16, 16, dim)] * 2
    assert [modulation.ratio for modulation in modulations(name)] == [6] * depth


@pytest.mark.parametrize(("dim", "kernel_size"), [(64, 3), (192, 11)])
@pytest.mark.parametrize(("name", "channels"), [("efficientmod_iso", 1), ("mbconv_iso", 7)])
def test_a_block_of_figure_9_takes_the_papers_macs_a_token(
    name: str, channels: int, dim: int, kernel_size: int
) -> None:
    def macs(depth: int) -> int:
        name_ = f"{name}(depth={depth}, dim={dim}, kernel_size={kernel_size})"
        return models.find_model(name_).macs

    layer_norm = 5 * dim
    assert macs(2) - macs(1) == 256 * (14 * dim**2 + channels * kernel_size**2 * dim + layer_norm)


def test_figure_9s_design_is_table_6s() -> None:
    own, table = models.find_model("efficientmod_iso(depth=13, dim=256)"), models.find_model("efficientmod_iso_256")
    assert (own.params, own.macs) == (table.params, table.macs)
