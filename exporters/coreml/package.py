"""A package on disk, read without its weights."""

import json
from pathlib import Path
from typing import Any

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


def model_file(path: Path) -> Path:
    """The model within a package, which the manifest names.

    Raises:
        ArtifactError: the manifest cannot be read, or names a file outside the package.
    """
    try:
        manifest = json.loads((path / "Manifest.json").read_bytes())
        entry = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
        data = (path / "Data").resolve()
        file = (data / entry).resolve()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ArtifactError(f"{path} is not a Core ML package: its Manifest.json cannot be read") from error
    if not file.is_relative_to(data):
        raise ArtifactError(f"{path} keeps its model outside itself, in {entry!r}; effmod does not follow such a path")
    return file
