"""Core ML on a Mac, through coremltools."""

import itertools
import platform
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import coremltools
import msgspec
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


class PlannedOperator(msgspec.Struct, frozen=True, kw_only=True):
    """An operator of the program that Core ML has compiled, constants apart.

    Attributes:
        reads, gives: names of values.
        processor: that Core ML prefers for it; None where it does not tell.
        weight: the share of an inference's work that Core ML estimates for it; None where it does not tell.
    """

    kind: str
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    processor: str | None
    weight: float | None


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

    def evaluate(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
        return _tensors(self.model.predict(inputs))

    def prepare_outputs(self) -> None:
        """Nothing to do: Core ML gives each inference new ones."""

    def outputs(self) -> dict[str, npt.NDArray[np.generic]]:
        """Of a classifier only the tensors, not the label and the probabilities by label."""
        return _tensors(self._outputs)

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
        if self.plan is None:  # the round is measured; it is not lost for want of a plan
            return None
        nodes: dict[str, Counter[str]] = defaultdict(Counter)
        for operator in self.plan:
            nodes[operator.processor or "an unknown processor"][operator.kind] += 1
        return {processor: dict(kinds) for processor, kinds in nodes.items()}

    @cached_property
    def plan(self) -> list[PlannedOperator] | None:
        """How Core ML means to run the program; None before macOS 14.4, and of what is no program."""
        try:
            plan = compute_plan.MLComputePlan.load_from_path(
                self.model.get_compiled_model_path(), self.model.compute_unit
            )
        except RuntimeError:
            return None
        program = plan.model_structure.program
        if program is None:
            return None
        operators = itertools.chain.from_iterable(each.block.operations for each in program.functions.values())
        return [_planned(plan, each) for each in operators if _kind(each) != "const"]  # which is no work


def _planned(
    plan: compute_plan.MLComputePlan, operator: compute_plan.MLModelStructureProgramOperation
) -> PlannedOperator:
    usage = plan.get_compute_device_usage_for_mlprogram_operation(operator)
    cost = plan.get_estimated_cost_for_mlprogram_operation(operator)
    read = itertools.chain.from_iterable(argument.bindings for argument in operator.inputs.values())
    return PlannedOperator(
        kind=_kind(operator),
        reads=tuple(binding.name for binding in read if binding.name),
        gives=tuple(value.name for value in operator.outputs),
        processor=_PROCESSORS.get(type(usage.preferred_compute_device)) if usage else None,
        weight=cost.weight if cost else None,
    )


def _kind(operator: compute_plan.MLModelStructureProgramOperation) -> str:
    kind: str = operator.operator_name.rpartition(".")[2]  # of "ios16.conv"
    return kind


def _tensors(outputs: Mapping[str, Any]) -> dict[str, npt.NDArray[np.generic]]:
    return {name: value for name, value in outputs.items() if isinstance(value, np.ndarray)}


def _to_image(channels: npt.NDArray[np.generic]) -> Image.Image:
    (image,) = channels.transpose(0, 2, 3, 1)  # (H, W, 3)
    return Image.fromarray(np.ascontiguousarray(image))
