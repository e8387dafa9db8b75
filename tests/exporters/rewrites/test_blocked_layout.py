from collections import Counter
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from exporters import Format, OnnxConfig, obtain
from exporters.rewrites import AUTO, apply
from models import find_model
from tests.exporters.rewrites.support import SIZE, TOLERANCE, filled, max_error, operators, rewritten, zoo


class Stem(nn.Module):
    """A normalized map that a sum reads, then channels side by side. (N, 3, H, W) to (N, 3)."""

    def __init__(self, *, residual: bool = True, affine: bool = True, bias: bool = True) -> None:
        super().__init__()
        self.residual = residual
        self.proj = nn.Conv2d(3, 16, 4, 4)
        self.norm = nn.LayerNorm(16, elementwise_affine=affine, bias=bias)
        self.fc = nn.Conv2d(16, 16, 3, padding=1)
        self.head = nn.Linear(48, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.proj(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        y = self.fc(x).relu()
        x = x + y if self.residual else y
        return self.head(x.repeat(1, 3, 1, 1).mean((2, 3)))


@pytest.mark.parametrize("bias", [True, False])
def test_an_affine_that_a_sum_reads_is_a_depthwise_convolution(bias: bool) -> None:
    model = filled(Stem(bias=bias))
    before, _ = rewritten(model, "channels_first")
    network, (_, report) = rewritten(model, "channels_first", "blocked_layout")
    assert report.count == 2  # with the repeat
    assert operators(network)["conv2d"] == operators(before)["conv2d"] + 1
    (norm,) = (node for node in network.graph.nodes if "channel_layer_norm" in str(node.target))
    assert norm.args[1:3] == (None, None)
    (conv,) = norm.users
    assert conv.args[6] == 16
    assert max_error(model, network) < TOLERANCE


def test_an_affine_that_no_sum_reads_stays_in_its_norm() -> None:
    model = filled(Stem(residual=False))
    network, (_, report) = rewritten(model, "channels_first", "blocked_layout")
    assert (report.count, operators(network)["conv2d"]) == (1, 2)
    assert max_error(model, network) < TOLERANCE


def test_a_norm_without_an_affine_stays_as_it_is() -> None:
    network, (_, report) = rewritten(filled(Stem(affine=False)), "channels_first", "blocked_layout")
    assert (report.count, operators(network)["conv2d"]) == (1, 2)


def test_a_repeat_of_channels_is_a_concatenation() -> None:
    network, _ = rewritten(filled(Stem()), "channels_first", "blocked_layout")
    assert (operators(network)["cat"], operators(network)["repeat"]) == (1, 0)


def test_a_repeat_of_pixels_stays() -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.proj = nn.Conv2d(3, 16, 4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.proj(x).repeat(1, 1, 2, 1).mean((2, 3))

    network, (report,) = rewritten(filled(Wide()), "blocked_layout")
    assert (report.count, operators(network)["repeat"]) == (0, 1)


def test_efficientmod_has_four_such_norms_and_a_repeat_in_each_widened_block() -> None:
    model = zoo("efficientmod_xxs")
    network, reports = rewritten(model)
    assert {report.name: report.count for report in reports}["blocked_layout"] == 4 + 6
    assert max_error(model, network) < TOLERANCE


def test_a_batch_of_several_images_stays_equal() -> None:
    model = filled(Stem())
    network, _ = apply(model, SIZE, 2)
    x = torch.randn(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert (model(x) - network(x)).abs().max() < TOLERANCE


def test_the_runtime_adds_and_repeats_without_leaving_its_blocks(tmp_path: Path) -> None:
    made = obtain(find_model("efficientmod_xxs"), OnnxConfig(image_size=SIZE, rewrites=AUTO[Format.ONNX]))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3  # it warns that the optimized file is for this machine alone
    onnxruntime.InferenceSession(made.path, options, providers=["CPUExecutionProvider"])
    found = Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)
    if not found["ReorderInput"]:
        pytest.skip("ONNX Runtime has no blocked layout on this processor")
    assert (found["Add"], found["Tile"], found["Concat"]) == (0, 0, 6)
    assert made.artifact.parity is not None
    assert made.artifact.parity.relative_error < 1e-5
