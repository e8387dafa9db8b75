"""The float32 program that a float16 package is a rounding of."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from exporters.coreml.program.program import Program, load_program, original_name, rounded_to_half
from exporters.coreml.program.unrounded import keeping_unrounded
from tests.exporters.coreml.program.support import convert, no_warnings, numbers, run

pytest.importorskip("coremltools.proto", reason="coremltools has no wheel for this Python or platform")


class Normed(nn.Module):
    """A norm that is folded, a slope and an epsilon that stay in float32 for iOS 17, and a constant beyond float16."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 8, 3, stride=2)
        self.norm = nn.BatchNorm2d(8)
        nn.init.uniform_(self.norm.get_buffer("running_var"), 0.5, 2)
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.leaky_relu(self.norm(self.conv(x)), 0.0123)
        return self.head((x * 70000.1 / 70000).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return Normed().eval()


@pytest.fixture(scope="module")
def programs(model: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Program]:
    """The program before it was rounded, and the float16 package that was saved."""
    kept: list[Program] = []
    path = tmp_path_factory.mktemp("unrounded") / "x.mlpackage"
    with no_warnings():
        import coremltools as ct

        passes = keeping_unrounded(ct, "x", kept.append)
    convert(model, path, size=16, precision="float16", target="iOS17", pass_pipeline=passes)
    (unrounded,) = kept
    return unrounded, load_program(path)


def test_it_computes_what_the_network_computes(model: nn.Module, programs: tuple[Program, Program]) -> None:
    unrounded, _ = programs
    x = numbers(1, 3, 16, 16)
    np.testing.assert_allclose(run(unrounded, x), model(torch.from_numpy(x)).detach(), rtol=1e-5, atol=1e-6)
    assert "batch_norm" not in unrounded.operators()  # folded already, as in the package


def test_with_its_constants_rounded_it_is_the_package_in_float32(programs: tuple[Program, Program]) -> None:
    unrounded, half = programs
    x = numbers(1, 3, 16, 16)
    rounded = unrounded.rounded_as(half)
    largest = float(np.abs(run(half, x)).max())
    assert np.abs(run(rounded, x) - run(half, x)).max() < 1e-6 * largest
    assert np.abs(run(unrounded, x) - run(half, x)).max() > 1e-5 * largest


def test_its_operators_and_their_results_are_named_as_in_the_package(programs: tuple[Program, Program]) -> None:
    x = numbers(1, 3, 16, 16)
    names = [
        [
            (operator.kind, name)
            for operator, results in program.results({program.input_names[0]: x}, precision=program.precision)
            for name in results
            if operator.kind != "cast"
        ]
        for program in programs
    ]
    assert names[0][:-1] == names[1][:-1]
    assert original_name("conv2d_cast_fp16") == "conv2d"


def test_no_constant_becomes_zero_that_was_not() -> None:
    rounded = rounded_to_half(torch.tensor([1e-12, -1e-12, 0.0, 1 / 3]))
    assert rounded.tolist() == [2**-24, -(2**-24), 0.0, float(np.float16(1 / 3))]
    assert rounded_to_half("same") == "same"
    assert rounded_to_half(torch.tensor([3])).dtype == torch.int64
