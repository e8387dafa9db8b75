from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import models
from models import CheckpointError, WeightsSource


def test_the_filling_depends_on_the_seed_alone() -> None:
    first, second, other = (models.create_model("efficientmod_xxs") for _ in range(3))
    weights = models.fill(first, image_size=64)
    models.fill(second, image_size=64)
    models.fill(other, image_size=64, seed=1)
    assert str(weights) == "random(seed 0)"
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_the_filling_does_not_depend_on_the_number_of_threads() -> None:
    """Or the hash of a file would: BatchNorm's statistics are sums, and those of several threads differ in the end."""
    threads = torch.get_num_threads()
    found = []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            model = models.create_model("mobilenetv2_100")
            models.fill(model, image_size=96)
            assert torch.get_num_threads() == number
            found.append(model.state_dict())
    finally:
        torch.set_num_threads(threads)
    first, *others = found
    assert all(torch.equal(first[name], other[name]) for other in others for name in first)


def test_the_filling_lets_the_output_move_with_the_input(trained: torch.nn.Module) -> None:
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        y = trained.eval()(x)
    assert y.isfinite().all()
    assert (y[0] - y[1]).abs().max() > 0.1 * y.abs().max()
    gamma = trained.get_parameter("layers.0.blocks.0.gamma_1")
    assert gamma.abs().mean() > 0.5  # LayerScale's own 1e-4 would hide the branch behind it


def test_timms_own_weights_are_loaded_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = models.find_model("resnet18")
    published, _ = models.create_filled(spec, image_size=32)
    safetensors.torch.save_file(published.state_dict(), tmp_path / "model.safetensors")
    # The one step that needs the internet; what timm does with the file is real.
    monkeypatch.setattr("timm.models._hub.hf_hub_download", lambda **_: str(tmp_path / "model.safetensors"))
    model, weights = models.create_pretrained(spec)
    assert torch.equal(model.get_parameter("fc.weight"), published.get_parameter("fc.weight"))
    assert weights.source is WeightsSource.PRETRAINED
    assert str(weights).startswith("pretrained(timm/resnet18.")


def test_weights_that_cannot_be_fetched_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(**_: Any) -> str:
        raise OSError("no connection")

    monkeypatch.setattr("timm.models._hub.hf_hub_download", offline)
    with pytest.raises(CheckpointError, match="timm's weights for resnet18 cannot be had"):
        models.create_pretrained(models.find_model("resnet18"))


def test_a_network_that_is_not_timms_says_where_its_weights_are() -> None:
    with pytest.raises(CheckpointError, match=r"ma-xu/EfficientMod: give the file, --checkpoint PATH"):
        models.create_pretrained(models.find_model("efficientmod_xxs"))
