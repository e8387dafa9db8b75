"""Which operator is told of what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from exporters import Departure
from exporters.artifact.evaluator import Step
from exporters.proof.departure import (
    OUTPUT,
    REWRITES,
    UNKNOWN,
    by_name,
    first_departure,
    in_words,
    network_departure,
    network_results,
)


def step(kind: str, name: str, *values: float) -> Step:
    return Step(kind, name, {name: np.array(values, np.float32)})


RIGHT = by_name([step("conv", "a", 1, 2), step("relu", "b", 1, 2), step("mul", "c", 3, 4)])


def test_the_first_operator_beyond_the_tolerance_is_found() -> None:
    found = [step("conv", "a", 1, 2.0001), step("relu", "b", 1, 2.1), step("mul", "c", 9, 9)]
    departure = first_departure(found, RIGHT, 1e-3)
    assert departure is not None
    assert (departure.kind, departure.name, departure.unmatched) == ("relu", "b", ())
    assert departure.relative_error == pytest.approx(0.05)


def test_operators_without_a_counterpart_before_it_are_told_too() -> None:
    found = [step("conv", "a", 1, 2), step("abs", "x", 5, 5), step("relu", "b", 7), step("mul", "c", 3, 5)]
    departure = first_departure(found, RIGHT, 1e-3)
    assert departure == Departure(kind="mul", name="c", relative_error=0.25, unmatched=("abs 'x'", "relu 'b'"))
    assert "or one of the 2 before it that have no counterpart, from abs 'x' to relu 'b'" in in_words(departure)


def test_the_first_operator_that_gives_no_number_is_found_without_a_counterpart() -> None:
    found = [step("conv", "a", 1, 2), step("log", "x", 0, -np.inf), step("mul", "c", np.nan, 0)]
    assert first_departure(found, {}, 1e-3) == Departure(kind="log", name="x", relative_error=None)


def test_infinity_where_it_should_be_is_no_departure() -> None:
    mask = step("fill", "mask", 0, -np.inf)
    found = [mask, step("softmax", "s", np.nan, 1)]
    expected = by_name([mask, step("softmax", "s", 0, 1)])
    assert first_departure(found, expected, 1e-3) == Departure(kind="softmax", name="s", relative_error=None)


def test_what_cannot_be_told_is_said() -> None:
    assert first_departure([step("conv", "other", 1, 9)], RIGHT, 1e-3) is None
    assert in_words(None) == UNKNOWN
    assert "--rewrite none" in in_words(Departure(kind=REWRITES, name="", relative_error=None))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.log_softmax(self.head(self.stem(x).relu()), dim=1)


def test_the_layer_of_a_network_that_gives_no_number_is_found() -> None:
    model = Network().eval()
    x = np.ones((1, 3, 4, 4), np.float32)
    assert network_departure(model, x) is None
    with torch.no_grad():
        model.get_parameter("head.1.weight")[0, 0] = torch.inf
    departure = network_departure(model, x)
    assert departure is not None
    assert departure.name == "head.1"
    assert not model.head[1]._forward_hooks


def test_results_inside_a_network_have_the_names_that_converters_keep() -> None:
    model = Network().eval()
    x = np.ones((1, 3, 4, 4), np.float32)
    results = network_results(model, x)
    np.testing.assert_array_equal(results["conv2d"], model.stem(torch.from_numpy(x)).detach().numpy())
    assert results["log_softmax"].shape == (1, 2)


def test_a_network_that_torch_cannot_export_has_no_results() -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.mean() > 0 else -x

    assert network_results(Branching(), np.ones((1, 3, 4, 4), np.float32)) == {}


def test_the_last_operator_is_held_against_the_output_whatever_it_is_called() -> None:
    found = [step("conv", "a", 1, 2), step("log", "logits", 3, 5)]
    assert first_departure(found, {**RIGHT, OUTPUT: np.array([3, 4], np.float32)}, 1e-3) == Departure(
        kind="log", name="logits", relative_error=0.25
    )
