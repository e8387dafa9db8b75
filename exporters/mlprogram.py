"""A saved Core ML package, computed with torch: what an .mlpackage gives, where Core ML does not exist.

Core ML runs on Apple's systems only. Elsewhere a package is proved by reading it a second time: the specification and
the weight file as they lie on disk, every operator as MIL defines it (coremltools, "MIL Ops"). Nothing of the
conversion is trusted, neither coremltools' passes nor its writer; only its description of the file format is used.

A float16 program stores each operator's result in float16. So does this evaluation, but it computes inside an
operator in float32, as the Neural Engine and the GPU may or may not do.
"""

import inspect
import logging
import math
import struct
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from google.protobuf.message import DecodeError
from torch import Tensor

from exporters.artifact import ActivationRange
from exporters.config import ComputePrecision
from exporters.errors import ArtifactError
from exporters.mil_operators import OPERATORS, Value, unpack_bits


class UnknownOperatorError(ArtifactError):
    """A package uses operators, or parameters of operators, that this evaluation does not know."""


# ---- What a program consists of

_SEVERAL = ("values",)  # the parameters that take several arguments


class _Declared(msgspec.Struct, frozen=True):
    """A value that the program names; `shape` is None where the program leaves it open, and an open size is None."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


class _Reference(msgspec.Struct, frozen=True):
    """An argument that an earlier operator, a constant or an input provides."""

    name: str


class _Operator(msgspec.Struct, frozen=True):
    kind: str
    name: str
    arguments: Mapping[str, Sequence[Any]]  # by parameter, one or several: a `_Reference`, or the value itself
    results: tuple[_Declared, ...]


class Program:
    """The main function of an ML program, ready to run. Made by `load_program`."""

    def __init__(
        self,
        path: Path,
        inputs: Sequence[_Declared],
        colours: Mapping[str, str],
        constants: Mapping[str, Value],
        operators: Sequence[_Operator],
        outputs: Sequence[str],
    ) -> None:
        self.path = path
        self._inputs = tuple(inputs)
        self._colours = dict(colours)
        self._constants = dict(constants)
        self._operators = tuple(operators)
        self._outputs = tuple(outputs)

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
        return {name: _to_numpy(values[name]) for name in self._outputs}

    def run_observed(
        self, inputs: Mapping[str, npt.NDArray[Any]]
    ) -> tuple[dict[str, npt.NDArray[Any]], ActivationRange]:
        """`run` in float32, and the largest activation on the way."""
        largest = ("", "", 0.0)
        overflow: tuple[str | None, str | None] = (None, None)

        def observe(operator: _Operator, results: Sequence[Value]) -> None:
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
        return {output: _to_numpy(values[output]) for output in self._outputs}, ActivationRange(
            operator=name, kind=kind, largest=magnitude, overflow=overflow[0], overflow_kind=overflow[1]
        )

    def _evaluate(
        self,
        inputs: Mapping[str, npt.NDArray[Any]],
        precision: ComputePrecision,
        observe: Callable[[_Operator, Sequence[Value]], None] | None = None,
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

    def _compute(self, operator: _Operator, values: Mapping[str, Value]) -> Sequence[Value]:
        arguments: dict[str, Value] = {}
        for name, bindings in operator.arguments.items():
            given = [values[b.name] if isinstance(b, _Reference) else b for b in bindings]
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

    def _input(self, declared: _Declared, array: npt.NDArray[Any]) -> Tensor:
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
    proto = _read_specification(path)
    if proto.spec.WhichOneof("Type") != "mlProgram":
        raise ArtifactError(f"{path} holds no ML program but a {proto.spec.WhichOneof('Type')}; export it again")
    reader = _Reader(path, proto)
    try:
        program = _read_program(path, proto, reader)
    except ArtifactError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"the specification of {path} is damaged: {error!r}. Export it again") from error
    return program


def _read_program(path: Path, proto: "_Specification", reader: "_Reader") -> Program:
    functions = proto.spec.mlProgram.functions
    if "main" not in functions:  # asking the map for it would make one
        raise ArtifactError(f"{path} has no function named main, but {', '.join(functions) or 'none at all'}")
    main = functions["main"]
    block = main.block_specializations[main.opset]
    constants: dict[str, Value] = {}
    operators: list[_Operator] = []
    for operation in block.operations:
        if operation.type == "const":
            constants[operation.outputs[0].name] = reader.value(operation.attributes["val"])
        else:
            operators.append(reader.operator(operation))
    _check_known(path, operators)
    inputs = [reader.declared(declared) for declared in main.inputs]
    defined = constants.keys() | {declared.name for declared in inputs}
    for operator in operators:
        used = {b.name for bindings in operator.arguments.values() for b in bindings if isinstance(b, _Reference)}
        if not used <= defined:
            raise ArtifactError(
                f"the specification of {path} is damaged: {operator.kind} {operator.name!r} uses "
                f"{', '.join(sorted(used - defined))}, which nothing before it gives. Export it again"
            )
        defined |= {result.name for result in operator.results}
    if not block.outputs or not set(block.outputs) <= defined:
        raise ArtifactError(f"the specification of {path} is damaged: it lacks an output. Export it again")
    return Program(path, inputs, reader.colours(), constants, operators, block.outputs)


def _check_known(path: Path, operators: Sequence[_Operator]) -> None:
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
            f"{path} uses operators that effmod cannot compute, so it cannot be checked: {names}"
        )


def _fits(x: Value, shape: tuple[int | None, ...] | None) -> bool:
    if shape is None or not isinstance(x, Tensor):
        return True
    return x.ndim == len(shape) and all(size in (None, found) for size, found in zip(shape, x.shape, strict=True))


def _stored(x: Value, declared: _Declared, precision: ComputePrecision) -> Value:
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


# ---- Reading the file

# Bits of MIL's element types. The ones of less than a byte are packed, the lowest bits first.
_BITS = {"UINT1": 1, "UINT2": 2, "UINT3": 3, "UINT4": 4, "INT4": 4, "UINT6": 6}
_NUMPY: dict[str, npt.DTypeLike] = {
    "BOOL": np.bool_,
    "FLOAT16": np.float16,
    "FLOAT32": np.float32,
    "FLOAT64": np.float64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
}

# The weight file: 64 bytes of header, then arrays, each behind 64 bytes that say where it lies (MILBlob's
# StorageFormat.hpp). The numbers are BlobDataType's.
_SENTINEL = 0xDEADBEEF
_BLOB_VERSION = 2
_ENTRY = struct.Struct("<IIQQQ")  # sentinel, type, bytes, offset, unused bits in the last byte
_BLOB_TYPES = {
    1: "FLOAT16",
    2: "FLOAT32",
    3: "UINT8",
    4: "INT8",
    6: "INT16",
    7: "UINT16",
    8: "INT4",
    9: "UINT1",
    10: "UINT2",
    11: "UINT4",
    12: "UINT3",
    13: "UINT6",
    14: "INT32",
    15: "UINT32",
}


class _Item(msgspec.Struct):
    path: str


class _Manifest(msgspec.Struct, rename="camel"):
    """Manifest.json of a package: which of its files is the specification."""

    item_info_entries: dict[str, _Item]
    root_model_identifier: str


class _Specification(msgspec.Struct, frozen=True):
    spec: Any  # coremltools.proto.Model_pb2.Model
    folder: Path  # that it lies in, which is what "@model_path" stands for
    type_names: Mapping[int, str]


@contextmanager
def _quiet() -> Iterator[None]:
    """Coremltools says at import which libraries it has not been tested with, and that this is not a Mac."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _read_specification(path: Path) -> _Specification:
    try:
        with _quiet():
            from coremltools.proto import MIL_pb2, Model_pb2
    except ImportError as error:
        raise ArtifactError(
            f"{path} cannot be read without coremltools, which exists for macOS and Linux: pip install coremltools"
        ) from error
    try:
        manifest = msgspec.json.decode((path / "Manifest.json").read_bytes(), type=_Manifest)
        location = manifest.item_info_entries[manifest.root_model_identifier].path
        file = _inside(path / "Data", location, path)
        spec = Model_pb2.Model()
        spec.ParseFromString(file.read_bytes())
    except ArtifactError:
        raise
    except (msgspec.DecodeError, KeyError, DecodeError, ValueError, RuntimeError) as error:  # or a path of no file
        raise ArtifactError(f"{path} is not a Core ML package, or it is damaged: {error}") from error
    except OSError as error:
        raise ArtifactError(f"cannot read {path} as a Core ML package: {error.strerror}") from error
    return _Specification(spec, file.parent, {number: name for name, number in MIL_pb2.DataType.items()})


def _inside(folder: Path, location: str, package: Path) -> Path:
    file = (folder / location).resolve()
    if not file.is_relative_to((package / "Data").resolve()):  # what its hash is of
        raise ArtifactError(f"{package} keeps data outside itself, in {location!r}; effmod does not follow such a path")
    return file


class _Reader:
    """Reads what a specification holds: operators, declared types, and values, from the weight file as well."""

    def __init__(self, path: Path, proto: _Specification) -> None:
        self._path = path
        self._proto = proto
        self._weights: dict[str, bytes] = {}

    def colours(self) -> dict[str, str]:
        """The inputs that are images, with the order of their channels."""
        found: dict[str, str] = {}
        for feature in self._proto.spec.description.input:
            if feature.type.WhichOneof("Type") == "imageType":
                image = feature.type.imageType
                colour = type(image).ColorSpace.Name(image.colorSpace)
                if colour not in ("RGB", "BGR"):
                    raise ArtifactError(f"{self._path}: input {feature.name!r} is a {colour} image, not a colour one")
                found[feature.name] = colour
        return found

    def declared(self, named: Any) -> _Declared:
        kind = named.type.WhichOneof("type")
        if kind == "dictionaryType":
            return _Declared(named.name, "DICTIONARY", None)
        if kind != "tensorType":
            raise UnknownOperatorError(f"{self._path}: {named.name!r} is a {kind}, which effmod cannot compute")
        tensor = named.type.tensorType
        sizes = [d.constant.size if d.WhichOneof("dimension") == "constant" else None for d in tensor.dimensions]
        shape = tuple(sizes) if len(sizes) == tensor.rank else None
        return _Declared(named.name, self._proto.type_names[tensor.dataType], shape)

    def operator(self, operation: Any) -> _Operator:
        arguments: dict[str, list[Any]] = {}
        name = operation.outputs[0].name if operation.outputs else operation.type
        for parameter, argument in operation.inputs.items():
            arguments[parameter] = [
                _Reference(b.name) if b.WhichOneof("binding") == "name" else self.value(b.value)
                for b in argument.arguments
            ]
        for attribute, value in operation.attributes.items():
            if attribute == "name":
                name = self.value(value)
            elif operation.type.startswith("constexpr_"):  # before iOS 18 their parameters are attributes
                arguments[attribute] = [self.value(value)]
        return _Operator(operation.type, name, arguments, tuple(map(self.declared, operation.outputs)))

    def value(self, value: Any) -> Value:
        """A constant: floats as float32, integers as int64."""
        if value.WhichOneof("value") == "blobFileValue":
            array = self._blob(value.blobFileValue, self.declared(_Anonymous(value.type)))
        else:
            immediate = value.immediateValue
            if immediate.WhichOneof("value") == "list":
                return [self.value(item) for item in immediate.list.values]
            declared = self.declared(_Anonymous(value.type))
            content = getattr(immediate.tensor, immediate.tensor.WhichOneof("value")).values
            if declared.dtype == "STRING":
                return content[0] if declared.shape == () else list(content)
            if isinstance(content, bytes):
                array = self._unpacked(content, declared)
            else:
                array = np.array(content, dtype=_NUMPY[declared.dtype]).reshape(_closed(declared))
        kind = array.dtype.kind
        wide = np.float32 if kind == "f" else np.bool_ if kind == "b" else np.int64
        return torch.from_numpy(array.astype(wide))

    def _blob(self, blob: Any, declared: _Declared) -> npt.NDArray[Any]:
        data = self._weight_file(blob.fileName)
        entry = data[blob.offset : blob.offset + _ENTRY.size]
        if len(entry) < _ENTRY.size:
            raise self._damaged(f"it ends before the entry at {blob.offset}")
        sentinel, number, size, offset, _ = _ENTRY.unpack(entry)
        if sentinel != _SENTINEL:
            raise self._damaged(f"there is no entry at {blob.offset}")
        if _BLOB_TYPES.get(number) != declared.dtype:
            raise self._damaged(
                f"the entry at {blob.offset} is of type {number}, and the program says {declared.dtype}"
            )
        if offset + size > len(data):
            raise self._damaged(f"the array of the entry at {blob.offset} is cut short")
        return self._unpacked(data[offset : offset + size], declared)

    def _unpacked(self, data: bytes, declared: _Declared) -> npt.NDArray[Any]:
        shape = _closed(declared)
        count = math.prod(shape)
        bits = _BITS.get(declared.dtype)
        expected = -(-count * bits // 8) if bits else count * np.dtype(_NUMPY[declared.dtype]).itemsize
        if len(data) != expected:
            raise self._damaged(f"an array of {shape} {declared.dtype} has {len(data)} bytes, not {expected}")
        if bits is None:
            return np.frombuffer(data, dtype=_NUMPY[declared.dtype]).reshape(shape)
        array = unpack_bits(np.frombuffer(data, dtype=np.uint8), bits, count)
        if declared.dtype == "INT4":
            array = np.where(array > 7, array - 16, array)
        return array.reshape(shape)

    def _weight_file(self, name: str) -> bytes:
        if name not in self._weights:
            file = _inside(self._proto.folder, name.removeprefix("@model_path/"), self._path)
            try:
                data = file.read_bytes()
            except OSError as error:
                raise ArtifactError(f"cannot read the weights of {self._path}: {error}") from error
            if len(data) < 8 or struct.unpack_from("<I", data, 4)[0] != _BLOB_VERSION:
                raise self._damaged("it does not begin as one")
            self._weights[name] = data
        return self._weights[name]

    def _damaged(self, what: str) -> ArtifactError:
        return ArtifactError(f"the weight file of {self._path} is damaged: {what}. Export it again")


class _Anonymous(msgspec.Struct, frozen=True):
    """Stands in for a named type where a value has none."""

    type: Any
    name: str = ""


def _closed(declared: _Declared) -> tuple[int, ...]:
    """The shape of a constant, which leaves nothing open."""
    return tuple(size or 0 for size in declared.shape or ())
