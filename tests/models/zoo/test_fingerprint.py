import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from models.zoo.fingerprint import structure_sha256, tensors_sha256


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.register_buffer("scale", torch.ones(()), persistent=False)
        self.table = {"widths": [1, (2, torch.zeros(3))]}
        self.stage = object()


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


def set_one(tensor: torch.Tensor) -> None:
    with torch.no_grad():
        tensor.view(-1)[0] += 1e-6


@pytest.mark.parametrize(
    "change",
    [
        lambda net: set_one(net.conv.bias),
        lambda net: net.scale.zero_(),  # which no state_dict holds
        lambda net: net.conv.to(torch.bfloat16),
    ],
)
def test_another_value_is_another_hash(change: Callable[[Net], object], net: Net) -> None:
    other = copy.deepcopy(net)
    assert tensors_sha256(other) == tensors_sha256(net)
    change(other)
    assert tensors_sha256(other) != tensors_sha256(net)


@pytest.mark.parametrize(
    "change",
    [
        lambda net: setattr(net.conv, "stride", (2, 2)),
        lambda net: net.table["widths"][1][1].add_(1),  # a tensor that is no parameter
        lambda net: setattr(net, "act", nn.ReLU()),
        lambda net: net.register_forward_hook(lambda *_: None),
    ],
)
def test_another_structure_is_another_hash(change: Callable[[Net], object], net: Net) -> None:
    other = copy.deepcopy(net)
    assert structure_sha256(other) == structure_sha256(net)  # whose `stage` lies elsewhere in memory
    change(other)
    assert structure_sha256(other) != structure_sha256(net)


def test_a_sparse_value_and_none_at_all_are_hashed() -> None:
    net = nn.Module()
    net.register_buffer("sparse", torch.eye(3).to_sparse())
    net.register_buffer("empty", torch.zeros(0))
    assert len(tensors_sha256(net)) == 64
