"""Files and networks whose outputs follow their inputs faster than float32 can say."""

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

import models
from exporters import ActivationRange, ComputePrecision, Subnormals
from exporters.artifact.evaluator import Chosen, Evaluator, Images, Step, in_batches
from tests.exporters.onnx.rewrites.support import HEAD

# Both compute sin(gain (x w + b)); the second sums in another order.
PLAIN = "g (float[1, 64] x) => (float[1, 8] y) { p = MatMul(x, w) s = Add(p, b) g = Mul(s, gain) y = Sin(g) }"
SPLIT = """g (float[1, 64] x) => (float[1, 8] y) {
    first, last = Split <axis = 1, num_outputs = 2> (x)
    p = MatMul(first, w_first) q = MatMul(last, w_last) r = Add(p, q)
    s = Add(r, b) g = Mul(s, gain) y = Sin(g)
}"""


def write_sine(path: Path, gain: float, *, split: bool = False, first_weight: float = 1.0, bias: float = 1.0) -> Path:
    """A file whose outputs follow its inputs `gain` times as fast.

    Args:
        first_weight, bias: the factor that the largest weight, and that each bias, is times of what it should be.
    """
    random = np.random.default_rng(0)
    w = random.standard_normal((64, 8)) / 8
    w.flat[np.abs(w).argmax()] *= first_weight
    b = bias * random.standard_normal(8) / 8
    model = onnx.parser.parse_model(HEAD + (SPLIT if split else PLAIN))
    constants = {"w_first": w[:32], "w_last": w[32:]} if split else {"w": w}
    for name, values in ({"b": b, "gain": np.array(gain)} | constants).items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
    onnx.save(model, path)
    return path


class Sines(nn.Module):
    """Images (N, 3, 16, 16) to (N, 8): a convolution with its BatchNorm, whose means are mixed; then their sines.

    The larger the gain, the more the last digits of its inputs are to it. In another order, the same is summed in two
    halves.
    """

    def __init__(self, gain: float, *, wild_above: float = math.inf) -> None:
        """Args: wild_above: the brightness above which an image's outputs are a thousand times as lively."""
        super().__init__()
        self.conv, self.norm, self.mix = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 8)
        self.gain, self.wild_above, self.in_halves = gain, wild_above, False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = self.norm(self.conv(x)).mean(dim=(2, 3))  # (N, 8)
        w, b = self.mix.weight.T, self.mix.bias  # (8, 8), (8,)
        mixed = means[:, :4] @ w[:4] + (means[:, 4:] @ w[4:] + b) if self.in_halves else means @ w + b
        is_wild = x.mean(dim=(1, 2, 3))[:, None] > self.wild_above
        return torch.sin(self.gain * torch.where(is_wild, 1e3 * mixed, mixed))


def sines(gain: float, *, wild_above: float = math.inf) -> Sines:
    network = Sines(gain, wild_above=wild_above).eval()
    models.fill(network, image_size=16)
    return network


def in_another_order(network: Sines) -> Sines:
    other = copy.deepcopy(network)
    other.in_halves = True
    return other


class Computed:
    """An artifact that is a network, computed as it is; in float16 where asked."""

    name: str = "x.onnx"
    shape: tuple[int | None, ...] = (1, 3, 16, 16)
    outputs: tuple[str, ...] = ("scores",)
    takes_pixels: bool = False
    activation_range: ActivationRange | None = None

    def __init__(self, network: nn.Module, *precisions: ComputePrecision) -> None:
        self.network = network
        self.precisions: tuple[ComputePrecision, ...] = precisions or (ComputePrecision.FLOAT32,)

    def scores(self, images: Images, precision: ComputePrecision, batch_size: int) -> Images:
        half = precision is ComputePrecision.FLOAT16
        network = copy.deepcopy(self.network).half() if half else self.network

        def evaluate(x: Images) -> Images:
            given = torch.from_numpy(x)
            found: Images = network(given.half() if half else given).float().numpy()
            return found

        with torch.inference_mode():
            return in_batches(images, batch_size, evaluate)

    def steps(self, images: Images, precision: ComputePrecision) -> Iterator[Step]:  # noqa: ARG002 - none are known
        return iter(())

    def subnormals(self, images: Images, batch_size: int) -> Subnormals:  # noqa: ARG002 - nobody asks
        return Subnormals(weights={})

    def giving(self, chosen: Chosen) -> Evaluator:  # noqa: ARG002 - there is one
        return self

    def rounded_as(self, half: Any) -> Evaluator:  # noqa: ARG002 - its constants are what they are
        return self
