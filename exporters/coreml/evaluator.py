"""A Core ML program as a function, on any system: from what was saved, or as it was before it was rounded."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from exporters.artifact.evaluator import ONLY, Chosen, Images, Step, image_shape, in_batches, scores_of, widest
from exporters.artifact.sidecar import ActivationRange, Subnormals
from exporters.config import ComputePrecision
from exporters.coreml.program.program import Program, load_program, original_name
from exporters.errors import ArtifactError


def open_package(path: Path) -> "ProgramEvaluator":
    """A saved package, its operators evaluated with torch.

    Raises:
        ArtifactError: it cannot be read, has operators that cannot be evaluated, or does not take one image.
    """
    program = load_program(path)
    if len(program.input_names) != 1:
        raise ArtifactError(f"{path} takes {len(program.input_names)} inputs, where one image is expected")
    return ProgramEvaluator(program, takes_pixels=bool(program.image_inputs), observed=True)


class ProgramEvaluator:
    """A program that takes one image, its operators evaluated with torch."""

    def __init__(self, program: Program, *, takes_pixels: bool, observed: bool = False) -> None:
        """Of a program; `observed` where its activation range is asked for, which takes time."""
        self.name = program.path.name
        self.program = program
        self.shape = image_shape(program.path, program.input_shapes[0] or (None,) * 4)
        self.outputs = program.output_names
        self.takes_pixels = takes_pixels
        # What float16 does to a program is told apart from what its rounded weights do.
        self.precisions = tuple(dict.fromkeys((ComputePrecision.FLOAT32, program.precision)))
        self.activation_range: ActivationRange | None = None
        self._observed = observed
        self._chosen = ONLY

    def scores(self, images: Images, precision: ComputePrecision, batch_size: int) -> Images:
        return in_batches(
            images, batch_size, lambda x: scores_of(self.name, self._run(x, precision), len(x), self._chosen)
        )

    def steps(self, images: Images, precision: ComputePrecision) -> Iterator[Step]:
        for operator, results in self.program.results(self._fed(images), precision=precision):
            yield Step(operator.kind, original_name(operator.name), results)

    def subnormals(self, images: Images, batch_size: int) -> Subnormals:
        return self.program.subnormals([self._fed(x) for x in np.split(images, len(images) // batch_size)])

    def giving(self, chosen: Chosen) -> "ProgramEvaluator":
        other = copy.copy(self)
        other._chosen = chosen
        return other

    def rounded_as(self, half: "ProgramEvaluator") -> "ProgramEvaluator":
        rounded = ProgramEvaluator(self.program.rounded_as(half.program), takes_pixels=self.takes_pixels)
        return rounded.giving(self._chosen)

    def _fed(self, images: Images) -> dict[str, Images]:
        return {self.program.input_names[0]: images}

    def _run(self, images: Images, precision: ComputePrecision) -> dict[str, npt.NDArray[Any]]:
        if precision is not ComputePrecision.FLOAT32 or not self._observed:
            return self.program.run(self._fed(images), precision=precision)
        outputs, seen = self.program.run_observed(self._fed(images))
        self.activation_range = widest(self.activation_range, seen)
        return outputs
