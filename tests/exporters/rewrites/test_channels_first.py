import collections
import warnings
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from exporters import Format
from exporters.rewrites import AUTO, apply, register_with_coremltools
from tests.exporters.rewrites.support import SIZE, TOLERANCE, filled, max_error, operators, rewritten, zoo


def test_every_linear_layer_of_efficientmod_but_the_classifier_is_a_convolution() -> None:
    model = zoo("efficientmod_xxs")
    network, (report,) = rewritten(model, "channels_first")
    found = operators(network)
    assert report.count == 60
    assert (found["conv2d"], found["linear"], found["channel_layer_norm"]) == (76, 1, 23)
    assert found["permute"] == 0
    assert found["transpose"] == 2 * 3  # flags of the products: q and the attention map, in three blocks
    assert max_error(model, network) < TOLERANCE


def test_norm_affines_stay_only_where_the_norm_is_read_as_it_is() -> None:
    _, (report,) = rewritten(zoo("efficientmod_xxs"), "channels_first")
    assert len(report.skipped) == 4
    assert report.skipped[0] == (
        "patch_embed.norm: its affine stays, for behind it comes channel_layer_norm at layers.0.blocks.0.norm"
    )


class Block(nn.Module):
    """A pointwise block of the ConvNeXt kind, channels-last, with LayerScale. (N, 3, H, W) to (N, 3)."""

    def __init__(self, *, gamma: float = 0.5, padding: int = 0) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1)
        self.norm = nn.LayerNorm(8)
        self.conv = nn.Conv2d(8, 8, 1 + 2 * padding, padding=padding)
        self.fc = nn.Linear(8, 8)
        self.gamma = nn.Parameter(torch.full((8,), gamma))
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).permute(0, 2, 3, 1)
        y = self.conv(self.norm(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.head((x + self.gamma * self.fc(y).relu()).mean((1, 2)))


class Gated(nn.Module):
    """A block whose channels are weighed by what its map is in the mean, as timm's squeeze-and-excite has it."""

    def __init__(self, stride: int, *, keep: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=stride, padding=1)
        self.gate = nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(8, 3)
        self.keep = keep

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        if self.keep:
            x = x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid()
        return self.fc(x.permute(0, 2, 3, 1)).mean((1, 2))


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("stride", [1, SIZE], ids=["a map", "one pixel"])
def test_the_mean_of_a_map_of_one_pixel_is_of_each_channel(stride: int, keep: bool) -> None:
    """Without dimensions torch takes the mean of all, channels too."""
    model = filled(Gated(stride, keep=keep))
    network, (report,) = rewritten(model, "channels_first")
    assert report.count == 1
    assert max_error(model, network) < TOLERANCE


def test_layer_scale_stays_behind_an_activation() -> None:
    model = filled(Block())
    network, _ = rewritten(model, "channels_first")
    assert operators(network)["mul"] == 1
    assert max_error(model, network) < TOLERANCE


def test_an_affine_with_a_zero_is_folded_for_nothing_is_divided() -> None:
    model = filled(Block())
    assert isinstance(model, Block)
    with torch.no_grad():
        model.norm.weight[0] = 0
    network, (report,) = rewritten(model, "channels_first")
    assert report.skipped == ()
    norms = [node for node in network.graph.nodes if "channel_layer_norm" in str(node.target)]
    assert [node.args[1:3] for node in norms] == [(None, None)]
    assert max_error(model, network) < TOLERANCE


def test_an_affine_before_a_padded_convolution_stays() -> None:
    model = filled(Block(padding=1))
    network, (report,) = rewritten(model, "channels_first")
    assert report.skipped == ("norm: its affine stays, for the convolution behind it, conv, is padded",)
    assert max_error(model, network) < TOLERANCE


def test_what_reads_another_order_of_axes_gets_it_and_is_named() -> None:
    class Sorted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x.permute(0, 2, 3, 1)).cumsum(1).flatten(1)

    model = filled(Sorted())
    network, (report,) = rewritten(model, "channels_first")
    assert report.count == 1
    assert report.skipped == ("cumsum: a permute stays, for cumsum reads another order of axes",)
    assert operators(network)["permute"] == 1
    assert max_error(model, network) < 1e-4  # sums of 64 values


@pytest.mark.parametrize("name", ["deit_tiny", "timm:vit_tiny_patch16_224", "timm:convnext_atto", "pvt_tiny"])
def test_tokens_and_maps_of_other_families_need_no_permute(name: str) -> None:
    model = zoo(name, 224)
    network, _ = rewritten(model, size=224)
    assert operators(network)["permute"] == 0
    assert max_error(model, network, 224) < TOLERANCE


def test_onnx_has_two_transposes_a_norm(tmp_path: Path) -> None:
    network, _ = apply(zoo("efficientmod_xxs_conv"), SIZE)
    path = tmp_path / "network.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter narrates
        torch.onnx.export(network, (torch.zeros(1, 3, SIZE, SIZE),), path, dynamo=True, verbose=False)
    found = collections.Counter(node.op_type for node in onnx.load(path).graph.node)
    assert found["LayerNormalization"] == 17
    assert found["Transpose"] <= 2 * 17
    assert found["Conv"] == 64 + 4  # and the affines of the norms that a sum reads


@pytest.mark.parametrize(
    ("name", "norms", "convolutions", "at_most"),
    [
        ("efficientmod_xxs", 23, 76, 180),
        ("efficientmod_s", 41, 136, 335),
        ("efficientmod_s_conv", 33, 144, 295),
        ("efficientmod_xxs_conv_bn", 0, 64, 116),
    ],
)
@pytest.mark.filterwarnings("ignore")  # coremltools warns of every version of torch that it was not made with
def test_core_ml_has_no_transpose_and_one_operator_a_norm(
    name: str, norms: int, convolutions: int, at_most: int
) -> None:
    ct = pytest.importorskip("coremltools", reason="coremltools has no wheel for this platform or Python")
    register_with_coremltools()
    network, _ = apply(zoo(name), SIZE, 1, AUTO[Format.COREML])  # the operators are the same at each image size
    example = torch.zeros(1, 3, SIZE, SIZE)
    program = ct.convert(
        torch.export.export(network, (example,)).run_decompositions({}),
        minimum_deployment_target=ct.target.iOS16,
        compute_precision=ct.precision.FLOAT32,
        convert_to="milinternal",
    )
    found = collections.Counter(op.op_type for op in program.functions["main"].operations if op.op_type != "const")
    assert (found["transpose"], found["batch_norm"]) == (0, 0)
    assert (found["layer_norm"], found["conv"]) == (norms, convolutions)
    assert sum(found.values()) <= at_most
