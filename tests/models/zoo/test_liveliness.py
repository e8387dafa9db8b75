"""How fast outputs follow inputs, and a filling that float32 can follow."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import models
from models import Preprocessing
from models.zoo.liveliness import FOLLOWED, liveliness


class Computing(nn.Module):
    """A network that is a function of images."""

    def __init__(self, function: Callable[[Tensor], object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(x)


def lively(function: Callable[[Tensor], object]) -> float | None:
    return liveliness(Computing(function).eval(), 16, Preprocessing())


def loud_where_bright(x: Tensor) -> Tensor:
    """Steady for each image by itself, and a thousand times as large for one that is bright."""
    return x * (1000 if float(x.mean()) > 0.1 else 1)


def test_outputs_that_are_the_inputs_move_as_they_do_and_those_that_follow_faster_move_by_more() -> None:
    own = lively(lambda x: x)
    assert own is not None
    assert 1 < own < 10  # the factor of a number may be off by several millionths
    fast = lively(lambda x: torch.sin(1e4 * x))
    assert fast is not None
    assert fast > 1000 * own
    assert lively(lambda x: {"steady": x, "fast": [torch.sin(1e4 * x)]}) == pytest.approx(fast)
    assert lively(lambda x: (x > 0).long()) == 0  # nothing that could move


def test_an_image_whose_outputs_are_far_larger_than_the_others_is_lively() -> None:
    loud = lively(loud_where_bright)
    assert loud is not None
    assert loud > FOLLOWED


def test_nan_is_livelier_than_anything() -> None:
    assert lively(lambda x: x / 0 * 0) == float("inf")


def test_of_a_network_that_does_not_run_in_float64_nothing_is_said() -> None:
    assert lively(lambda x: x.flatten(1) @ torch.ones(3 * 16 * 16, 4)) is None


def test_the_network_is_left_as_it_is() -> None:
    network = nn.Conv2d(3, 4, 3).eval()
    before = copy.deepcopy(network.state_dict())
    assert liveliness(network, 16, Preprocessing()) is not None
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert network.weight.dtype is torch.float32


def test_a_network_without_a_row_is_filled_so_that_float32_can_follow_it_on_every_image() -> None:
    """With the filling that all others have, the outputs of two of eight images are 78 and 50, and 2 of the others."""
    spec = models.find_model("timm:levit_128s")
    network, weights = models.create_filled(spec)
    assert str(weights) == "random(seed 0)"
    calm = liveliness(network, spec.image_size, spec.preprocessing)
    usually_filled = models.create_model(spec.name, form=models.Form.TRAINING)
    models.fill(usually_filled, image_size=spec.image_size)
    usual = liveliness(usually_filled, spec.image_size, spec.preprocessing)
    assert calm is not None
    assert usual is not None
    assert calm < FOLLOWED < usual


def test_a_network_that_float32_can_follow_has_the_filling_of_all_others() -> None:
    spec = models.find_model("timm:mobilenetv3_small_050")
    found, _ = models.create_filled(spec, image_size=64)
    usual = models.create_model(spec.name, image_size=64)
    models.fill(usual, image_size=64)
    assert all(torch.equal(usual.state_dict()[name], tensor) for name, tensor in found.state_dict().items())
