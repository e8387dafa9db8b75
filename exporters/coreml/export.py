"""Network to Core ML: an ML program in a package, with the network's own preprocessing inside it.

coremltools takes seconds to import and talks a lot, so it is imported where it is used, and quietly.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from exporters.artifact.evaluator import Origin
from exporters.artifact.exported import MeasureParity
from exporters.artifact.files import move_into_place, writing
from exporters.artifact.sidecar import Parity
from exporters.config import Compression, CoreMLConfig, InputKind
from exporters.coreml.convert import CLASS, INPUT, convert, example
from exporters.coreml.deployed import Deployed
from exporters.coreml.evaluator import ProgramEvaluator
from exporters.coreml.package import SPECIFICATION_VERSIONS, model_file, read_specification
from exporters.coreml.program.program import Program
from exporters.coreml.tools import check_compression, import_coremltools, quiet
from exporters.errors import ExportError
from models import Preprocessing
from models.zoo.words import first_line

COMPUTE_UNITS = "all"
"""Which processors a package is meant for: coremltools' word for CPU, GPU and Neural Engine, as the system likes."""


_RGB = 3


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
    outputs: tuple[str, ...] | None = None,
    measure_parity: MeasureParity[CoreMLConfig] | None = None,
) -> tuple[Parity | None, dict[str, tuple[str, ...]]]:
    """Write a network to a Core ML package, and prove it equal to the network where that can be done.

    The package appears under its name whole, or not at all; one that is there already is replaced.

    Args:
        model: in eval mode; input (N, channels, H, W), output (N, classes), or a tuple of tensors.
        path: the package to write, `NAME.mlpackage`.
        reference: the network that the package is compared with, where `model` is a rewriting of it.
        outputs: the names of what the network gives, where it gives several.
        measure_parity: the proof; without one there is no parity.

    Returns:
        The parity, and the modules of the network, each with the values of the package that it gives.

    Raises:
        FormatUnavailableError: coremltools, or what the compression needs, cannot be had here.
        ExportError: the network cannot be converted as asked, or the labels are not as many as its classes.
        ParityError: the package computes something else.
        OutputError: the folder cannot be written.
    """
    ct = import_coremltools()
    check_compression(config.compress)
    name = metadata.model
    if config.input is InputKind.IMAGE and preprocessing.channels != _RGB:
        raise ExportError(
            f"{name} takes images of other channels than RGB ({preprocessing.channels}), and an image that a package "
            "takes is RGB; give --input tensor"
        )
    deployed = Deployed(model, config, preprocessing, outputs).eval()
    _check_classes(deployed, config, name)
    with writing(path), _replacing(path) as partial:
        with quiet():
            converted = convert(ct, deployed, config, name)
        proof = _Proof(reference or model, preprocessing, measure_parity)
        origin = Origin(network=deployed, program=_evaluator(converted.program, config))
        compressed = config.compress is not Compression.NONE
        # What compression adds is measured, and not judged; so the package is proved before.
        whole = proof.of_whole(Path(converted.package.package_path), config, origin) if compressed else None
        with quiet():
            package = _compress(converted.package, config.compress)
            _describe(package, config, preprocessing, metadata)
            package.save(str(partial))
        _tidy(partial)
        _check(partial, deployed, config)
        if compressed:
            origin = Origin(network=deployed)
        parity = proof.of(partial, config, origin)
        return parity and _with_rounding_of(whole, parity), converted.modules


class _Proof(msgspec.Struct, frozen=True):
    """The proof of a network's packages; without `measure_parity` there is none."""

    network: nn.Module
    preprocessing: Preprocessing
    measure_parity: MeasureParity[CoreMLConfig] | None

    def of(self, path: Path, config: CoreMLConfig, origin: Origin) -> Parity | None:
        measure = self.measure_parity
        return measure(self.network, path, config, self.preprocessing, origin) if measure else None

    def of_whole(self, path: Path, config: CoreMLConfig, origin: Origin) -> Parity | None:
        """Of a package whose weights are to be compressed."""
        return self.of(path, msgspec.structs.replace(config, compress=Compression.NONE), origin)


def _with_rounding_of(whole: Parity | None, parity: Parity) -> Parity:
    """The parity of a compressed package, with what was proved of it before it was compressed."""
    if whole is None or whole.rounding is None or parity.rounding is None:
        return parity
    own = parity.rounding.arithmetic_relative_error
    return msgspec.structs.replace(
        parity, rounding=msgspec.structs.replace(whole.rounding, arithmetic_relative_error=own)
    )


def float32_program(deployed: Deployed, config: CoreMLConfig) -> ProgramEvaluator | None:
    """The program that a float16 package is a rounding of, made again; None where the package is in float32.

    Raises:
        FormatUnavailableError: coremltools cannot be had here.
        ExportError: the network cannot be converted.
    """
    ct = import_coremltools()
    with quiet():
        return _evaluator(convert(ct, deployed, config, type(deployed.network).__name__).program, config)


def _evaluator(program: Program | None, config: CoreMLConfig) -> ProgramEvaluator | None:
    return None if program is None else ProgramEvaluator(program, takes_pixels=config.input is InputKind.IMAGE)


def _check_classes(deployed: Deployed, config: CoreMLConfig, name: str) -> None:
    try:
        with torch.inference_mode():
            found = deployed(example(deployed, config))
    except Exception as error:  # whatever the network raises
        raise ExportError(f"{name} does not run: {first_line(error)}") from error
    _check_once(found, deployed.outputs)
    shape = tuple(found.shape) if isinstance(found, Tensor) else ()
    if config.labels is None and not config.softmax:
        return
    if len(shape) != 2 or shape[0] != config.batch_size:
        text = shape or type(found).__name__
        raise ExportError(f"{name} gives {text}, where (N, classes) is expected")
    if config.labels is not None and len(config.labels) != shape[1]:
        raise ExportError(
            f"there are {len(config.labels)} labels, and {name} tells {shape[1]} classes apart; write one label a "
            "line, in the order of the classes"
        )


def _check_once(found: Any, outputs: tuple[str, ...]) -> None:
    """Refuse a network that gives one tensor twice, for which coremltools writes one output, a copy of it or not."""
    first: dict[int, str] = {}
    for output, tensor in zip(outputs, found if isinstance(found, tuple) else (), strict=False):
        if id(tensor) in first:
            raise ExportError(
                f"the network gives one tensor twice, as {first[id(tensor)]!r} and {output!r}, which a package cannot; "
                "return it once"
            )
        first[id(tensor)] = output


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
    if config.output in package.output_description:  # or there are several, by names of the network's own
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


def _check(path: Path, deployed: Deployed, config: CoreMLConfig) -> None:
    specification = read_specification(path)
    expected = SPECIFICATION_VERSIONS[config.target]
    if specification.specificationVersion != expected:
        raise ExportError(
            f"coremltools wrote specification version {specification.specificationVersion} for {config.target}, "
            f"where {expected} belongs; choose another --target"
        )
    inputs, outputs = ([feature.name for feature in features] for features in _features(specification))
    names = [*([CLASS] if config.labels else []), *deployed.outputs]
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
