import builtins
import importlib

import pytest
import torch
from torch import nn

import models
from models.zoo.patches import Surface


def test_what_is_replaced_in_torch_and_in_effmod_is_named_and_put_back() -> None:
    surface = Surface()
    before = torch.relu, nn.Conv2d.forward, nn.functional, models.create_model, print
    torch.relu = nn.Conv2d.forward = nn.functional = models.create_model = builtins.print = lambda *_: None  # type: ignore
    assert sorted(surface.put_back()) == [
        "builtins.print",
        "models.create_model",
        "torch.nn.functional",
        "torch.nn.modules.conv.Conv2d.forward",
        "torch.relu",
    ]
    assert (torch.relu, nn.Conv2d.forward, nn.functional, models.create_model, print) == before
    assert surface.put_back() == []


def test_a_method_that_comes_before_an_inherited_one_is_taken_away() -> None:
    surface = Surface()
    nn.ReLU6.__call__ = lambda *_: None  # type: ignore[method-assign]
    nn.ReLU6.of_their_own = 1  # type: ignore[attr-defined]
    try:
        assert surface.put_back() == ["torch.nn.modules.activation.ReLU6.__call__"]
        assert float(nn.ReLU6()(torch.tensor(7.0))) == 6
    finally:
        del nn.ReLU6.of_their_own  # type: ignore[attr-defined]


def test_hooks_on_all_networks_are_taken_away() -> None:
    surface = Surface()
    nn.modules.module.register_module_forward_hook(lambda *_: None)
    assert surface.put_back() == ["torch.nn.modules.module._global_forward_hooks"]
    assert not nn.modules.module._global_forward_hooks


def test_what_torch_does_to_itself_is_no_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    # As torch._dynamo does when it is imported, which is long past in a process that runs other tests.
    monkeypatch.setattr(torch, "manual_seed", torch.random.manual_seed)
    surface = Surface()
    torch.manual_seed = torch._disable_dynamo(torch.manual_seed)  # type: ignore[attr-defined]
    assert surface.put_back() == []
    importlib.import_module("torch.nn.utils.parametrize")
    assert surface.put_back() == []
