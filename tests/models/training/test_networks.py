from pathlib import Path

import pytest
import torch

from models import find_model
from models.training.networks import build_network, build_teacher, outputs_of
from models.zoo.errors import CheckpointError, ModelTargetError
from tests.images import NETWORK, Small


@pytest.fixture
def target(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(NETWORK)
    return f"{tmp_path / 'net.py'}:net"


def test_first_weights_follow_from_the_seed(target: str) -> None:
    spec = find_model(target, image_size=32)
    one, again, other = (
        build_network(spec, image_size=32, classes=3, seed=seed).state_dict()["head.weight"] for seed in (0, 0, 1)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_network_of_other_classes_is_refused(target: str) -> None:
    with pytest.raises(ModelTargetError, match="tells 3 classes apart, and the images are of 5"):
        build_network(find_model(target, image_size=32), image_size=32, classes=5, seed=0)


def test_all_but_the_classifier_is_taken_from_a_checkpoint(target: str, tmp_path: Path) -> None:
    theirs = Small(7)
    torch.save(theirs.state_dict(), tmp_path / "seven.pth")
    network = build_network(
        find_model(target, image_size=32),
        image_size=32,
        classes=3,
        seed=0,
        checkpoint=tmp_path / "seven.pth",
        new_classifier=True,
    )
    ours = network.state_dict()
    assert ours["head.weight"].shape == (3, 8)
    assert all(torch.equal(x, ours[name]) for name, x in theirs.state_dict().items() if not name.startswith("head"))


def test_a_new_classifier_of_as_many_classes_is_new(target: str, tmp_path: Path) -> None:
    theirs = Small(3)
    torch.save(theirs.state_dict(), tmp_path / "three.pth")
    spec = find_model(target, image_size=32)
    told = {"image_size": 32, "classes": 3, "seed": 0, "checkpoint": tmp_path / "three.pth"}
    network = build_network(spec, **told, new_classifier=True)  # type: ignore[arg-type]
    assert torch.equal(network.get_parameter("features.0.weight"), theirs.get_parameter("features.0.weight"))
    assert not torch.equal(network.get_parameter("head.weight"), theirs.head.weight)


def test_a_teacher_of_the_zoo_needs_weights() -> None:
    with pytest.raises(CheckpointError, match=r"--teacher efficientmod_xxs=PATH"):
        build_teacher(find_model("efficientmod_xxs"), image_size=224, classes=1000, checkpoint=None)


def test_counting_scores_leaves_a_network_as_it_was() -> None:
    network = Small().train()
    before = {name: x.clone() for name, x in network.state_dict().items()}
    assert outputs_of(network, "small", 32) == 3
    assert network.training
    assert all(torch.equal(x, before[name]) for name, x in network.state_dict().items())
    with pytest.raises(ModelTargetError, match="gives no score for each class"):
        outputs_of(network.features, "small", 32)
