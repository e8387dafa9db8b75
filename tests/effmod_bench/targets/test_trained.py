"""Whose weights each network has, and how many classes."""

from pathlib import Path

import pytest
import torch

import models
from effmod_bench.errors import TargetError
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs.items import find_targets
from effmod_bench.targets.target import NetworkTarget
from effmod_bench.targets.trained import check_checkpoints, with_weights
from exporters import PRETRAINED, RANDOM
from models import UnknownModelError, find_model
from models.zoo.batch_normed import NAME as LN_TO_BN
from models.zoo.batch_normed import batch_normed
from tests.effmod_bench.runs.test_items import run

XXS, XS = find_model("efficientmod_xxs"), find_model("efficientmod_xs")
OWN = """
from torch import nn

def told(num_classes=1000):
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))

def fixed():
    return told(7)
"""


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of efficientmod_xxs with ten classes."""
    path = tmp_path_factory.mktemp("ten") / "ten.pth"
    torch.save({"state_dict": models.create_model("efficientmod_xxs", num_classes=10).state_dict()}, path)
    return path


def test_one_checkpoint_goes_with_one_network() -> None:
    one = ExportChoices(checkpoint=Path("x.pth"))
    check_checkpoints(one, [XXS])
    for every in (None, PRETRAINED, RANDOM):
        check_checkpoints(ExportChoices(checkpoint=every), [XXS, XS])
    with pytest.raises(
        TargetError, match=r"not efficientmod_xxs, efficientmod_xs, or give each its own: --checkpoint eff"
    ):
        check_checkpoints(one, [XXS, XS])


def test_each_of_several_networks_has_the_checkpoint_of_its_name() -> None:
    choices = ExportChoices(checkpoints=(("efficientmod_xs", Path("xs.pth")), ("own.py:net", Path("own.pth"))))
    found = find_targets(
        run(
            "efficientmod_xxs",
            "efficientmod_xs",
            "efficientmod_s",
            choices=ExportChoices(checkpoints=choices.checkpoints[:1]),
        )
    )
    assert [t.choices.checkpoint for t in found.targets if isinstance(t, NetworkTarget)] == [None, Path("xs.pth"), None]
    with pytest.raises(TargetError, match=r"--checkpoint own\.py:net=own\.pth: own\.py:net is no target; the networks"):
        find_targets(run("efficientmod_xxs", "efficientmod_xs", choices=choices))


def test_an_anchor_that_is_no_target_has_the_checkpoint_of_its_own_name_alone() -> None:
    choices = ExportChoices(checkpoints=(("efficientmod_xxs", Path("xxs.pth")),), num_classes=10)
    found = find_targets(run("efficientmod_xxs", anchor="efficientmod_xs", choices=choices))
    assert [target.name for target in found.targets] == ["efficientmod_xxs(num_classes=10)"]
    assert isinstance(found.anchor, NetworkTarget)
    assert (found.anchor.name, found.anchor.choices.checkpoint) == ("efficientmod_xs", None)


def test_a_checkpoint_says_how_many_classes_its_network_has(ten: Path) -> None:
    found = with_weights(XXS, ExportChoices(checkpoint=ten, image_size=64))
    assert found.spec.name == "efficientmod_xxs(num_classes=10)"
    assert found.spec.params == XXS.params - 990 * (256 + 1)
    assert found.choices == ExportChoices(checkpoint=ten, image_size=64)
    models.load_checkpoint(models.create_model(found.spec.name), ten)
    # Of another network it says nothing: loading it will say what differs.
    assert with_weights(XS, ExportChoices(checkpoint=ten)).spec == XS


def test_and_so_does_one_that_was_trained_without_layer_norms(tmp_path: Path) -> None:
    of_a_thousand = find_model("efficientmod_xxs_conv(depths=(1, 1), dims=(8, 16))")
    network = batch_normed(models.create_model(of_a_thousand.name, num_classes=10), 32)
    identity = {"name": of_a_thousand.name, "num_classes": 10, "image_size": 32, "rewrites": [LN_TO_BN]}
    torch.save({"identity": identity, "state_dict": network.state_dict()}, tmp_path / "bn.pth")
    found = with_weights(of_a_thousand, ExportChoices(checkpoint=tmp_path / "bn.pth", image_size=32))
    assert found.spec.name == "efficientmod_xxs_conv(depths=(1, 1), dims=(8, 16), num_classes=10)"


@pytest.mark.parametrize("name", ["timm:mobilenetv3_small_050", "mobileone_s1"])
def test_classes_are_a_part_of_a_networks_name(name: str) -> None:
    found = with_weights(find_model(name), ExportChoices(num_classes=7))
    assert found.spec.name == f"{name}(num_classes=7)"
    assert models.classes_of(found.spec) == 7
    assert found.choices == ExportChoices()
    model = models.create_model(found.spec.name)
    assert list(model.state_dict().values())[-1].shape == (7,)


def test_a_function_is_told_where_it_takes_that(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    told, fixed = (find_model(f"{tmp_path}/own.py:{name}", image_size=32) for name in ("told", "fixed"))
    torch.save(models.create_model(f"{told.name}(num_classes=5)").state_dict(), tmp_path / "five.pth")
    choices = ExportChoices(checkpoint=tmp_path / "five.pth")
    assert with_weights(told, choices).spec.name == f"{told.name}(num_classes=5)"
    assert with_weights(fixed, choices).spec == fixed
    with pytest.raises(UnknownModelError, match="has no argument 'num_classes'; it has none"):
        with_weights(fixed, ExportChoices(num_classes=5))


def test_timms_own_weights_have_the_classes_that_they_have() -> None:
    with pytest.raises(TargetError, match="timm's own weights have the classes that they have"):
        with_weights(find_model("resnet18"), ExportChoices(checkpoint=PRETRAINED, num_classes=7))
