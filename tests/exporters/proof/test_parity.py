import functools
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from exporters import ExportError, OnnxConfig, ParityError
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


def test_a_network_that_is_no_classifier_is_told_what_can_be_done(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="only classifiers are exported so far; a file that was exported elsewhere"):
        export(nn.Conv2d(3, 4, 3), tmp_path / "x.onnx", OnnxConfig(image_size=32), Preprocessing())


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
