"""Our networks are the reference implementations: the same parameters, in name and order, and the same logits."""

import copy
from collections.abc import Sequence

import pytest
import torch
from torch import nn

import models
from tests.models import golden_rule
from tests.models.golden_rule import FOLDER, Golden, read_golden

GOLDEN = [read_golden(path) for path in sorted(FOLDER.glob("*.json"))]
WITH_LOGITS = [golden for golden in GOLDEN if golden.expected]
# With these weights Mobile-Former is chaotic: the reference itself is far off in float32.
STEADY = [golden for golden in WITH_LOGITS if golden.model != "mobileformer_508m"]


def each(goldens: Sequence[Golden]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("golden", goldens, ids=lambda golden: golden.model, indirect=True)


@pytest.fixture(scope="module")
def golden(request: pytest.FixtureRequest) -> Golden:
    golden: Golden = request.param
    return golden


@pytest.fixture(scope="module")
def network(golden: Golden) -> nn.Module:
    model = models.create_model(golden.model).eval()
    golden_rule.fill(model)
    return model


@each(GOLDEN)
def test_state_dict_has_the_reference_names_and_shapes_in_order(golden: Golden, network: nn.Module) -> None:
    shapes = [(name, tuple(tensor.shape)) for name, tensor in network.state_dict().items()]
    assert shapes == list(golden.state_dict.items())


@each(GOLDEN)
def test_network_has_the_reference_parameters(golden: Golden, network: nn.Module) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == golden.params


@each(WITH_LOGITS)
def test_logits_in_float64_are_the_reference_ones(golden: Golden, network: nn.Module) -> None:
    network = copy.deepcopy(network).double()
    for size, expected in golden.expected.items():
        with torch.inference_mode():
            logits = network(golden_rule.image(size).double())[0]
        difference = (logits[: len(expected)] - expected).abs().max().item()
        assert difference < golden.tolerance(logits), f"at {size}x{size}"


@each(STEADY)
def test_logits_in_float32_are_close_to_the_reference_ones(golden: Golden, network: nn.Module) -> None:
    for size, expected in golden.expected.items():
        with torch.inference_mode():
            logits = network(golden_rule.image(size))[0].double()
        difference = (logits[: len(expected)] - expected).abs().max().item()
        assert difference < 1e-4 * logits.abs().max().item(), f"at {size}x{size}"
