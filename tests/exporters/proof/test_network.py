"""Networks that float32 decides to some digits only, beside right files and ones that are wrong by little."""

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from exporters import QUIET, UNSTEADY, ComputePrecision, ExportError, Parity, ParityError
from exporters.artifact.evaluator import Origin
from exporters.proof.comparison import TOLERANCE
from exporters.proof.network import network_outputs, network_own
from exporters.proof.noise import MULTIPLE
from exporters.proof.parity import TOLERANCES, compare, judge
from models import Preprocessing
from models.zoo.images import natural_images
from tests.exporters.proof.support import Computed, Sines, in_another_order, sines

STEADY, LIVELY, WILD = 0.2, 600.0, 1e6
FLOAT16, FLOAT32 = ComputePrecision.FLOAT16, ComputePrecision.FLOAT32
IMAGES = natural_images(8, (16, 16))


def parity_of(network: nn.Module, artifact: nn.Module) -> Parity:
    found = compare(network, Computed(artifact), Preprocessing(), image_size=16, tolerance=TOLERANCE)
    return found[FLOAT32]


def judged(network: nn.Module, artifact: nn.Module) -> None:
    judge(Computed(artifact), {FLOAT32: parity_of(network, artifact)})


def test_a_networks_noise_is_what_the_last_digits_of_its_inputs_are_to_it() -> None:
    noise = []
    for gain in (STEADY, LIVELY, WILD):
        network = sines(gain)
        (own,) = network_own(network, IMAGES, 1)
        (output,) = network_outputs(network, IMAGES, 1)
        assert own.noise.shape == own.outputs.shape == output.shape == (8, 8)
        assert own.outputs.dtype == np.float64
        assert (np.abs(output - own.outputs) <= own.noise).all()
        noise.append(float(own.noise.max() / np.abs(own.outputs).max()))
    assert noise[0] < 1e-5 < QUIET < noise[1] < UNSTEADY < noise[2]


class Float32(Sines):
    """One that makes float32 inside."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) @ torch.eye(8)


def test_a_network_that_does_not_run_in_float64_is_told_by_nudged_images_alone() -> None:
    network = sines(LIVELY)
    network.__class__ = Float32
    with pytest.raises(RuntimeError):
        copy.deepcopy(network).double()(torch.from_numpy(IMAGES))
    (own,) = network_own(network, IMAGES, 1)
    assert (own.outputs == network_outputs(network, IMAGES, 1)[0]).all()
    assert float(own.noise.max()) > QUIET


@pytest.mark.parametrize("gain", [5 * LIVELY, 10 * LIVELY])
def test_another_order_of_sums_is_no_fault_where_the_network_itself_is_no_steadier(gain: float) -> None:
    network = sines(gain)
    parity = parity_of(network, in_another_order(network))
    assert QUIET < parity.relative_error <= (parity.tolerance or 0)
    assert parity.noise is not None
    assert parity.tolerance == pytest.approx(np.clip(MULTIPLE * parity.noise, TOLERANCE, UNSTEADY))
    assert (parity.inputs, parity.unsteady_inputs) == (8, 0)
    judged(network, in_another_order(network))


def wrong_bias(network: Sines, size: float) -> None:
    network.conv.get_parameter("bias")[3] += size


def wrong_weight(network: Sines, size: float) -> None:
    network.mix.weight[2, 5] *= 1 + size


def wrong_eps(network: Sines, size: float) -> None:
    network.norm.eps += size


def swapped_channels(network: Sines, size: float) -> None:
    """Two of them, by a share."""
    weight = network.conv.weight
    weight[[0, 1]] += size * (weight[[1, 0]] - weight[[0, 1]])


MUTATIONS = [wrong_bias, wrong_weight, wrong_eps, swapped_channels]


def mutated(network: Sines, mutation: Callable[[Sines, float], None], error: float) -> Sines:
    """The network with a fault of such a size that its float64 outputs differ by `error` of the largest."""
    x = torch.from_numpy(IMAGES).double()
    exact = copy.deepcopy(network).double()
    size, found = 1e-6, 0.0
    with torch.no_grad():
        expected = exact(x)
        for _ in range(8):
            wrong = copy.deepcopy(exact)
            mutation(wrong, size)
            found = float((wrong(x) - expected).abs().max() / expected.abs().max())
            if found == pytest.approx(error, rel=0.05):
                break
            size *= error / found
    assert found == pytest.approx(error, rel=0.05)
    return wrong.float()


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_steady_network_excuses_nothing_beyond_the_tolerance(mutation: Callable[[Sines, float], None]) -> None:
    network = sines(STEADY)
    judged(network, in_another_order(mutated(network, mutation, 0.8 * TOLERANCE)))
    wrong = in_another_order(mutated(network, mutation, 1.2 * TOLERANCE))
    parity = parity_of(network, wrong)
    assert parity.tolerance == TOLERANCE
    assert parity.noise is not None
    assert parity.noise < QUIET
    with pytest.raises(ParityError, match=r"x\.onnx does not compute what the network computes: .* own noise is"):
        judged(network, wrong)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_fault_beyond_its_noise_is_seen_in_a_lively_network(mutation: Callable[[Sines, float], None]) -> None:
    network = sines(LIVELY)
    (own,) = network_own(network, IMAGES, 1)
    beyond = 1.5 * MULTIPLE * float(own.noise.max() / np.abs(own.outputs).max())
    assert TOLERANCE < beyond < UNSTEADY  # or it would be refused whatever its noise
    wrong = in_another_order(mutated(network, mutation, beyond))
    with pytest.raises(ParityError, match=r"x\.onnx does not compute what the network computes: .* own noise"):
        judged(network, wrong)


def wild_on(images: int) -> Sines:
    """One that is a thousand times as lively for so many of the eight images, the brightest, as for the others."""
    levels = sorted([*IMAGES.mean(axis=(1, 2, 3)).tolist(), -10.0])
    return sines(300, wild_above=(levels[8 - images] + levels[8 - images + 1]) / 2 if images else math.inf)


def test_images_on_which_the_network_is_unsteady_prove_nothing_and_the_others_do() -> None:
    """As of LeViT with the filling that it had: two of eight."""
    network = wild_on(2)
    parity = parity_of(network, in_another_order(network))
    assert (parity.inputs, parity.unsteady_inputs) == (6, 2)
    assert parity.relative_error <= (parity.tolerance or 0)
    judged(network, in_another_order(network))
    for mutation in MUTATIONS:
        wrong = in_another_order(mutated(sines(network.gain), mutation, 2 * UNSTEADY))
        wrong.wild_above = network.wild_above
        with pytest.raises(ParityError, match=r"does not compute what the network computes: .* over 6 images"):
            judged(network, wrong)


def test_nan_is_a_fault_on_an_image_on_which_the_network_is_unsteady_too() -> None:
    network = wild_on(2)
    other = in_another_order(network)
    other.register_forward_hook(lambda _m, x, y: torch.where(x[0].mean() > network.wild_above, torch.nan, y))
    with pytest.raises(ParityError, match="it gives NaN or infinity"):
        judged(network, other)


@pytest.mark.parametrize("unsteady", [4, 8])
def test_nothing_is_proved_where_the_network_is_unsteady_on_half_of_the_images_or_more(unsteady: int) -> None:
    network = wild_on(unsteady)
    said = rf"x\.onnx cannot be checked: the network itself is unsteady: on {unsteady} of 8 images .*float64"
    with pytest.raises(ParityError, match=said):
        judged(network, in_another_order(network))


class Offset(nn.Module):
    """Of whose outputs float16 leaves little: it resolves 300 to a quarter."""

    def __init__(self) -> None:
        super().__init__()
        self.body = sines(STEADY)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + 300 - 300


@pytest.mark.parametrize(
    ("network", "why"),
    [(Offset().eval(), "own noise is"), (sines(LIVELY), "The network itself is unsteady here: its outputs")],
    ids=["steady", "lively"],
)
def test_a_network_that_float16_cannot_follow_is_told_from_a_wrong_file(network: nn.Module, why: str) -> None:
    artifact = Computed(network, FLOAT32, FLOAT16)
    origin = Origin(network=network, program=Computed(network))
    tolerance = TOLERANCES[FLOAT16]
    found = compare(network, artifact, Preprocessing(), image_size=16, tolerance=tolerance, origin=origin)
    assert found[FLOAT16].relative_error > tolerance == found[FLOAT16].tolerance
    said = rf"x\.onnx, evaluated in float16, is too coarse for the network: .*{why}.*--compute-precision float32"
    with pytest.raises(ParityError, match=said):
        judge(artifact, found)
    other = copy.deepcopy(network)
    with torch.no_grad():
        wrong_bias(next(each for each in other.modules() if isinstance(each, Sines)), 1e-2)
    wrong = Origin(network=network, program=Computed(other))
    found = compare(network, artifact, Preprocessing(), image_size=16, tolerance=tolerance, origin=wrong)
    with pytest.raises(ParityError, match=r"the float32 program that x\.onnx was made of does not compute"):
        judge(artifact, found)


def test_an_output_of_another_size_for_each_image_is_refused() -> None:
    class Picking(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x.mean((2, 3)), x[x > 0]

    with pytest.raises(ExportError, match=r"^output number 1 of the network has another size .* values, and only"):
        network_outputs(Picking(), IMAGES, 1)
    with pytest.raises(ExportError, match=r"^output number 1 of the network has another .* for 2 images, and only"):
        network_outputs(Picking(), IMAGES[:4], 2)


def test_so_is_one_that_has_not_as_many_values_for_each_image_of_a_batch() -> None:
    class Pooling(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean()

    with pytest.raises(ExportError, match=r"^the output of the network has 1 values for 2 images, which is not"):
        network_outputs(Pooling(), IMAGES[:4], 2)
