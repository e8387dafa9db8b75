"""What a package's specification and weight file hold: operators, declared types, values."""

import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from google.protobuf.message import DecodeError

from exporters.coreml.package import inside, model_location
from exporters.coreml.program.operators.values import Value, unpack_bits
from exporters.coreml.tools import quiet
from exporters.errors import ArtifactError


class UnknownOperatorError(ArtifactError):
    """A package uses operators, or parameters of operators, that this evaluation does not know."""


class Declared(msgspec.Struct, frozen=True):
    """A value that the program names; `shape` is None where the program leaves it open, and an open size is None."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None


class Reference(msgspec.Struct, frozen=True):
    """An argument that an earlier operator, a constant or an input provides."""

    name: str


class Operator(msgspec.Struct, frozen=True):
    kind: str
    name: str
    arguments: Mapping[str, Sequence[Any]]  # by parameter, one or several: a `Reference`, or the value itself
    results: tuple[Declared, ...]


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


class Specification(msgspec.Struct, frozen=True):
    spec: Any  # coremltools.proto.Model_pb2.Model
    folder: Path  # that it lies in, which is what "@model_path" stands for
    type_names: Mapping[int, str]


def read_specification(path: Path) -> Specification:
    try:
        with quiet():
            from coremltools.proto import MIL_pb2, Model_pb2
    except ImportError as error:
        raise ArtifactError(
            f"{path} cannot be read without coremltools, which exists for macOS and Linux: pip install coremltools"
        ) from error
    try:
        file = inside(path, path / "Data", model_location(path), what="data")
        spec = Model_pb2.Model()
        spec.ParseFromString(file.read_bytes())
    except ArtifactError:
        raise
    except (msgspec.DecodeError, KeyError, DecodeError, ValueError, RuntimeError) as error:  # or a path of no file
        raise ArtifactError(f"{path} is not a Core ML package, or it is damaged: {error}") from error
    except OSError as error:
        raise ArtifactError(f"cannot read {path} as a Core ML package: {error.strerror}") from error
    return Specification(spec, file.parent, {number: name for name, number in MIL_pb2.DataType.items()})


class Reader:
    """Reads what a specification holds: operators, declared types, and values, from the weight file as well."""

    def __init__(self, path: Path, proto: Specification) -> None:
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

    def declared(self, named: Any) -> Declared:
        kind = named.type.WhichOneof("type")
        if kind == "dictionaryType":
            return Declared(named.name, "DICTIONARY", None)
        if kind != "tensorType":
            raise UnknownOperatorError(f"{self._path}: {named.name!r} is a {kind}, which effmod cannot compute")
        tensor = named.type.tensorType
        sizes = [d.constant.size if d.WhichOneof("dimension") == "constant" else None for d in tensor.dimensions]
        shape = tuple(sizes) if len(sizes) == tensor.rank else None
        return Declared(named.name, self._proto.type_names[tensor.dataType], shape)

    def operator(self, operation: Any) -> Operator:
        arguments: dict[str, list[Any]] = {}
        name = operation.outputs[0].name if operation.outputs else operation.type
        for parameter, argument in operation.inputs.items():
            arguments[parameter] = [
                Reference(b.name) if b.WhichOneof("binding") == "name" else self.value(b.value)
                for b in argument.arguments
            ]
        for attribute, value in operation.attributes.items():
            if attribute == "name":
                name = self.value(value)
            elif operation.type.startswith("constexpr_"):  # before iOS 18 their parameters are attributes
                arguments[attribute] = [self.value(value)]
        return Operator(operation.type, name, arguments, tuple(map(self.declared, operation.outputs)))

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

    def _blob(self, blob: Any, declared: Declared) -> npt.NDArray[Any]:
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

    def _unpacked(self, data: bytes, declared: Declared) -> npt.NDArray[Any]:
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
            file = inside(self._path, self._proto.folder, name.removeprefix("@model_path/"), what="data")
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


def _closed(declared: Declared) -> tuple[int, ...]:
    """The shape of a constant, which leaves nothing open."""
    return tuple(size or 0 for size in declared.shape or ())
