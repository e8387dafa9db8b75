"""Network to Core ML: an ML program in a package, with the network's own preprocessing inside it.

coremltools takes seconds to import and talks a lot, so it is imported where it is used, and quietly.
"""

import contextlib
import os
import re
import shutil
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from exporters.artifact.exported import MeasureParity
from exporters.artifact.files import move_into_place, writing
from exporters.artifact.sidecar import Parity
from exporters.config import Compression, CoreMLConfig, InputKind
from exporters.coreml.deployed import Deployed
from exporters.coreml.package import SPECIFICATION_VERSIONS, model_file, read_specification
from exporters.coreml.tools import check_compression, import_coremltools, quiet
from exporters.errors import ExportError, OutputError
from models import Preprocessing
from models.zoo.images import natural_images
from models.zoo.words import first_line

INPUT = "input"
CLASS = "classLabel"
COMPUTE_UNITS = "all"
"""Which processors a package is meant for: coremltools' word for CPU, GPU and Neural Engine, as the system likes."""

# What coremltools says of an operator that came with a later system.
_LACKS = re.compile(r"No available version for (\w+) in the .* at least (?:coremltools\.target\.)?(iOS\d+)", re.DOTALL)


class PackageMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a package says of itself to whoever opens it in Xcode."""

    model: str
    paper: str
    weights: str
    rewrites: tuple[str, ...]
    versions: dict[str, str]


def export(
    model: nn.Module,
    path: Path,
    config: CoreMLConfig,
    preprocessing: Preprocessing,
    metadata: PackageMetadata,
    *,
    reference: nn.Module | None = None,
    measure_parity: MeasureParity[CoreMLConfig] | None = None,
) -> Parity | None:
    """Write a network to a Core ML package, and prove it equal to the network where that can be done.

    The package appears under its name whole, or not at all; one that is there already is replaced.

    Args:
        model: in eval mode; input (N, 3, H, W), output (N, classes).
        path: the package to write, `NAME.mlpackage`.
        reference: the network that the package is compared with, where `model` is a rewriting of it.
        measure_parity: the proof; without one the result is None.

    Raises:
        FormatUnavailableError: coremltools, or what the compression needs, cannot be had here.
        ExportError: the network cannot be converted as asked, or the labels are not as many as its classes.
        ParityError: the package computes something else.
        OutputError: the folder cannot be written.
    """
    ct = import_coremltools()
    check_compression(config.compress)
    name = type(reference or model).__name__
    deployed = Deployed(model, config, preprocessing).eval()
    _check_classes(deployed, config, name)
    with writing(path), _replacing(path) as partial:
        with quiet():
            package = _compress(_convert(ct, deployed, config, name), config.compress)
            _describe(package, config, preprocessing, metadata)
            package.save(str(partial))
        _tidy(partial)
        _check(partial, config)
        return measure_parity(reference or model, partial, config, preprocessing) if measure_parity else None


def _check_classes(deployed: Deployed, config: CoreMLConfig, name: str) -> None:
    try:
        with torch.inference_mode():
            found = deployed(_example(config))
    except Exception as error:  # whatever the network raises
        raise ExportError(f"{name} does not run: {first_line(error)}") from error
    shape = tuple(found.shape) if isinstance(found, Tensor) else ()
    if len(shape) != 2 or shape[0] != config.batch_size:
        text = shape or type(found).__name__
        raise ExportError(f"{name} gives {text}, where (N, classes) is expected")
    if config.labels is not None and len(config.labels) != shape[1]:
        raise ExportError(
            f"there are {len(config.labels)} labels, and {name} tells {shape[1]} classes apart; write one label a "
            "line, in the order of the classes"
        )


def _example(config: CoreMLConfig) -> Tensor:
    return torch.zeros(config.batch_size, 3, config.image_size, config.image_size)


def _convert(ct: Any, deployed: Deployed, config: CoreMLConfig, name: str) -> Any:
    """The converted network: from what torch exports, or where that fails, from a trace."""
    try:
        with torch.no_grad():
            exported = torch.export.export(deployed, (_example(config),)).run_decompositions({})
        return _convert_graph(ct, exported, config)
    except Exception as error:  # torch and coremltools raise dozens of types
        traceback.clear_frames(error.__traceback__)  # they hold a temporary folder
        first = error
    if isinstance(first, OSError):
        raise first
    if "FileWriter" in str(first):  # coremltools' word for a disk that takes no more
        raise OutputError(
            f"coremltools cannot write the weights into {tempfile.gettempdir()}; free some space there, or name "
            "another folder in TMPDIR"
        ) from first
    try:
        return _convert_graph(ct, _trace(deployed, config), config)
    except OSError:
        raise
    except Exception as second:
        traceback.clear_frames(second.__traceback__)
        raise ExportError(_refusal(name, config, first, second)) from first


def _convert_graph(ct: Any, graph: Any, config: CoreMLConfig) -> Any:
    import numpy as np

    shape = tuple(_example(config).shape)
    if config.input is InputKind.IMAGE:
        feed = ct.ImageType(name=INPUT, shape=shape, color_layout=ct.colorlayout.RGB)
    else:
        feed = ct.TensorType(name=INPUT, shape=shape, dtype=np.float32)
    converted = ct.convert(
        graph,
        source="pytorch",
        convert_to="mlprogram",
        inputs=[feed],
        # A classifier's outputs are named after the conversion.
        outputs=None if config.labels else [ct.TensorType(name=config.output, dtype=np.float32)],
        classifier_config=ct.ClassifierConfig(list(config.labels), CLASS) if config.labels else None,
        minimum_deployment_target=ct.target[config.target],
        compute_precision=ct.precision[config.compute_precision.name],
        skip_model_load=True,
    )
    if not config.labels:
        return converted
    specification = converted.get_spec()
    ct.utils.rename_feature(specification, specification.description.predictedProbabilitiesName, config.output)
    return ct.models.MLModel(specification, weights_dir=converted.weights_dir, skip_model_load=True)


def _trace(deployed: Deployed, config: CoreMLConfig) -> Any:
    with torch.no_grad():
        traced: Any = torch.jit.trace(deployed, (_example(config),), check_trace=False)  # type: ignore[no-untyped-call]
        # A trace holds the way that the example went; other images show whether the network takes another for them.
        for x in _other_images(config):
            expected, found = deployed(x), traced(x)
            if not torch.allclose(expected, found, rtol=1e-3, atol=1e-3 * float(expected.abs().max())):
                raise ExportError("it computes differently from image to image, which no fixed program does")
    return traced


def _other_images(config: CoreMLConfig) -> Iterator[Tensor]:
    for seed in range(4):
        x = torch.from_numpy(natural_images(config.batch_size, (config.image_size, config.image_size), seed=seed))
        if config.input is InputKind.IMAGE:
            x = (x - x.min()) / (x.max() - x.min()) * 255
            yield from (x, 255 - x)
        else:
            yield from (x, -x)


def _refusal(name: str, config: CoreMLConfig, first: Exception, second: Exception) -> str:
    where = f"{name} for {config.target}"
    for error in (first, second):
        if lacks := _LACKS.search(str(error)):
            return f"cannot convert {where}, which has no operator {lacks[1]}; give --target {lacks[2]} or later"
    reasons = " / ".join(dict.fromkeys(map(first_line, (first, second))))
    return f"coremltools could not convert {where}: {reasons}; --format onnx may take it"


def _compress(package: Any, compress: Compression) -> Any:
    if compress is Compression.NONE:
        return package
    import coremltools.optimize.coreml as optimize

    try:
        if compress is Compression.INT8:
            int8 = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", dtype="int8")
            return optimize.linear_quantize_weights(package, optimize.OptimizationConfig(int8))
        palette6 = optimize.OpPalettizerConfig(mode="kmeans", nbits=6)
        return optimize.palettize_weights(package, optimize.OptimizationConfig(palette6))
    except Exception as error:  # coremltools raises dozens of types
        if isinstance(error, OSError):
            raise
        raise ExportError(f"coremltools could not compress the weights to {compress}: {first_line(error)}") from error


def _describe(package: Any, config: CoreMLConfig, preprocessing: Preprocessing, metadata: PackageMetadata) -> None:
    package.short_description = f"{metadata.model}, an image classification network"
    package.author = metadata.paper
    package.input_description[INPUT] = (
        f"RGB image, {config.image_size} x {config.image_size}"
        if config.input is InputKind.IMAGE
        else f"RGB in [0, 1], less {preprocessing.mean}, over {preprocessing.std} by channel"
    )
    what = "probabilities" if config.softmax else "logits"
    package.output_description[config.output] = f"{what}, by class"
    package.user_defined_metadata.update(
        {
            "effmod.network": metadata.model,
            "effmod.paper": metadata.paper,
            "effmod.weights": metadata.weights,
            "effmod.rewrites": ", ".join(metadata.rewrites) or "none",
            "effmod.compression": str(config.compress),
            "effmod.target": str(config.target),
            "effmod.compute_precision": str(config.compute_precision),
            "effmod.compute_units": COMPUTE_UNITS,
            "effmod.versions": ", ".join(f"{name} {version}" for name, version in sorted(metadata.versions.items())),
        }
    )


def _tidy(path: Path) -> None:
    """Leave in a package what its manifest names, and nothing that differs from one conversion to the next."""
    for entry in path.iterdir():
        if entry.name not in ("Data", "Manifest.json"):
            entry.unlink()  # a table for ExecuTorch's debugger
    specification = read_specification(path)
    specification.description.metadata.userDefined.pop("com.github.apple.coremltools.conversion_date", None)
    model_file(path).write_bytes(specification.SerializeToString(deterministic=True))


def _check(path: Path, config: CoreMLConfig) -> None:
    specification = read_specification(path)
    expected = SPECIFICATION_VERSIONS[config.target]
    if specification.specificationVersion != expected:
        raise ExportError(
            f"coremltools wrote specification version {specification.specificationVersion} for {config.target}, "
            f"where {expected} belongs; choose another --target"
        )
    inputs, outputs = ([feature.name for feature in features] for features in _features(specification))
    names = [CLASS, config.output] if config.labels else [config.output]
    if inputs != [INPUT] or sorted(outputs) != sorted(names):
        raise ExportError(f"coremltools wrote inputs {inputs} and outputs {outputs}, where {names} belong")


def _features(specification: Any) -> tuple[Any, Any]:
    return specification.description.input, specification.description.output


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A place beside `path` for a package of the same name, which takes its place once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.with_name(f".{path.stem}.{os.getpid()}.partial")
    try:
        folder.mkdir()
        yield folder / path.name
        move_into_place(folder / path.name, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
