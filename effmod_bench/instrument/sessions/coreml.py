"""Core ML on a Mac, through coremltools."""

import itertools
import platform
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import coremltools
import numpy as np
import numpy.typing as npt
from coremltools.models import compute_device, compute_plan
from PIL import Image

from effmod_bench.instrument.sessions.session import SessionRequest
from results import ComputeUnits, SessionFacts

_PROCESSORS = {
    compute_device.MLCPUComputeDevice: "CPU",
    compute_device.MLGPUComputeDevice: "GPU",
    compute_device.MLNeuralEngineComputeDevice: "Neural Engine",
}


class CoreMLSession:
    """A package that was compiled and loaded for the compute units asked for.

    What is timed is coremltools' `predict`: it copies the input into memory of Core ML's, predicts, and copies the
    output back. Xcode and ModelBench time the prediction alone.

    Args:
        request: of a package. Core ML chooses threads itself.
        inputs: by name; a tensor as it is, an image as the bytes of its RGB channels, (1, 3, H, W).

    Raises:
        Exception: whatever coremltools raises for a package that it cannot read. What Core ML cannot run is an
            exception of the first inference.
    """

    def __init__(self, request: SessionRequest, inputs: Mapping[str, npt.NDArray[np.generic]]) -> None:
        units = request.options.compute_units or ComputeUnits.ALL
        # Core ML's names are ours, written large.
        self.model = coremltools.models.MLModel(request.path, compute_units=coremltools.ComputeUnit[units.name])
        images = {
            feature.name
            for feature in self.model.get_spec().description.input
            if feature.type.WhichOneof("Type") == "imageType"
        }
        self._inputs = {name: _to_image(x) if name in images else x for name, x in inputs.items()}
        self._outputs: dict[str, Any] = {}

    def run(self) -> None:
        self._outputs = self.model.predict(self._inputs)

    def fed_with(self, _: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """It is fed one thing."""

    def prepare_outputs(self) -> None:
        """Nothing to do: Core ML gives each inference new ones."""

    def outputs(self) -> dict[str, npt.NDArray[np.generic]]:
        """Of a classifier only the tensors, not the label and the probabilities by label."""
        return {name: value for name, value in self._outputs.items() if isinstance(value, np.ndarray)}

    def time_on_gpu(self, _: int) -> None:
        """There are no CUDA events here."""

    def parts_ns(self, _: int) -> dict[str, tuple[int, ...]]:
        return {}

    def facts(self) -> SessionFacts:
        return SessionFacts(
            runtime=f"coremltools {coremltools.__version__} on macOS {platform.mac_ver()[0]}",
            execution_provider=ComputeUnits[self.model.compute_unit.name],
            nodes=self._nodes(),
        )

    def _nodes(self) -> dict[str, dict[str, int]] | None:
        """How many operators of each kind Core ML prefers to run on each processor; None before macOS 14.4."""
        try:
            plan = compute_plan.MLComputePlan.load_from_path(
                self.model.get_compiled_model_path(), self.model.compute_unit
            )
        except RuntimeError:  # the round is measured; it is not lost for want of a plan
            return None
        program = plan.model_structure.program
        if program is None:
            return None
        nodes: dict[str, Counter[str]] = defaultdict(Counter)
        for operator in itertools.chain.from_iterable(f.block.operations for f in program.functions.values()):
            kind = operator.operator_name.rpartition(".")[2]  # of "ios16.conv"
            usage = plan.get_compute_device_usage_for_mlprogram_operation(operator)
            if kind != "const":  # which is no work
                processor = _PROCESSORS.get(type(usage.preferred_compute_device)) if usage else None
                nodes[processor or "an unknown processor"][kind] += 1
        return {processor: dict(kinds) for processor, kinds in nodes.items()}


def _to_image(channels: npt.NDArray[np.generic]) -> Image.Image:
    (image,) = channels.transpose(0, 2, 3, 1)  # (H, W, 3)
    return Image.fromarray(np.ascontiguousarray(image))
