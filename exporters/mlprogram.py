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
import torch.nn.functional as F
from google.protobuf.message import DecodeError
from torch import Tensor

from exporters.artifact import ActivationRange
from exporters.config import ComputePrecision
from exporters.errors import ArtifactError


class UnknownOperatorError(ArtifactError):
    """A package uses operators, or parameters of operators, that this evaluation does not know."""


# ---- What a program consists of

_SEVERAL = ("values",)  # the parameters that take several arguments

Value = Any  # a Tensor (float32, int64 or bool), a str, or a list of these for a parameter that takes several


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
    except (msgspec.DecodeError, KeyError, DecodeError) as error:
        raise ArtifactError(f"{path} is not a Core ML package, or it is damaged: {error}") from error
    except OSError as error:
        raise ArtifactError(f"cannot read {path} as a Core ML package: {error}") from error
    return _Specification(spec, file.parent, {number: name for name, number in MIL_pb2.DataType.items()})


def _inside(folder: Path, location: str, package: Path) -> Path:
    file = (folder / location).resolve()
    if not file.is_relative_to(package.resolve()):
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
        array = _unpack_bits(np.frombuffer(data, dtype=np.uint8), bits, count)
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


def _unpack_bits(data: npt.NDArray[np.uint8], bits: int, count: int) -> npt.NDArray[np.int64]:
    """Numbers of `bits` bits each, packed without gaps from the lowest bit of the first byte on."""
    planes = np.unpackbits(data, bitorder="little", count=count * bits).reshape(count, bits)
    return planes.astype(np.int64) @ (1 << np.arange(bits, dtype=np.int64))


# ---- The operators: parameters are named as MIL names them, and defaults are MIL's


def _ints(x: Tensor | None, default: Sequence[int] = ()) -> list[int]:
    return list(default) if x is None else [int(i) for i in x.flatten().tolist()]


def _int(x: Tensor | None, default: int = 0) -> int:
    return default if x is None else int(x)


def _flag(x: Tensor | None, default: bool = False) -> bool:
    return default if x is None else bool(x)


def _along(x: Tensor, vector: Tensor, axis: int) -> Tensor:
    """A vector, or a scalar, in the shape that broadcasts it along one axis of x."""
    return vector.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)]) if vector.ndim else vector


def _padding(
    pad_type: str, pad: Tensor | None, size: Sequence[int], reach: Sequence[int], stride: Sequence[int]
) -> list[tuple[int, int]]:
    """What is put before and after each spatial axis; `reach` is the kernel's size, dilation counted."""
    if pad_type == "valid":
        return [(0, 0)] * len(size)
    if pad_type == "custom":
        sides = _ints(pad, [0] * 2 * len(size))
        return list(zip(sides[::2], sides[1::2], strict=True))
    if pad_type not in ("same", "same_lower"):
        raise ValueError(f"there is no pad_type {pad_type!r}")
    totals = [max(0, (-(-n // s) - 1) * s + k - n) for n, k, s in zip(size, reach, stride, strict=True)]
    # An odd one goes to the end, with same_lower to the beginning.
    halves = [(total // 2, total - total // 2) for total in totals]
    return halves if pad_type == "same" else [(after, before) for before, after in halves]


def _pad_spatial(x: Tensor, sides: Sequence[tuple[int, int]], value: float = 0) -> Tensor:
    if not any(any(side) for side in sides):
        return x
    return F.pad(x, [n for side in reversed(sides) for n in side], value=value)  # torch begins with the last axis


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: Tensor | None = None,
    pad_type: str = "valid",
    pad: Tensor | None = None,
    dilations: Tensor | None = None,
    groups: Tensor | None = None,
) -> Tensor:
    ones = [1] * (x.ndim - 2)
    stride, dilation = _ints(strides, ones), _ints(dilations, ones)
    reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    x = _pad_spatial(x, _padding(pad_type, pad, x.shape[2:], reach, stride))
    none = [0] * len(ones)
    return torch.convolution(x, weight, bias, stride, none, dilation, False, none, _int(groups, 1))


def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: Tensor | None = None,
    output_shape: Tensor | None = None,
    pad_type: str = "valid",
    strides: Tensor | None = None,
    dilations: Tensor | None = None,
    groups: Tensor | None = None,
) -> Tensor:
    """The whole transposed convolution, of which padding cuts the edges off."""
    ones = [1] * (x.ndim - 2)
    stride, dilation = _ints(strides, ones), _ints(dilations, ones)
    none = [0] * len(ones)
    y = torch.convolution(x, weight, None, stride, none, dilation, True, none, _int(groups, 1))
    if pad_type == "same":
        sizes = [n * s for n, s in zip(x.shape[2:], stride, strict=True)]
        before = [max(0, full - size) // 2 for full, size in zip(y.shape[2:], sizes, strict=True)]
    else:
        sides = _padding(pad_type, pad, x.shape[2:], ones, ones)
        before = [side[0] for side in sides]
        sizes = [full - sum(side) for full, side in zip(y.shape[2:], sides, strict=True)]
    if output_shape is not None:
        sizes = _ints(output_shape)[2:]
    # Beyond the last position that the kernel reaches there is nothing but the bias.
    y = _pad_spatial(
        y, [(-start, start + size - full) for start, size, full in zip(before, sizes, y.shape[2:], strict=True)]
    )
    return y if bias is None else y + _along(y, bias, 1)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


def matmul(x: Tensor, y: Tensor, transpose_x: Tensor | None = None, transpose_y: Tensor | None = None) -> Tensor:
    x = x.mT if _flag(transpose_x) else x
    y = y.mT if _flag(transpose_y) else y
    return x @ y


def einsum(values: list[Tensor], equation: str) -> Tensor:
    return torch.einsum(equation, *values)


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(-1) @ value


def layer_norm(
    x: Tensor,
    axes: Tensor | None = None,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: Tensor | None = None,
) -> Tensor:
    """Gamma and beta have the sizes of the normalized axes, in x's order."""
    normalized = sorted(axis % x.ndim for axis in _ints(axes, range(x.ndim)))
    shape = [size if axis in normalized else 1 for axis, size in enumerate(x.shape)]
    variance, mean = torch.var_mean(x, dim=normalized, correction=0, keepdim=True)
    y = (x - mean) / torch.sqrt(variance + (1e-5 if epsilon is None else epsilon))
    y = y if gamma is None else y * gamma.reshape(shape)
    return y if beta is None else y + beta.reshape(shape)


def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: Tensor | None = None,
) -> Tensor:
    return F.batch_norm(x, mean, variance, gamma, beta, eps=1e-5 if epsilon is None else float(epsilon))


def instance_norm(
    x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: Tensor | None = None
) -> Tensor:
    return F.instance_norm(x, weight=gamma, bias=beta, eps=1e-5 if epsilon is None else float(epsilon))


def softmax(x: Tensor, axis: Tensor | None = None) -> Tensor:
    return x.softmax(_int(axis, -1))


def gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    return F.gelu(x, approximate={"EXACT": "none", "TANH_APPROXIMATION": "tanh"}[mode])


def _pooled(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    sides: Sequence[tuple[int, int]],
    ceil_mode: bool,
) -> list[tuple[int, int]]:
    """How much further, with ceil_mode, the last window reaches (negative: how much of the end is in no window)."""
    if not ceil_mode:
        return [(0, 0)] * len(kernel)
    further = []
    for n, k, s, (before, after) in zip(x.shape[2:], kernel, stride, sides, strict=True):
        windows = -(-(n + before + after - k) // s) + 1
        if before + after > 0 and (windows - 1) * s >= n + before:  # the last would see padding alone
            windows -= 1
        further.append((0, (windows - 1) * s + k - (n + before + after)))
    return further


def avg_pool(
    x: Tensor,
    kernel_sizes: Tensor,
    pad_type: str,
    strides: Tensor | None = None,
    pad: Tensor | None = None,
    exclude_padding_from_average: Tensor | None = None,
    ceil_mode: Tensor | None = None,
) -> Tensor:
    kernel = _ints(kernel_sizes)
    stride = _ints(strides, [1] * len(kernel))
    sides = _padding(pad_type, pad, x.shape[2:], kernel, stride)
    further = _pooled(x, kernel, stride, sides, _flag(ceil_mode))
    pool: Any = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel) - 1]
    y = pool(_pad_spatial(_pad_spatial(x, sides), further), kernel, stride)
    if not any(map(any, (*sides, *further))):
        return y
    # The share of each window that counts: without what ceil_mode adds, and without padding where that is excluded.
    padding_counts = not _flag(exclude_padding_from_average)
    counted = _pad_spatial(torch.ones(1, 1, *x.shape[2:]), sides, value=float(padding_counts))
    return y / pool(_pad_spatial(counted, further), kernel, stride)


def max_pool(
    x: Tensor,
    kernel_sizes: Tensor,
    pad_type: str,
    strides: Tensor | None = None,
    pad: Tensor | None = None,
    ceil_mode: Tensor | None = None,
) -> Tensor:
    kernel = _ints(kernel_sizes)
    stride = _ints(strides, [1] * len(kernel))
    sides = _padding(pad_type, pad, x.shape[2:], kernel, stride)
    further = _pooled(x, kernel, stride, sides, _flag(ceil_mode))
    pool: Any = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(kernel) - 1]
    return pool(_pad_spatial(_pad_spatial(x, sides, -math.inf), further, -math.inf), kernel, stride)


def _grid(mode: str, size: int, target: int) -> Tensor:
    """Where on an axis of `size` the `target` samples lie, as MIL's sampling modes say (resize_bilinear)."""
    i = torch.arange(target, dtype=torch.float64)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        alone = (size - 1) / 2 if mode == "ALIGN_CORNERS" else 0.0
        points = i * (size - 1) / (target - 1) if target > 1 else i + alone
    elif mode == "DEFAULT":
        points = i * size / target
    elif mode == "OFFSET_CORNERS":
        points = (i + 0.5) * max(1, size - 1) / target
    elif mode == "UNALIGN_CORNERS":
        points = (i + 0.5) * size / target - 0.5
    else:
        raise ValueError(f"there is no sampling mode {mode!r}")
    return points.clamp(0, size - 1)


def _resample(x: Tensor, axis: int, target: int, mode: str) -> Tensor:
    points = _grid(mode, x.shape[axis], target)
    below = points.floor().long()
    share = _along(x, (points - below).float(), axis)
    above = (below + 1).clamp(max=x.shape[axis] - 1)
    return x.index_select(axis, below) * (1 - share) + x.index_select(axis, above) * share


def _repeat_nearest(x: Tensor, axis: int, target: int) -> Tensor:
    return x.index_select(axis, torch.arange(target) * x.shape[axis] // target)


def _scaled(size: int, factor: Tensor | None) -> int:
    return math.floor(size * (1.0 if factor is None else float(factor)))


def upsample_bilinear(
    x: Tensor,
    scale_factor_height: Tensor | None = None,
    scale_factor_width: Tensor | None = None,
    align_corners: Tensor | None = None,
    half_pixel_centers: Tensor | None = None,
) -> Tensor:
    corners = _flag(align_corners, True)
    centred = _flag(half_pixel_centers, not corners)
    if corners and centred:
        raise ValueError("align_corners and half_pixel_centers exclude each other")
    mode = "STRICT_ALIGN_CORNERS" if corners else "UNALIGN_CORNERS" if centred else "DEFAULT"
    height, width = _scaled(x.shape[-2], scale_factor_height), _scaled(x.shape[-1], scale_factor_width)
    return _resample(_resample(x, -2, height, mode), -1, width, mode)


def resize_bilinear(
    x: Tensor,
    target_size_height: Tensor | None = None,
    target_size_width: Tensor | None = None,
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    rows = _resample(x, -2, _int(target_size_height, 1), sampling_mode)
    return _resample(rows, -1, _int(target_size_width, 1), sampling_mode)


def upsample_nearest_neighbor(
    x: Tensor, scale_factor_height: Tensor | None = None, scale_factor_width: Tensor | None = None
) -> Tensor:
    rows = _repeat_nearest(x, -2, _scaled(x.shape[-2], scale_factor_height))
    return _repeat_nearest(rows, -1, _scaled(x.shape[-1], scale_factor_width))


def resize_nearest_neighbor(x: Tensor, target_size_height: Tensor, target_size_width: Tensor) -> Tensor:
    return _repeat_nearest(_repeat_nearest(x, -2, _int(target_size_height)), -1, _int(target_size_width))


def resize(
    x: Tensor,
    shape: Tensor,
    resized_dims: Tensor,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    """The last `resized_dims` axes take the last sizes of `shape`; 0 leaves one as it is."""
    if interpolation_mode != "LINEAR" and sampling_mode != "DEFAULT":
        raise ValueError(f"MIL does not say what {interpolation_mode} with {sampling_mode} is")
    for axis in range(-_int(resized_dims), 0):
        target = _ints(shape)[axis] or x.shape[axis]
        if interpolation_mode == "LINEAR":
            x = _resample(x, axis, target, sampling_mode)
        else:
            x = _repeat_nearest(x, axis, target)
    return x


def pad(x: Tensor, pad: Tensor, mode: str = "constant", constant_val: Tensor | None = None) -> Tensor:
    sizes = _ints(pad)
    sides = list(zip(sizes[::2], sizes[1::2], strict=True))
    if mode == "constant":
        return _pad_spatial(x, sides, 0.0 if constant_val is None else float(constant_val))
    for axis, (before, after) in enumerate(sides, start=x.ndim - len(sides)):
        last = x.shape[axis] - 1
        index = torch.arange(-before, last + 1 + after)
        if mode == "reflect":
            index = last - (last - index.abs()).abs()
        elif mode == "replicate":
            index = index.clamp(0, last)
        else:
            raise ValueError(f"there is no mode {mode!r}")
        x = x.index_select(axis, index)
    return x


def reshape(x: Tensor, shape: Tensor) -> Tensor:
    sizes = _ints(shape)
    if 0 in sizes and len(sizes) != x.ndim:
        raise ValueError(f"{sizes} keeps a size of {tuple(x.shape)}, which has another rank")
    return x.reshape([size or x.shape[axis] for axis, size in enumerate(sizes)])


def transpose(x: Tensor, perm: Tensor) -> Tensor:
    return x.permute(_ints(perm))


def squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze(tuple(_ints(axes, range(x.ndim))))


def expand_dims(x: Tensor, axes: Tensor) -> Tensor:
    places = _ints(axes)
    rank = x.ndim + len(places)
    for axis in sorted(place % rank for place in places):
        x = x.unsqueeze(axis)
    return x


def flatten2d(x: Tensor, axis: Tensor | None = None) -> Tensor:
    return x.reshape(math.prod(x.shape[: _int(axis, 1)]), -1)


def tile(x: Tensor, reps: Tensor) -> Tensor:
    return x.tile(_ints(reps))


def concat(values: list[Tensor], axis: Tensor, interleave: Tensor | None = None) -> Tensor:
    if not _flag(interleave):
        return torch.cat([x.reshape(1) if x.ndim == 0 else x for x in values], _int(axis))
    place = _int(axis) % values[0].ndim
    return torch.stack(values, place + 1).flatten(place, place + 1)


def stack(values: list[Tensor], axis: Tensor) -> Tensor:
    return torch.stack(values, _int(axis))


def split(
    x: Tensor, axis: Tensor, num_splits: Tensor | None = None, split_sizes: Tensor | None = None
) -> Sequence[Tensor]:
    sizes = _ints(split_sizes)
    if not sizes:
        parts = _int(num_splits, 1)
        size, rest = divmod(x.shape[_int(axis)], parts)
        if rest:
            raise ValueError(f"{tuple(x.shape)} cannot be split evenly into {parts}")
        sizes = [size] * parts
    return x.split_with_sizes(sizes, _int(axis))


def slice_by_index(
    x: Tensor,
    begin: Tensor,
    end: Tensor,
    stride: Tensor | None = None,
    begin_mask: Tensor | None = None,
    end_mask: Tensor | None = None,
    squeeze_mask: Tensor | None = None,
) -> Tensor:
    """As Python slices; a mask says that a begin or an end is left out, or that the axis is indexed and goes away."""
    no = [0] * x.ndim
    steps, open_begin, open_end = _ints(stride, [1] * x.ndim), _ints(begin_mask, no), _ints(end_mask, no)
    single, begins, ends = _ints(squeeze_mask, no), _ints(begin), _ints(end)
    for axis in reversed(range(x.ndim)):
        if single[axis]:
            x = x.select(axis, 0 if open_begin[axis] else begins[axis])
            continue
        start = None if open_begin[axis] else begins[axis]
        stop = None if open_end[axis] else ends[axis]
        index = range(x.shape[axis])[start : stop : steps[axis]]
        x = x.index_select(axis, torch.tensor(index, dtype=torch.int64))
    return x


def slice_by_size(x: Tensor, begin: Tensor, size: Tensor) -> Tensor:
    """A size of -1 takes all there is to the end."""
    for axis, (start, count) in enumerate(zip(_ints(begin), _ints(size), strict=True)):
        start %= x.shape[axis]
        x = x.narrow(axis, start, x.shape[axis] - start if count == -1 else count)
    return x


def gather(
    x: Tensor,
    indices: Tensor,
    axis: Tensor | None = None,
    batch_dims: Tensor | None = None,
    validate_indices: Tensor | None = None,  # noqa: ARG001 - an index out of range is an error here in any case
) -> Tensor:
    place, batch = _int(axis) % x.ndim, _int(batch_dims)
    if batch:
        # One gather for each entry of the first axis, which both share.
        rows = [
            gather(row, index, torch.tensor(place - 1), torch.tensor(batch - 1))
            for row, index in zip(x, indices, strict=True)
        ]
        return torch.stack(rows)
    flat = torch.where(indices < 0, indices + x.shape[place], indices).reshape(-1)
    return x.index_select(place, flat).reshape(*x.shape[:place], *indices.shape, *x.shape[place + 1 :])


def gather_along_axis(
    x: Tensor,
    indices: Tensor,
    axis: Tensor | None = None,
    validate_indices: Tensor | None = None,  # noqa: ARG001 - as in gather
) -> Tensor:
    place = _int(axis)
    return torch.take_along_dim(x, torch.where(indices < 0, indices + x.shape[place], indices), place)


def cast(x: Tensor, dtype: str) -> Tensor:
    """To a whole number towards zero. How wide the result is stored, its declared type says."""
    if dtype == "bool":
        return x != 0
    return x.to(torch.float32) if dtype.startswith("fp") else x.to(torch.int64)


def shape(x: Tensor) -> Tensor:
    return torch.tensor(x.shape, dtype=torch.int64)


def fill(shape: Tensor, value: Tensor | None = None) -> Tensor:
    return torch.zeros(_ints(shape)) if value is None else value.expand(_ints(shape))


def fill_like(ref_tensor: Tensor, value: Tensor | None = None) -> Tensor:
    return torch.zeros(ref_tensor.shape) if value is None else value.expand(ref_tensor.shape)


def range_1d(start: Tensor, end: Tensor, step: Tensor) -> Tensor:
    return torch.arange(start.item(), end.item(), step.item())


def select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(cond, a, b)


def clip(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return x.clamp(alpha, beta)


def rsqrt(x: Tensor, epsilon: Tensor | None = None) -> Tensor:
    return torch.rsqrt(x + (1e-12 if epsilon is None else epsilon))


def inverse(x: Tensor, epsilon: Tensor | None = None) -> Tensor:
    return 1 / (x + (1e-4 if epsilon is None else epsilon))


def log(x: Tensor, epsilon: Tensor | None = None) -> Tensor:
    return torch.log(x + (1e-45 if epsilon is None else epsilon))


def prelu(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.where(x > 0, x, _along(x, alpha, 1) * x)


def classify(probabilities: Tensor, classes: list[Any]) -> tuple[str, Tensor]:
    """The label of the largest probability, and all of them in the order of the labels."""
    flat = probabilities.flatten()
    label = classes[int(flat.argmax())]
    return str(label.item() if isinstance(label, Tensor) else label), flat


def reduce_argmax(
    x: Tensor,
    axis: Tensor | None = None,
    keep_dims: Tensor | None = None,
    output_dtype: str = "int32",  # noqa: ARG001 - the declared type says it
) -> Tensor:
    return x.argmax(_int(axis, -1), keepdim=_flag(keep_dims))


def _reduction(function: Callable[[Tensor, list[int], bool], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | None = None) -> Tensor:
        return function(x, _ints(axes, range(x.ndim)), _flag(keep_dims))

    return compute


def _unary(function: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor) -> Tensor:
        return function(x)

    return compute


def _binary(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, y: Tensor) -> Tensor:
        return function(x, y)

    return compute


def _with_alpha(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, alpha: Tensor) -> Tensor:
        return function(x, alpha)

    return compute


def _with_alpha_and_beta(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def compute(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        return function(x, alpha, beta)

    return compute


# Compressed weights. All of them are computed when the program runs, from what is stored.


def constexpr_affine_dequantize(quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: Tensor) -> Tensor:
    place = _int(axis)
    return _along(quantized_data, scale, place) * (quantized_data - _along(quantized_data, zero_point, place))


def constexpr_blockwise_shift_scale(data: Tensor, scale: Tensor, offset: Tensor | None = None) -> Tensor:
    """Scale and offset hold for a block each, of the size that makes them cover the data."""
    shifted = data.float() if offset is None else data - _block_wise(offset, data.shape)
    return _block_wise(scale, data.shape) * shifted


def _block_wise(x: Tensor, shape: Sequence[int]) -> Tensor:
    for axis, size in enumerate(shape):
        x = x.repeat_interleave(size // x.shape[axis], dim=axis)
    return x


def constexpr_lut_to_dense(
    indices: Tensor, lut: Tensor, shape: Tensor | None = None, vector_axis: Tensor | None = None
) -> Tensor:
    """Look up a palette. iOS 16: one for all, indices packed in bytes. iOS 18: one a block, (blocks.., entries, V)."""
    if shape is not None:
        sizes = _ints(shape)
        bits = lut.numel().bit_length() - 1
        packed = indices.numpy().astype(np.uint8)
        return lut[torch.from_numpy(_unpack_bits(packed, bits, math.prod(sizes)))].reshape(sizes)
    rank = indices.ndim
    blocks = []
    for axis, size in enumerate(indices.shape):
        block = torch.arange(size) // (size // lut.shape[axis])
        blocks.append(block.reshape([-1 if i == axis else 1 for i in range(rank)]))
    dense = lut[(*blocks, indices)]  # (*indices.shape, V)
    place = _int(vector_axis, rank - 1) % rank
    return dense.movedim(-1, place + 1).flatten(place, place + 1)


def constexpr_sparse_to_dense(nonzero_data: Tensor, mask: Tensor, shape: Tensor | None = None) -> Tensor:
    """Zeros where the mask has 0. iOS 16 packs it in bytes, iOS 18 has the shape itself."""
    if shape is not None:
        sizes = _ints(shape)
        packed = mask.numpy().astype(np.uint8)
        mask = torch.from_numpy(_unpack_bits(packed, 1, math.prod(sizes))).reshape(sizes)
    dense = torch.zeros(mask.shape, dtype=nonzero_data.dtype)
    dense[mask != 0] = nonzero_data
    return dense


def constexpr_cast(source_val: Tensor, output_dtype: str) -> Tensor:
    return cast(source_val, output_dtype)


OPERATORS: dict[str, Callable[..., Any]] = {
    # with weights
    "batch_norm": batch_norm,
    "conv": conv,
    "conv_transpose": conv_transpose,
    "einsum": einsum,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "linear": linear,
    "matmul": matmul,
    "scaled_dot_product_attention": scaled_dot_product_attention,
    "constexpr_affine_dequantize": constexpr_affine_dequantize,
    "constexpr_blockwise_shift_scale": constexpr_blockwise_shift_scale,
    "constexpr_cast": constexpr_cast,
    "constexpr_lut_to_dense": constexpr_lut_to_dense,
    "constexpr_sparse_to_dense": constexpr_sparse_to_dense,
    # pooling, resizing
    "avg_pool": avg_pool,
    "max_pool": max_pool,
    "pad": pad,
    "resize": resize,
    "resize_bilinear": resize_bilinear,
    "resize_nearest_neighbor": resize_nearest_neighbor,
    "upsample_bilinear": upsample_bilinear,
    "upsample_nearest_neighbor": upsample_nearest_neighbor,
    # activations
    "clamped_relu": _with_alpha_and_beta(lambda x, a, b: torch.where(x >= 0, x, a * x).clamp(max=b)),
    "clip": clip,
    "elu": _with_alpha(lambda x, a: torch.where(x > 0, x, a * torch.expm1(x))),
    "gelu": gelu,
    "leaky_relu": _with_alpha(lambda x, a: torch.where(x >= 0, x, a * x)),
    "linear_activation": _with_alpha_and_beta(lambda x, a, b: a * x + b),
    "prelu": prelu,
    "relu": _unary(torch.relu),
    "relu6": _unary(F.relu6),
    "scaled_tanh": _with_alpha_and_beta(lambda x, a, b: a * torch.tanh(b * x)),
    "sigmoid": _unary(torch.sigmoid),
    "sigmoid_hard": _with_alpha_and_beta(lambda x, a, b: (a * x + b).clamp(0, 1)),
    "silu": _unary(F.silu),
    "softmax": softmax,
    "softplus": _unary(lambda x: torch.logaddexp(x, torch.zeros(()))),
    "softsign": _unary(F.softsign),
    "threshold": _with_alpha(torch.maximum),
    "thresholded_relu": _with_alpha(lambda x, a: torch.where(x >= a, x, 0)),
    # one value at a time
    "abs": _unary(torch.abs),
    "ceil": _unary(torch.ceil),
    "cos": _unary(torch.cos),
    "erf": _unary(torch.erf),
    "exp": _unary(torch.exp),
    "exp2": _unary(torch.exp2),
    "floor": _unary(torch.floor),
    "identity": _unary(lambda x: x),
    "inverse": inverse,
    "log": log,
    "logical_not": _unary(torch.logical_not),
    "round": _unary(torch.round),
    "rsqrt": rsqrt,
    "sign": _unary(torch.sign),
    "sin": _unary(torch.sin),
    "sqrt": _unary(torch.sqrt),
    "square": _unary(torch.square),
    "tanh": _unary(torch.tanh),
    "add": _binary(torch.add),
    "equal": _binary(torch.eq),
    "floor_div": _binary(torch.floor_divide),
    "greater": _binary(torch.gt),
    "greater_equal": _binary(torch.ge),
    "less": _binary(torch.lt),
    "less_equal": _binary(torch.le),
    "logical_and": _binary(torch.logical_and),
    "logical_or": _binary(torch.logical_or),
    "logical_xor": _binary(torch.logical_xor),
    "maximum": _binary(torch.maximum),
    "minimum": _binary(torch.minimum),
    "mod": _binary(torch.remainder),
    "mul": _binary(torch.mul),
    "not_equal": _binary(torch.ne),
    "pow": _binary(torch.pow),
    "real_div": _binary(torch.div),
    "sub": _binary(torch.sub),
    "select": select,
    # reductions
    "reduce_argmax": reduce_argmax,
    "reduce_l1_norm": _reduction(lambda x, dims, keep: x.abs().sum(dims, keepdim=keep)),
    "reduce_l2_norm": _reduction(lambda x, dims, keep: x.square().sum(dims, keepdim=keep).sqrt()),
    "reduce_log_sum_exp": _reduction(lambda x, dims, keep: x.logsumexp(dims, keepdim=keep)),
    "reduce_max": _reduction(lambda x, dims, keep: x.amax(dims, keepdim=keep)),
    "reduce_mean": _reduction(lambda x, dims, keep: x.mean(dims, keepdim=keep)),
    "reduce_min": _reduction(lambda x, dims, keep: x.amin(dims, keepdim=keep)),
    "reduce_sum": _reduction(lambda x, dims, keep: x.sum(dims, keepdim=keep)),
    "reduce_sum_square": _reduction(lambda x, dims, keep: x.square().sum(dims, keepdim=keep)),
    # shapes
    "cast": cast,
    "classify": classify,
    "concat": concat,
    "expand_dims": expand_dims,
    "fill": fill,
    "fill_like": fill_like,
    "flatten2d": flatten2d,
    "gather": gather,
    "gather_along_axis": gather_along_axis,
    "range_1d": range_1d,
    "reshape": reshape,
    "shape": shape,
    "slice_by_index": slice_by_index,
    "slice_by_size": slice_by_size,
    "split": split,
    "squeeze": squeeze,
    "stack": stack,
    "tile": tile,
    "transpose": transpose,
}
