"""MBConv's networks: as EfficientMod's, but for the block."""

import pytest
import torch
import torch.nn.functional as F

import models
from models.mbconv import MBConvBlock


@pytest.mark.parametrize(
    ("name", "hidden_dims"),
    [
        ("mbconv_iso_196", {1254}),
        ("mbconv_iso_256", {1638}),
        ("mbconv_hier_6m", {118, 236, 532, 1184}),
        ("mbconv_hier_13m", {168, 336, 672, 1444}),
    ],
)
def test_hidden_channels_are_those_that_the_papers_figures_need(name: str, hidden_dims: set[int]) -> None:
    blocks = [module for module in models.create_model(name).modules() if isinstance(module, MBConvBlock)]
    assert {block.dwconv.groups for block in blocks} == hidden_dims


@pytest.mark.parametrize(("dim", "depth", "published_m"), [(196, 11, 6.4), (256, 13, 12.4)])
def test_the_ratio_of_appendix_g_does_not_give_the_parameters_of_table_6(
    dim: int, depth: int, published_m: float
) -> None:
    def millions(name: str) -> float:
        return round(sum(p.numel() for p in models.create_model(name).parameters()) / 1e6, 1)

    assert millions(f"mbconv_iso(dim={dim}, depth={depth})") == {196: 7.0, 256: 13.5}[dim]
    assert millions(f"mbconv_iso_{dim}") == published_m
    assert "6.4" in models.find_model(f"mbconv_iso_{dim}").note


@pytest.mark.parametrize(
    ("mbconv", "efficientmod"),
    [
        ("mbconv_iso_196", "efficientmod_iso_196"),
        ("mbconv_iso_256", "efficientmod_iso_256"),
        ("mbconv_hier_6m", "efficientmod_hier_6m"),
        ("mbconv_hier_13m", "efficientmod_s_conv"),
    ],
)
def test_all_but_the_blocks_is_efficientmods(mbconv: str, efficientmod: str) -> None:
    def shapes(name: str) -> dict[str, torch.Size]:
        state = models.create_model(name).state_dict()
        return {key: tensor.shape for key, tensor in state.items() if ".blocks." not in key}

    assert shapes(mbconv) == shapes(efficientmod)


def test_the_block_expands_convolves_and_projects() -> None:
    block = MBConvBlock(4, 2.5, kernel_size=3).eval()
    models.fill(block, image_size=1)
    x = torch.randn(1, 5, 5, 4, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        hidden = F.gelu(block.expand(block.norm(x))).permute(0, 3, 1, 2)  # (1, 10, 5, 5)
        convolved = F.gelu(block.dwconv(hidden)).permute(0, 2, 3, 1)
        torch.testing.assert_close(block(x), x + block.gamma * block.project(convolved))
