import sys
from pathlib import Path

import pytest
import torch

import models
from exporters import RANDOM, is_network_cached, load_network, obtain_network, sha256_of
from exporters.making.network import save_network
from models import ImageSizeError
from models.zoo import user_file


@pytest.mark.parametrize("name", ["efficientmod_xxs", "mobileone_s1"])  # the second is trained in several branches
def test_a_network_is_built_again_with_the_same_weights(name: str) -> None:
    spec = models.find_model(name)
    made = obtain_network(spec, image_size=64)
    original, _ = models.create_filled(spec, image_size=64)
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(load_network(made.path)(x), original(x))
    assert made.network.sha256 == sha256_of(made.path)
    assert made.network.params == spec.params
    assert str(made.network.weights) == "random(seed 0)"


def test_a_network_is_written_once_and_a_damaged_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path / "own"))
    spec = models.find_model("efficientmod_xxs")
    assert not is_network_cached(spec, image_size=32)
    made = obtain_network(spec, image_size=32)
    assert is_network_cached(spec, image_size=32)
    assert obtain_network(spec, image_size=32) == made
    content = made.path.read_bytes()
    made.path.write_bytes(content[:-1])
    again = obtain_network(spec, image_size=32)
    assert again.note is not None
    assert "made again" in again.note
    assert made.path.read_bytes() == content


def test_a_checkpoint_and_a_network_of_the_users_own_are_written_and_read(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from torch import nn\n\ndef net():\n    return nn.Conv2d(3, 4, 1)\n")
    spec = models.find_model("mine.py:net", image_size=32)
    model = models.create_model("mine.py:net")
    torch.save(model.state_dict(), tmp_path / "trained.pth")
    made = obtain_network(spec, image_size=32, checkpoint=tmp_path / "trained.pth")
    assert made.network.model == "mine.py:net"
    assert made.network.weights.file == "trained.pth"
    loaded = load_network(made.path).state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in model.state_dict().items())


def test_a_network_of_timm_is_built_again(tmp_path: Path) -> None:
    name = "timm:mobilenetv3_small_050"
    original = models.create_model(name)
    save_network(original, tmp_path / "net.safetensors", name=name, image_size=None)
    loaded = load_network(tmp_path / "net.safetensors").state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in original.state_dict().items())


def test_an_image_size_that_the_network_cannot_take_is_refused() -> None:
    with pytest.raises(ImageSizeError):
        obtain_network(models.find_model("efficientmod_xxs"), image_size=1)


def test_what_a_function_returns_is_written_and_random_weights_in_its_place_where_asked(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from torch import nn\n\ndef net():\n    return nn.Conv2d(3, 4, 1)\n")
    spec = models.find_model("mine.py:net", image_size=32)
    own, filled = obtain_network(spec, image_size=32), obtain_network(spec, image_size=32, checkpoint=RANDOM)
    assert [str(each.network.weights) for each in (own, filled)] == ["the function's own", "random(seed 0)"]
    expected = models.create_model("mine.py:net").state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in load_network(own.path).state_dict().items())
    assert not any(torch.equal(value, expected[key]) for key, value in load_network(filled.path).state_dict().items())


def test_a_network_that_imports_what_lies_beside_it_as_it_runs_does_so_where_it_is_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n\nclass net(nn.Linear):\n    def __init__(self):\n        super().__init__(32, 2)\n\n"
        "    def forward(self, x):\n        from late_neighbour import head\n        return head(super().forward(x))\n"
    )
    (tmp_path / "late_neighbour.py").write_text("def head(x):\n    return x.mean((1, 2))\n")
    path = obtain_network(models.find_model("mine.py:net", image_size=32), image_size=32).path
    monkeypatch.setattr(user_file, "_read", {})
    monkeypatch.delitem(sys.modules, "late_neighbour")
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert load_network(path)(torch.zeros(1, 3, 32, 32)).shape == (1, 2)


def test_subnormal_weights_are_counted(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch\nfrom torch import nn\n\ndef net():\n    net = nn.Conv2d(3, 4, 1)\n"
        "    with torch.no_grad():\n        net.weight[:2] = 1e-40\n    return net\n"
    )
    spec = models.find_model("mine.py:net", image_size=32)
    assert obtain_network(spec, image_size=32).network.subnormal_weights == 6
    assert obtain_network(spec, image_size=32, checkpoint=RANDOM).network.subnormal_weights == 0
