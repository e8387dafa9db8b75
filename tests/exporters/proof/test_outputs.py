"""Several outputs, of which one would hide what is wrong with another."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from exporters import ComputePrecision, OnnxConfig, Parity, ParityError
from exporters.artifact.evaluator import Origin
from exporters.artifact.sidecar import Departure, Rounding
from exporters.onnx import float16
from exporters.onnx.evaluator import OnnxEvaluator
from exporters.onnx.export import export
from exporters.proof.outputs import merged
from exporters.proof.parity import measure_parity
from models import Preprocessing

CONFIG = OnnxConfig(image_size=16, simplify=False)
HALF = OnnxConfig(image_size=16, simplify=False, compute_precision=ComputePrecision.FLOAT16)


def parity(
    error: float,
    *,
    change: float = 0.5,
    tolerance: float | None = 1e-4,
    program: float | None = None,
    inputs: int = 8,
    unsteady: int = 0,
) -> Parity:
    """Of one output; in float16 where its program's error is given, whose first wrong operator is "wrong"."""
    at_fault = Departure(kind="Conv", name="wrong", relative_error=program)
    return Parity(
        inputs=inputs,
        unsteady_inputs=unsteady,
        max_abs_error=error,
        relative_error=error,
        cosine=1.0,
        top1_agreement=1.0,
        output_change=change,
        tolerance=tolerance,
        rounding=None
        if program is None
        else Rounding(
            program_relative_error=program,
            rounded_relative_error=0.0,
            arithmetic_relative_error=error,
            tolerance=1e-4,
        ),
        first_departure=at_fault if program is not None and program > 1e-4 else None,
    )


def test_a_wrong_program_is_seen_behind_another_outputs_larger_rounding() -> None:
    found = merged({"a": parity(2e-3, program=1e-6), "b": parity(1e-3, program=4e-4)})
    assert found.relative_error == 2e-3
    assert found.rounding is not None
    assert (found.rounding.program_relative_error, found.rounding.arithmetic_relative_error) == (4e-4, 2e-3)
    assert found.first_departure is not None
    assert found.first_departure.name == "wrong"


def test_an_error_that_is_no_number_is_the_largest() -> None:
    found = merged({"a": parity(np.nan, program=np.nan), "b": parity(1e-3, program=1e-6)})
    assert np.isnan(found.relative_error)
    assert found.rounding is not None
    assert np.isnan(found.rounding.program_relative_error or 0)


def test_outputs_that_hardly_move_are_named_where_another_moves() -> None:
    outputs = {"moves": parity(1e-7), "still": parity(0, change=0), "nearly": parity(5e-5, change=3e-4)}
    found = merged(outputs)
    assert (found.output_change, found.still_outputs) == (0.5, ("still", "nearly"))
    alone = merged({"still": outputs["still"]})
    assert (alone.output_change, alone.still_outputs) == (0, ())  # which is refused


def test_an_output_that_moves_and_not_with_the_networks_is_not_hidden_by_one_that_moves_more() -> None:
    """In float16, where nothing else is asked of it; one that stands still is off by its rounding."""
    still = parity(2e-3, change=0, tolerance=None)
    strays = parity(1e-3, change=1e-3, tolerance=None)
    follows = parity(5e-3, change=0.5, tolerance=None)
    assert merged({"a": follows, "b": still, "c": strays}).output_change == 1e-3
    assert merged({"a": follows, "b": still}).output_change == 0.5


def test_an_output_that_is_undecided_is_not_hidden_by_one_that_is_equal() -> None:
    equal, undecided = parity(2e-7), parity(1e-7, inputs=2, unsteady=6)
    found = merged({"a": equal, "b": undecided})
    assert found.is_undecided
    assert (found.inputs, found.unsteady_inputs) == (2, 6)
    wrong = merged({"a": equal, "b": undecided, "c": parity(1e-3)})
    assert not wrong.is_undecided
    assert wrong.relative_error == 1e-3


def test_the_images_that_count_and_those_that_do_not_are_of_one_output() -> None:
    found = merged({"a": parity(2e-7), "b": parity(1e-7, inputs=5, unsteady=3)})
    assert (found.relative_error, found.inputs, found.unsteady_inputs) == (2e-7, 5, 3)


class Heads(nn.Module):
    """A map that float16 rounds away the digits of, scores that it does not, and anchors that are always the same."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3, bias=False)
        self.boxes = nn.Parameter(torch.rand(1, 5, 4))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.body(x)
        return (50 + x) - 50, self.head(x.mean((2, 3))), self.boxes + 0 * x.mean()


@pytest.fixture
def heads() -> nn.Module:
    torch.manual_seed(0)
    return Heads().eval()


OUTPUTS = ("map", "scores", "anchors")


def test_a_float16_file_of_which_one_output_was_made_wrongly_is_refused(heads: nn.Module, tmp_path: Path) -> None:
    """By 4e-4 of it, while another output's rounding alone is more."""
    path = tmp_path / "x.onnx"
    exact, _, _ = export(heads, path, CONFIG, Preprocessing(), outputs=OUTPUTS, measure_parity=measure_parity)
    assert exact.still_outputs == ("anchors",)
    graph = onnx.load(path)
    (weight,) = [tensor for tensor in graph.graph.initializer if tensor.name == "head.weight"]
    weight.CopyFrom(numpy_helper.from_array(np.float32(1.0004) * numpy_helper.to_array(weight), weight.name))
    onnx.save(graph, path)
    origin = Origin(network=heads, program=OnnxEvaluator(path, onnx.load(path)))
    float16.convert(path)
    with pytest.raises(
        ParityError, match=r"the float32 program that x\.onnx was made of does not compute .*: relative error 4"
    ):
        measure_parity(heads, path, HALF, Preprocessing(), origin)
