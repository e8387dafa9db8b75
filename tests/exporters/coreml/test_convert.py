import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import exporters.coreml.convert
from exporters import ComputePrecision, DeploymentTarget, ExportError, InputKind, OutputError
from exporters.coreml.package import read_tensors
from exporters.coreml.program.program import load_program
from models.zoo.images import natural_images
from tests.exporters.coreml.support import write

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel for this platform and Python"
)

FLOAT32 = ComputePrecision.FLOAT32


def with_middle(function: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    class Network(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return function(x).mean(dim=(2, 3))

    return Network().eval()


def test_an_operator_that_the_target_lacks_is_named(tmp_path: Path) -> None:
    model = with_middle(lambda x: nn.functional.pixel_unshuffle(x, 2))
    message = r"cannot convert small for iOS15, which has no operator pixel_unshuffle; give --target iOS16 or later"
    with pytest.raises(ExportError, match=message):
        write(model, tmp_path / "x.mlpackage", target=DeploymentTarget.IOS15)
    assert not list(tmp_path.iterdir())
    assert write(model, tmp_path / "x.mlpackage", target=DeploymentTarget.IOS16).is_dir()


def test_an_operator_that_no_target_has_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"special_i0.*--format onnx may take it"):
        write(with_middle(torch.special.i0), tmp_path / "x.mlpackage")


def test_overlapping_windows_along_two_axes_of_images_become_operators_of_five_axes_at_most(tmp_path: Path) -> None:
    def attend(x: torch.Tensor) -> torch.Tensor:
        windows = x.unfold(2, 8, 6).unfold(3, 8, 6)  # (N, 3, 5, 5, 8, 8)
        return windows.reshape(1, 3, 25, 64) * torch.arange(64.0)

    model = with_middle(attend)
    program = load_program(write(model, tmp_path / "x.mlpackage", input=InputKind.TENSOR, compute_precision=FLOAT32))
    images = natural_images(1, (32, 32), mean=(0.5,) * 3, std=(0.5,) * 3)
    seen = [named for _, named in program.results({"input": images}, precision=FLOAT32)]
    assert max(result.ndim for named in seen for result in named.values()) == 5
    with torch.inference_mode():
        expected = model(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(program.run({"input": images}, precision=FLOAT32)["logits"], expected, rtol=1e-5)


def test_a_network_that_torch_cannot_export_is_traced(
    small: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(torch.export, "export", fail)
    assert read_tensors(write(small, tmp_path / "x.mlpackage"))[1][0].name == "logits"


def test_a_trace_that_holds_for_one_image_alone_is_refused(tmp_path: Path) -> None:
    model = with_middle(lambda x: x if x.mean() > 0 else x * x)
    with pytest.raises(
        ExportError, match=r"^coremltools could not convert small for iOS16: which way it goes, .*torch\.where choose$"
    ):
        write(model, tmp_path / "x.mlpackage")


def test_a_full_temporary_folder_is_not_taken_for_a_fault_of_the_network(
    small: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("[MIL FileWriter]: Unknown error occurred while writing data to the file.")

    monkeypatch.setattr(exporters.coreml.convert, "_convert_graph", full)
    with pytest.raises(OutputError, match=r"cannot write the weights into .*; free some space there"):
        write(small, tmp_path / "x.mlpackage")
    assert not list(tmp_path.iterdir())
