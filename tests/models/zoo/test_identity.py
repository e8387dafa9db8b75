from pathlib import Path

import msgspec
import pytest
import torch

from models.zoo.identity import Identity, identity_of

OWN = Identity(name="efficientmod_xxs", num_classes=10, image_size=64, rewrites=("layer_norm_to_batch_norm",))


def test_a_checkpoint_says_what_it_is_of(tmp_path: Path) -> None:
    torch.save({"identity": msgspec.to_builtins(OWN), "state_dict": {"x": torch.zeros(3)}}, tmp_path / "x.pth")
    assert identity_of(tmp_path / "x.pth") == OWN


@pytest.mark.parametrize("content", [{"state_dict": {}}, {"identity": {"name": 3}}, [1], {"identity": "xxs"}])
def test_one_that_says_nothing_is_of_nobody(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "x.pth")
    assert identity_of(tmp_path / "x.pth") is None


def test_nor_is_a_file_of_another_kind_or_none(tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_text("nothing")
    assert identity_of(tmp_path / "x.pth") is None
    assert identity_of(tmp_path / "gone.pth") is None


@pytest.mark.parametrize(
    ("name", "is_it"),
    [
        ("efficientmod_xxs", True),
        ("efficientmod_xxs(num_classes=7)", True),
        ("efficientmod_xs", False),
        ("efficientmod_xxs(depths=(1, 1))", False),
    ],
)
def test_it_is_of_a_network_whatever_its_classes(name: str, is_it: bool) -> None:
    assert OWN.is_of(name) is is_it


def test_and_of_a_function_wherever_its_file_lies() -> None:
    own = msgspec.structs.replace(OWN, name="nets/mine.py:net")
    assert own.is_of("/elsewhere/mine.py:net(num_classes=3)")
    assert not own.is_of("/elsewhere/mine.py:other")
