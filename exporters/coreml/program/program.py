"""A saved Core ML package, computed with torch: what an .mlpackage gives, where Core ML does not exist.

Core ML runs on Apple's systems only. Elsewhere a package is proved by reading it a second time: the specification and
the weight file as they lie on disk, every operator as MIL defines it (coremltools, "MIL Ops"). Nothing of the
conversion is trusted, neither coremltools' passes nor its writer; only its description of the file format is used.

A float16 program stores each operator's result in float16. So does this evaluation, but it computes inside an
operator in float32, as the Neural Engine and the GPU may or may not do.
"""

import inspect
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from exporters.artifact.sidecar import ActivationRange, Subnormals
from exporters.artifact.subnormals import count
from exporters.config import ComputePrecision
from exporters.coreml.program.operators.table import OPERATORS
from exporters.coreml.program.operators.values import Value
from exporters.coreml.program.reader import (
    Declared,
    Operator,
    Reader,
    Reference,
    Specification,
    UnknownOperatorError,
    read_specification,
)
from exporters.errors import ArtifactError

_SMALLEST_HALF = 2.0**-24
_SEVERAL = ("values",)  # the parameters that take several arguments


class Program:
    """The main function of an ML program, ready to run. Made by `load_program`."""

    def __init__(
        self,
        path: Path,
        inputs: Sequence[Declared],
        colours: Mapping[str, str],
        constants: Mapping[str, Value],
        operators: Sequence[Operator],
        outputs: Sequence[str],
        *,
        half_constants: Collection[str] = (),
    ) -> None:
        self.path = path
        self._inputs = tuple(inputs)
        self._colours = dict(colours)
        self._constants = dict(constants)
        self._operators = tuple(operators)
        self.output_names = tuple(outputs)
        self._half_constants = frozenset(half_constants)

    @property
    def precision(self) -> ComputePrecision:
        """Of the program itself: float16 where any of its operators stores its result in that."""
        stores_half = any(result.dtype == "FLOAT16" for operator in self._operators for result in operator.results)
        return ComputePrecision.FLOAT16 if stores_half else ComputePrecision.FLOAT32

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(declared.name for declared in self._inputs)

    @property
    def input_shapes(self) -> tuple[tuple[int | None, ...] | None, ...]:
        """By input, in the order of their names. None, or a size that is None, where the program leaves that open."""
        return tuple(declared.shape for declared in self._inputs)

    @property
    def image_inputs(self) -> tuple[str, ...]:
        """Names of the inputs that are images: pixels, not numbers."""
        return tuple(self._colours)

    def operators(self) -> Counter[str]:
        """How many operators of each kind the program has. Constants are not counted."""
        return Counter(operator.kind for operator in self._operators)

    def run(
        self, inputs: Mapping[str, npt.NDArray[Any]], *, precision: ComputePrecision
    ) -> dict[str, npt.NDArray[Any]]:
        """Compute the program's outputs.

        Args:
            inputs: by name. An image is (1, 3, H, W), RGB, whole values in 0..255, of any type.
            precision: how results are stored. FLOAT16: in float16 where the program says so; FLOAT32: in float32
                throughout.

        Returns:
            The outputs by name. A class label is an array of one string; the probabilities that go with it are an
            array in the order of the program's labels.

        Raises:
            ArtifactError: an operator cannot be computed, or gives another shape than the program says.
            ValueError: the inputs are not what the program takes.
        """
        values = self._evaluate(inputs, precision)
        return {name: _to_numpy(values[name]) for name in self.output_names}

    def rounded_as(self, half: "Program") -> "Program":
        """This float32 program with its constants rounded as a float16 program of the same operators stores them.

        An operator's constant stays as it is where the float16 program keeps it in float32 (coremltools does so with
        an epsilon, or with what float16 cannot hold), and is rounded everywhere else.
        """
        kept = {
            (original_name(operator.name), parameter)
            for operator in half._operators
            for parameter, bindings in operator.arguments.items()
            if any(b.name in half._constants and b.name not in half._half_constants for b in _references(bindings))
        }
        rounded = {name: rounded_to_half(value) for name, value in self._constants.items()}
        operators = [
            msgspec.structs.replace(
                operator,
                arguments={
                    parameter: bindings
                    if (operator.name, parameter) in kept
                    else [rounded.get(b.name, b) if isinstance(b, Reference) else b for b in bindings]
                    for parameter, bindings in operator.arguments.items()
                },
            )
            for operator in self._operators
        ]
        return Program(self.path, self._inputs, self._colours, self._constants, operators, self.output_names)

    def results(
        self, inputs: Mapping[str, npt.NDArray[Any]], *, precision: ComputePrecision
    ) -> Iterator[tuple[Operator, Mapping[str, npt.NDArray[Any]]]]:
        """Each operator, in the order of computation, with its results by the names that they have in float32."""
        seen: list[tuple[Operator, Mapping[str, npt.NDArray[Any]]]] = []

        def observe(operator: Operator, results: Sequence[Value]) -> None:
            named = zip((original_name(declared.name) for declared in operator.results), results, strict=True)
            seen.append((operator, {name: x.numpy() for name, x in named if isinstance(x, Tensor)}))

        self._evaluate(inputs, precision, observe)
        return iter(seen)

    def run_observed(
        self, inputs: Mapping[str, npt.NDArray[Any]]
    ) -> tuple[dict[str, npt.NDArray[Any]], ActivationRange]:
        """`run` in float32, and the largest activation on the way."""
        largest = ("", "", 0.0)
        overflow: tuple[str | None, str | None] = (None, None)

        def observe(operator: Operator, results: Sequence[Value]) -> None:
            nonlocal largest, overflow
            floats = [x for x in results if isinstance(x, Tensor) and x.is_floating_point() and x.numel()]
            # A cast gives what was there: of an image input, its pixels.
            if operator.kind.startswith(("constexpr_", "cast")) or not floats:
                return
            magnitude = max((float(x.abs().max()) for x in floats), key=lambda m: math.inf if math.isnan(m) else m)
            if not magnitude <= largest[2] and not math.isnan(largest[2]):
                largest = (operator.name, operator.kind, magnitude)
            # 65520 and more round to infinity.
            if overflow[0] is None and not math.isfinite(float(torch.tensor(magnitude).half())):
                overflow = (operator.name, operator.kind)

        values = self._evaluate(inputs, ComputePrecision.FLOAT32, observe)
        name, kind, magnitude = largest
        return {output: _to_numpy(values[output]) for output in self.output_names}, ActivationRange(
            operator=name, kind=kind, largest=magnitude, overflow=overflow[0], overflow_kind=overflow[1]
        )

    def subnormals(self, feeds: Sequence[Mapping[str, npt.NDArray[Any]]]) -> Subnormals:
        """How many constants, and operators' results in float32 over several inferences, are subnormal."""
        activations = 0
        first: Operator | None = None

        def observe(operator: Operator, results: Sequence[Value]) -> None:
            nonlocal activations, first
            found = sum(count(x.numpy()) for x in results if isinstance(x, Tensor))
            activations += found
            if found and first is None:
                first = operator

        for feed in feeds:
            self._evaluate(feed, ComputePrecision.FLOAT32, observe)
        weights: Counter[str] = Counter()
        for name, value in self._constants.items():
            if isinstance(value, Tensor) and value.is_floating_point():
                stored = value.half() if name in self._half_constants else value
                weights[str(stored.numpy().dtype)] += count(stored.numpy())
        return Subnormals(
            weights={kind: number for kind, number in weights.items() if number},
            activations=activations,
            operator=first.name if first else None,
            kind=first.kind if first else None,
        )

    def _evaluate(
        self,
        inputs: Mapping[str, npt.NDArray[Any]],
        precision: ComputePrecision,
        observe: Callable[[Operator, Sequence[Value]], None] | None = None,
    ) -> dict[str, Value]:
        if set(inputs) != set(self.input_names):
            raise ValueError(f"{self.path.name} takes {', '.join(self.input_names)}, not {', '.join(inputs)}")
        values = dict(self._constants)
        with torch.inference_mode():
            for declared in self._inputs:
                values[declared.name] = _stored(self._input(declared, inputs[declared.name]), declared, precision)
            for operator in self._operators:
                results = self._compute(operator, values)
                stored = [_stored(x, d, precision) for x, d in zip(results, operator.results, strict=True)]
                for x, declared in zip(stored, operator.results, strict=True):
                    if not _fits(x, declared.shape):
                        raise ArtifactError(
                            f"{self.path}: {operator.kind} {operator.name!r} gives {tuple(x.shape)}, where the program "
                            f"says {declared.shape}; the package is damaged, or effmod misreads this operator"
                        )
                    values[declared.name] = x
                if observe is not None:
                    observe(operator, stored)
        return values

    def _compute(self, operator: Operator, values: Mapping[str, Value]) -> Sequence[Value]:
        arguments: dict[str, Value] = {}
        for name, bindings in operator.arguments.items():
            given = [values[b.name] if isinstance(b, Reference) else b for b in bindings]
            arguments[name] = given if name in _SEVERAL else given[0]
        try:
            results = OPERATORS[operator.kind](**arguments)
        except (RuntimeError, ValueError, IndexError, TypeError, KeyError) as error:
            raise ArtifactError(
                f"{self.path}: {operator.kind} {operator.name!r} cannot be computed: {error}"
            ) from error
        results = results if isinstance(results, (tuple, list)) else (results,)
        if len(results) != len(operator.results):
            raise ArtifactError(
                f"{self.path}: {operator.kind} {operator.name!r} gives {len(results)} results, where the program says "
                f"{len(operator.results)}; the package is damaged, or effmod misreads this operator"
            )
        return results

    def _input(self, declared: Declared, array: npt.NDArray[Any]) -> Tensor:
        x = torch.tensor(np.ascontiguousarray(array))
        if not _fits(x, declared.shape):
            raise ValueError(f"input {declared.name!r} of {self.path.name} is {declared.shape}, not {tuple(x.shape)}")
        colour = self._colours.get(declared.name)
        if colour is None:
            return x
        pixels = np.asarray(array)
        if pixels.min() < 0 or pixels.max() > 255 or np.any(pixels != np.round(pixels)):
            raise ValueError(f"image {declared.name!r} of {self.path.name} takes whole values in 0..255")
        return x.flip(1) if colour == "BGR" else x


def load_program(path: Path) -> Program:
    """Read a package: its specification, its weights, and the operators that it uses.

    Raises:
        ArtifactError: it is not a package, holds no ML program, or is damaged.
        UnknownOperatorError: it uses operators that this evaluation does not know; all of them are named.
    """
    proto = read_specification(path)
    if proto.spec.WhichOneof("Type") != "mlProgram":
        raise ArtifactError(f"{path} holds no ML program but a {proto.spec.WhichOneof('Type')}; export it again")
    reader = Reader(path, proto)
    try:
        program = _read_program(path, proto, reader)
    except ArtifactError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"the specification of {path} is damaged: {error!r}. Export it again") from error
    return program


def _read_program(path: Path, proto: "Specification", reader: "Reader") -> Program:
    functions = proto.spec.mlProgram.functions
    if "main" not in functions:  # asking the map for it would make one
        raise ArtifactError(f"{path} has no function named main, but {', '.join(functions) or 'none at all'}")
    main = functions["main"]
    block = main.block_specializations[main.opset]
    constants: dict[str, Value] = {}
    halves: set[str] = set()
    operators: list[Operator] = []
    for operation in block.operations:
        if operation.type == "const":
            (result,) = operation.outputs
            constants[result.name] = reader.value(operation.attributes["val"])
            if reader.declared(result).dtype == "FLOAT16":
                halves.add(result.name)
        else:
            operators.append(reader.operator(operation))
    _check_known(path, operators)
    inputs = [reader.declared(declared) for declared in main.inputs]
    defined = constants.keys() | {declared.name for declared in inputs}
    for operator in operators:
        used = {b.name for bindings in operator.arguments.values() for b in bindings if isinstance(b, Reference)}
        if not used <= defined:
            raise ArtifactError(
                f"the specification of {path} is damaged: {operator.kind} {operator.name!r} uses "
                f"{', '.join(sorted(used - defined))}, which nothing before it gives. Export it again"
            )
        defined |= {result.name for result in operator.results}
    if not block.outputs or not set(block.outputs) <= defined:
        raise ArtifactError(f"the specification of {path} is damaged: it lacks an output. Export it again")
    return Program(path, inputs, reader.colours(), constants, operators, block.outputs, half_constants=halves)


def _check_known(path: Path, operators: Sequence[Operator]) -> None:
    unknown: Counter[str] = Counter()
    for operator in operators:
        function = OPERATORS.get(operator.kind)
        if function is None:
            unknown[operator.kind] += 1
            continue
        for parameter in operator.arguments.keys() - inspect.signature(function).parameters.keys():
            unknown[f"{operator.kind}({parameter}=)"] += 1
    if unknown:
        names = ", ".join(f"{name} ({count})" for name, count in sorted(unknown.items()))
        raise UnknownOperatorError(
            f"{path.name} uses operators that effmod cannot compute, so it cannot be checked: {names}; --format onnx "
            "may take its network"
        )


def original_name(name: str) -> str:
    """What an operator, or its result, is called before coremltools makes it compute in float16."""
    return name.replace("_cast_fp16", "")


def rounded_to_half(constant: Value) -> Value:
    """A constant as coremltools stores it in float16; what is no float stays as it is.

    A float that would become zero becomes the smallest that float16 holds: of an epsilon nothing else would be left.
    coremltools does so in small arrays alone (`_check_underflow_to_zero`); in large ones it changes nothing to speak
    of.
    """
    if not isinstance(constant, Tensor) or not constant.is_floating_point():
        return constant
    rounded = constant.half().float()
    lost = (rounded == 0) & (constant != 0)
    return torch.where(lost, constant.sign() * _SMALLEST_HALF, rounded)


def _references(bindings: Iterable[Any]) -> Iterator[Reference]:
    return (b for b in bindings if isinstance(b, Reference))


def _fits(x: Value, shape: tuple[int | None, ...] | None) -> bool:
    if shape is None or not isinstance(x, Tensor):
        return True
    return x.ndim == len(shape) and all(size in (None, found) for size, found in zip(shape, x.shape, strict=True))


def _stored(x: Value, declared: Declared, precision: ComputePrecision) -> Value:
    """A result as the program's type stores it; floats are float32 in any case, and integers int64."""
    if not isinstance(x, Tensor) or declared.dtype in ("STRING", "DICTIONARY"):
        return x
    if declared.dtype == "BOOL":
        return x.bool()
    if "INT" in declared.dtype:
        return x.to(torch.int64)
    x = x.to(torch.float32)
    return x.half().float() if declared.dtype == "FLOAT16" and precision is ComputePrecision.FLOAT16 else x


def _to_numpy(value: Value) -> npt.NDArray[Any]:
    return value.numpy() if isinstance(value, Tensor) else np.asarray(value)
