import functools
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from exporters import ArtifactError, OnnxConfig, ParityError
from exporters.onnx.export import export as export_onnx
from exporters.proof.comparison import compare_outputs, moves_enough
from exporters.proof.parity import measure_parity
from models import Preprocessing

export = functools.partial(export_onnx, measure_parity=measure_parity)


def test_parity_fails_for_another_networks_file(small: nn.Module, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    config = OnnxConfig(image_size=32, simplify=False)
    export(small, path, config, Preprocessing())
    with torch.no_grad():
        small.get_parameter("conv.weight")[0, 0, 0, 0] += 0.01
    with pytest.raises(ParityError, match="does not compute what the network computes"):
        measure_parity(small, path, config, Preprocessing())


class TwoHeads(nn.Module):
    """A map of which the values are large, and scores that are small beside them. It takes images of two channels."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.body(x)
        return 1e4 * x, self.head(x.mean((2, 3)))


def test_each_output_is_judged_by_its_own_size(tmp_path: Path) -> None:
    """Beside a map in the thousands, an error of a tenth of the scores would pass for nothing."""
    torch.manual_seed(0)
    network, path, config = TwoHeads().eval(), tmp_path / "x.onnx", OnnxConfig(image_size=16, simplify=False)
    usual = Preprocessing.of_channels(2)
    parity, _, _ = export(network, path, config, usual, outputs=("map", "scores"))
    assert parity.relative_error < 1e-5
    assert [value.name for value in onnx.load(path).graph.output] == ["map", "scores"]
    with torch.no_grad():
        network.head.weight *= 1.1
    with pytest.raises(ParityError, match="does not compute what the network computes"):
        measure_parity(network, path, config, usual)


def test_a_file_of_fewer_outputs_is_not_the_networks(tmp_path: Path) -> None:
    network, config = TwoHeads().eval(), OnnxConfig(image_size=16, simplify=False)
    export(nn.Conv2d(2, 4, 3).eval(), tmp_path / "x.onnx", config, Preprocessing.of_channels(2))
    with pytest.raises(ArtifactError, match=r"x\.onnx gives logits, where 2 outputs are expected"):
        measure_parity(network, tmp_path / "x.onnx", config, Preprocessing.of_channels(2))


def test_nan_of_the_network_itself_is_not_blamed_on_its_file(small: nn.Module, tmp_path: Path) -> None:
    with torch.no_grad():
        small.get_parameter("conv.weight").fill_(torch.nan)
    with pytest.raises(ParityError, match="the network itself gives NaN or infinity"):
        export(small, tmp_path / "x.onnx", OnnxConfig(image_size=32), Preprocessing())


def test_parity_refuses_a_network_that_ignores_its_input(small: nn.Module, tmp_path: Path) -> None:
    with torch.no_grad():
        small.get_parameter("conv.weight").zero_()
    with pytest.raises(ParityError, match="hardly depends on the image"):
        export(small, tmp_path / "x.onnx", OnnxConfig(image_size=32), Preprocessing())


def test_parity_refuses_nan(small: nn.Module, tmp_path: Path) -> None:
    with torch.no_grad():
        small.get_parameter("head.bias")[0] = float("nan")
    with pytest.raises(ParityError):
        export(small, tmp_path / "x.onnx", OnnxConfig(image_size=32), Preprocessing())


@pytest.mark.parametrize(
    ("change", "error", "enough"),
    [
        (3e-4, 1e-7, True),  # a head with biases a thousand times what comes to it
        (3e-4, 4e-5, False),  # a wrong part of what moves
        (9e-6, 0.0, False),  # no more than float32 itself may move it by
        (0.5, 9e-5, True),
        (np.nan, 0.0, False),
    ],
)
def test_equality_says_something_where_outputs_move_by_far_more_than_they_differ(
    change: float, error: float, enough: bool
) -> None:
    outputs = np.eye(3, dtype=np.float32)
    parity = compare_outputs(outputs, outputs, 1e-4)
    assert moves_enough(msgspec.structs.replace(parity, output_change=change, relative_error=error)) is enough
