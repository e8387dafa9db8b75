"""A package on disk, read without its weights."""

from pathlib import Path
from typing import Any

import msgspec

from exporters.artifact.bounded import read_bounded
from exporters.artifact.sidecar import TensorSpec
from exporters.config import DeploymentTarget
from exporters.coreml.tools import import_coremltools, quiet
from exporters.errors import ArtifactError
from models.zoo.words import first_line

SPECIFICATION_VERSIONS = {
    DeploymentTarget.IOS15: 6,
    DeploymentTarget.IOS16: 7,
    DeploymentTarget.IOS17: 8,
    DeploymentTarget.IOS18: 9,
}

_MANIFEST_BYTES = 1 << 20


def read_specification(path: Path) -> Any:
    """The model in a package, without its weights: coremltools' `Model` message.

    Raises:
        ArtifactError: it is not there, or cannot be read.
    """
    from google.protobuf.message import DecodeError

    import_coremltools()
    with quiet():
        from coremltools.proto import Model_pb2
    specification = Model_pb2.Model()
    try:
        specification.ParseFromString(model_file(path).read_bytes())
    except (OSError, DecodeError) as error:
        raise ArtifactError(f"{path} is not a Core ML package, or it is damaged: {first_line(error)}") from error
    return specification


def read_tensors(path: Path) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """The inputs and outputs of a package. An image is (1, 3, H, W) of "image"; a classifier's outputs have no shape.

    Raises:
        ArtifactError: the package cannot be read.
    """
    description = read_specification(path).description
    return tuple(map(_tensor, description.input)), tuple(map(_tensor, description.output))


def _tensor(feature: Any) -> TensorSpec:
    kind = feature.type.WhichOneof("Type")
    match kind:
        case "imageType":
            image = feature.type.imageType
            return TensorSpec(name=feature.name, shape=(1, 3, image.height, image.width), dtype="image")
        case "multiArrayType":
            array = feature.type.multiArrayType
            dtype = type(array).ArrayDataType.Name(array.dataType).lower()
            return TensorSpec(name=feature.name, shape=tuple(array.shape), dtype=dtype)
        case _:
            return TensorSpec(name=feature.name, shape=(), dtype=(kind or "nothing").removesuffix("Type"))


class _Item(msgspec.Struct):
    path: str


class _Manifest(msgspec.Struct, rename="camel"):
    """Manifest.json of a package: which of its files is the specification."""

    item_info_entries: dict[str, _Item]
    root_model_identifier: str


def model_file(path: Path) -> Path:
    """The model within a package, which the manifest names.

    Raises:
        ArtifactError: the manifest cannot be read, or names a file outside the package.
    """
    try:
        location = model_location(path)
        return inside(path, path / "Data", location, what="its model")
    except ArtifactError:
        raise
    except (OSError, ValueError, KeyError, RuntimeError, msgspec.DecodeError) as error:  # or a path of no file
        raise ArtifactError(f"{path} is not a Core ML package: its Manifest.json cannot be read") from error


def model_location(path: Path) -> str:
    """Where in `Data/` the manifest says that the model lies.

    Raises:
        OSError, msgspec.DecodeError, KeyError: the manifest cannot be read, is damaged, or names no model.
    """
    manifest = msgspec.json.decode(read_bounded(path / "Manifest.json", _MANIFEST_BYTES), type=_Manifest)
    return manifest.item_info_entries[manifest.root_model_identifier].path


def inside(package: Path, folder: Path, location: str, *, what: str) -> Path:
    """The file that a package names within one of its folders.

    Args:
        what: it is, for the message.

    Raises:
        ArtifactError: it lies outside the package's `Data/`, which is what the package's hash is of.
    """
    file = (folder / location).resolve()
    if not file.is_relative_to((package / "Data").resolve()):
        raise ArtifactError(
            f"{package} keeps {what} outside itself, in {location!r}; effmod does not follow such a path"
        )
    return file
