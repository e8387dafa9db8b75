"""A Core ML package as a function, evaluated from what was saved, on any system."""

from pathlib import Path
from typing import Any

import numpy.typing as npt

from exporters.artifact.evaluator import Images, image_shape, in_batches, scores_of, widest
from exporters.artifact.sidecar import ActivationRange
from exporters.config import ComputePrecision
from exporters.coreml.program.program import load_program
from exporters.errors import ArtifactError


class PackageEvaluator:
    """A saved Core ML package, its operators evaluated with torch."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._program = load_program(path)
        if len(self._program.input_names) != 1:
            raise ArtifactError(f"{path} takes {len(self._program.input_names)} inputs, where one image is expected")
        self.shape = image_shape(path, self._program.input_shapes[0] or (None,) * 4)
        self.takes_pixels = bool(self._program.image_inputs)
        # What float16 does to a program is told apart from what its rounded weights do.
        self.precisions = tuple(dict.fromkeys((ComputePrecision.FLOAT32, self._program.precision)))
        self.activation_range: ActivationRange | None = None

    def scores(self, images: Images, precision: ComputePrecision, batch_size: int) -> Images:
        return in_batches(images, batch_size, lambda x: scores_of(self.name, self._run(x, precision)))

    def _run(self, images: Images, precision: ComputePrecision) -> dict[str, npt.NDArray[Any]]:
        inputs = {self._program.input_names[0]: images}
        if precision is not ComputePrecision.FLOAT32:
            return self._program.run(inputs, precision=precision)
        outputs, seen = self._program.run_observed(inputs)
        self.activation_range = widest(self.activation_range, seen)
        return outputs
