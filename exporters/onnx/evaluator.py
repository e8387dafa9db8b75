"""An ONNX file as a function, in ONNX Runtime on the CPU; in float16 with the rounding that a GPU would do."""

import copy
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from exporters.artifact.evaluator import (
    ONLY,
    Chosen,
    Images,
    Step,
    Values,
    image_shape,
    in_batches,
    scores_of,
    widest,
)
from exporters.artifact.sidecar import FLOAT16_MAX, ActivationRange, Subnormals
from exporters.config import ComputePrecision
from exporters.errors import ArtifactError, NotRunError
from exporters.onnx import float16 as onnx_float16
from exporters.onnx import inside, subnormals
from exporters.onnx.values import run, silent
from exporters.stage import Stage, enter
from models.zoo.words import runtime_words

_HALF, _SINGLE = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT


def open_onnx(path: Path) -> "OnnxEvaluator":
    """A saved file, in ONNX Runtime on the CPU.

    Raises:
        ArtifactError: ONNX Runtime cannot load it, or it does not take one image.
    """
    with _telling(path):
        session = _session(path)
    return OnnxEvaluator(path, onnx.load(path), session)


class OnnxEvaluator:
    """An ONNX graph in ONNX Runtime, on the CPU."""

    def __init__(self, path: Path, model: onnx.ModelProto, session: onnxruntime.InferenceSession | None = None) -> None:
        """Of a graph with its weights inside; `path` names it, and `session` holds it already, if given."""
        self.name = path.name
        self.takes_pixels = False
        self.activation_range: ActivationRange | None = None
        self._path, self._model = path, model
        self._chosen = ONLY
        session = session or _session(model.SerializeToString())
        self._sessions = {ComputePrecision.FLOAT32: session}
        if len(session.get_inputs()) != 1:
            raise ArtifactError(f"{path} takes {len(session.get_inputs())} inputs, where one image is expected")
        given = session.get_inputs()[0]
        self.shape = image_shape(path, tuple(size if isinstance(size, int) else None for size in given.shape))
        self.outputs = tuple(output.name for output in session.get_outputs())
        self._halves = onnx_float16.half_results(model)
        if any(tensor.data_type == _HALF for tensor in model.graph.initializer):
            # ONNX Runtime's CPU provider would compute it in float32 from end to end, whatever it says.
            self._sessions = {
                ComputePrecision.FLOAT32: _session(
                    onnx_float16.observed(self._graph(ComputePrecision.FLOAT32), self._halves).SerializeToString()
                ),
                ComputePrecision.FLOAT16: _session(self._graph(ComputePrecision.FLOAT16).SerializeToString()),
            }
        self.precisions = tuple(self._sessions)

    def scores(self, images: Images, precision: ComputePrecision, batch_size: int) -> Images:
        session = self._sessions[precision]
        name = session.get_inputs()[0].name

        def evaluate(x: Images) -> Images:
            return scores_of(self.name, self._run(session, {name: x}), len(x), self._chosen)

        return in_batches(images, batch_size, evaluate)

    def steps(self, images: Images, precision: ComputePrecision) -> Iterator[Step]:
        name = self._sessions[precision].get_inputs()[0].name
        graph = self._graph(precision) if len(self.precisions) > 1 else self._model
        with _telling(self.name):
            yield from inside.steps(graph, {name: images}, self._model.graph.node)

    def subnormals(self, images: Images, batch_size: int) -> Subnormals:
        name = self._sessions[ComputePrecision.FLOAT32].get_inputs()[0].name
        graph = self._graph(ComputePrecision.FLOAT32) if len(self.precisions) > 1 else self._model
        feeds = [{name: x} for x in np.split(images, len(images) // batch_size)]
        return subnormals.count_in(graph, feeds, stored=self._model)

    def giving(self, chosen: Chosen) -> "OnnxEvaluator":
        other = copy.copy(self)
        other._chosen = chosen
        return other

    def rounded_as(self, half: "OnnxEvaluator") -> "OnnxEvaluator":
        return OnnxEvaluator(self._path, onnx_float16.rounded_as(self._model, half._model)).giving(self._chosen)

    def _graph(self, precision: ComputePrecision) -> onnx.ModelProto:
        """A float16 graph as ONNX Runtime evaluates it in this precision."""
        return _in_float32(self._model, rounding=precision is ComputePrecision.FLOAT16)

    def _run(self, session: onnxruntime.InferenceSession, inputs: Mapping[str, Images]) -> dict[str, Any]:
        with _telling(self.name):
            outputs = _by_name(session, inputs)
        marked = [name for name in outputs if name.startswith(onnx_float16.LARGEST)]
        largest = {name.removeprefix(onnx_float16.LARGEST): float(outputs.pop(name)) for name in marked}
        if largest:
            self.activation_range = widest(self.activation_range, _range_of(largest, self._halves))
        return outputs


def _range_of(largest: Mapping[str, float], operators: Mapping[str, onnx.NodeProto]) -> ActivationRange:
    """The range of the activations of which these are the largest magnitudes, in the order of computation."""
    widest = max(largest, key=lambda name: np.nan_to_num(largest[name], nan=np.inf))
    # Written so that NaN is one.
    overflow = next((name for name, value in largest.items() if not value <= FLOAT16_MAX), None)
    return ActivationRange(
        operator=operators[widest].name or widest,
        kind=operators[widest].op_type,
        largest=largest[widest],
        overflow=overflow and (operators[overflow].name or overflow),
        overflow_kind=overflow and operators[overflow].op_type,
    )


@contextmanager
def _telling(file: Path | str, kind: type[ArtifactError] = ArtifactError) -> Iterator[None]:
    """Say which file it was that ONNX Runtime cannot run."""
    try:
        yield
    except Exception as error:  # ONNX Runtime raises types of its own, which share no other base
        raise kind(f"ONNX Runtime cannot run {file}: {runtime_words(error)}") from error


OPTIMIZATIONS = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC")
"""ONNX Runtime's names of the levels of optimization below its usual one whose graphs are others than that one's."""


def _session(source: Path | bytes, *, optimization: str = "ORT_ENABLE_ALL") -> onnxruntime.InferenceSession:
    options = silent()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, optimization)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _by_name(session: onnxruntime.InferenceSession, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def _in_float32(model: onnx.ModelProto, *, rounding: bool) -> onnx.ModelProto:
    """The same graph in float32 wherever it says float16. Its weights stay rounded.

    Args:
        rounding: round each operator's result to float16, where that is what the file stores; operators compute in
            float32 inside, as they do on GPUs.
    """
    model = onnx.shape_inference.infer_shapes(model)
    graph = model.graph
    values = [*graph.input, *graph.output, *graph.value_info]
    half = {value.name for value in values if value.type.tensor_type.elem_type == _HALF}
    for value in values:
        if value.name in half:
            value.type.tensor_type.elem_type = _SINGLE
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == _HALF:
                attribute.i = _SINGLE
            if attribute.type == onnx.AttributeProto.TENSOR:
                _widen(attribute.t)
    for tensor in graph.initializer:
        _widen(tensor)
    if rounding:
        nodes = [made for node in graph.node for made in _rounded(node, half)]
        graph.ClearField("node")
        graph.node.extend(nodes)
    return model


def _widen(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == _HALF:
        array = onnx.numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))


def _rounded(node: onnx.NodeProto, half: set[str]) -> Iterator[onnx.NodeProto]:
    """The operator, and behind each result that is stored in float16 a rounding to that."""
    stored = [name for name in node.output if name in half]
    rounded = onnx.NodeProto()
    rounded.CopyFrom(node)
    rounded.output[:] = [f"{name}/full" if name in stored else name for name in node.output]
    yield rounded
    for name in stored:
        yield onnx.helper.make_node("Cast", [f"{name}/full"], [f"{name}/half"], to=_HALF)
        yield onnx.helper.make_node("Cast", [f"{name}/half"], [name], to=_SINGLE)


def onnx_steps(path: Path, feed: Values) -> Iterator[Step]:
    """Each operator of an ONNX file, in the order of computation, in ONNX Runtime on the CPU.

    Raises:
        ArtifactError: ONNX Runtime cannot run it.
    """
    with _telling(path):
        yield from inside.steps(onnx.load(path), feed)


def onnx_subnormals(path: Path, feeds: Sequence[Mapping[str, npt.NDArray[Any]]]) -> Subnormals:
    """How many numbers of an ONNX file, and of what its operators give over several inferences, are subnormal."""
    model = onnx.load(path)
    return subnormals.count_in(model, feeds, stored=model)


def run_onnx(
    path: Path, feeds: Sequence[Mapping[str, npt.NDArray[Any]]], *, optimization: str = "ORT_ENABLE_ALL"
) -> list[Images]:
    """Each output of an ONNX file over several inferences, as `rows` has it, in ONNX Runtime on the CPU.

    Args:
        optimization: ONNX Runtime's level of it, such as one of `OPTIMIZATIONS`.

    Raises:
        ArtifactError: ONNX Runtime cannot run it.
    """
    return [rows(output) for output in run_each(path, feeds, optimization=optimization)]


def run_each(
    path: Path, feeds: Sequence[Mapping[str, npt.NDArray[Any]]], *, optimization: str = "ORT_ENABLE_ALL"
) -> list[list[npt.NDArray[Any]]]:
    """Each output of an ONNX file: its numbers in each of several inferences, in ONNX Runtime on the CPU.

    Args:
        optimization: as for `run_onnx`.

    Raises:
        ArtifactError: ONNX Runtime cannot load it.
        NotRunError: it does, and cannot run it on one of these.
    """
    with _telling(path):
        enter(Stage.LOADING)
        session = _session(path, optimization=optimization)
    with _telling(path, NotRunError):
        enter(Stage.PROVING)
        runs = [run(session, feed) for feed in feeds]
    return [[_numbers(value) for value in output] for output in zip(*runs, strict=True)]


@np.errstate(over="ignore")  # a float64 beyond float32 becomes infinity, of which the comparison tells
def rows(output: Sequence[npt.NDArray[Any]]) -> Images:
    """The numbers of several inferences. (inferences * N, values).

    Of an output that has another size each time, or none, it is (inferences, values of the largest), zero beyond.
    """
    if not is_uneven(output):
        return np.concatenate([np.reshape(x, (len(x) if x.ndim > 1 else 1, -1)) for x in output]).astype(np.float32)
    found = np.zeros((len(output), max(1, *(x.size for x in output))), np.float32)
    for row, x in zip(found, output, strict=True):
        row[: x.size] = x.ravel()
    return found


def is_uneven(output: Sequence[npt.NDArray[Any]]) -> bool:
    """Whether an output has another size each time, or none."""
    return len({x.shape for x in output}) > 1 or not output[0].size


def _numbers(value: Any) -> npt.NDArray[Any]:
    """What an output holds, as numbers: a text becomes one that hardly another text has, a sequence one row of all."""
    match value:
        case np.ndarray() if value.dtype.kind in "OUS":
            return np.array([zlib.crc32(str(text).encode()) / 2**32 for text in value.ravel()]).reshape(value.shape)
        case np.ndarray():
            return value
        case list() | tuple():
            return np.concatenate([_numbers(each).ravel() for each in value] or [np.empty(0)])
        case dict():
            return _numbers([each for pair in sorted(value.items()) for each in pair])
        case str():
            return _numbers(np.array([value]))
        case None:
            return np.empty(0)
        case _:
            return np.array([value])
