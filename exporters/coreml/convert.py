"""From a network to coremltools' model: from what torch exports, or where that fails, from a trace."""

import re
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import torch
from torch import Tensor

from exporters.config import ComputePrecision, CoreMLConfig, InputKind
from exporters.coreml.decompositions import of_unknown
from exporters.coreml.deployed import Deployed
from exporters.coreml.modules import modules_of, note, with_places
from exporters.coreml.program.program import Program
from exporters.coreml.program.unrounded import keeping_unrounded
from exporters.errors import ExportError, OutputError
from models import Preprocessing
from models.zoo.images import natural_images
from models.zoo.words import decided_by_values, first_line

INPUT = "input"
CLASS = "classLabel"

# What coremltools says of an operator that came with a later system.
_LACKS = re.compile(r"No available version for (\w+) in the .* at least (?:coremltools\.target\.)?(iOS\d+)", re.DOTALL)


class Converted(msgspec.Struct, frozen=True):
    """A network as coremltools converted it.

    Attributes:
        package: coremltools' model.
        program: for float16, what it was before it was rounded.
        modules: of the network, each with the values of the package that it gives; empty where that is not known.
    """

    package: Any
    program: Program | None
    modules: dict[str, tuple[str, ...]] = {}


def example(deployed: Deployed, config: CoreMLConfig) -> Tensor:
    """An input of the network, for whoever traces it."""
    return torch.zeros(config.batch_size, deployed.channels, config.image_size, config.image_size)


def convert(ct: Any, deployed: Deployed, config: CoreMLConfig, name: str) -> Converted:
    """Convert a network.

    Args:
        ct: coremltools.
        name: of the network, for messages.

    Raises:
        ExportError: coremltools cannot convert it.
        OutputError: its temporary folder is full.
    """
    try:
        with torch.no_grad():
            called = with_places(deployed)
            exported = torch.export.export(called, (example(deployed, config),)).run_decompositions(of_unknown())
        note(exported)
        return _convert_graph(ct, exported, deployed, config)
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
        return _convert_graph(ct, _trace(deployed, config), deployed, config)
    except OSError:
        raise
    except Exception as second:
        traceback.clear_frames(second.__traceback__)
        raise ExportError(_refusal(name, config, first, second)) from first


def _convert_graph(ct: Any, graph: Any, deployed: Deployed, config: CoreMLConfig) -> Converted:
    import numpy as np

    kept: list[Program] = []
    passes = None
    if config.compute_precision is ComputePrecision.FLOAT16:
        passes = keeping_unrounded(ct, f"the float32 program of a package for {config.target}", kept.append)
    shape = tuple(example(deployed, config).shape)
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
        outputs=None if config.labels else [ct.TensorType(name=name, dtype=np.float32) for name in deployed.outputs],
        classifier_config=ct.ClassifierConfig(list(config.labels), CLASS) if config.labels else None,
        minimum_deployment_target=ct.target[config.target],
        compute_precision=ct.precision[config.compute_precision.name],
        pass_pipeline=passes,
        skip_model_load=True,
    )
    program, modules = kept[0] if kept else None, modules_of(converted)
    if not config.labels:
        return Converted(converted, program, modules)
    specification = converted.get_spec()
    ct.utils.rename_feature(specification, specification.description.predictedProbabilitiesName, config.output)
    renamed = ct.models.MLModel(specification, weights_dir=converted.weights_dir, skip_model_load=True)
    return Converted(renamed, program, modules)


def _trace(deployed: Deployed, config: CoreMLConfig) -> Any:
    with torch.no_grad():
        traced: Any = torch.jit.trace(deployed, (example(deployed, config),), check_trace=False)  # type: ignore[no-untyped-call]
        # A trace holds the way that the example went; other images show whether the network takes another for them.
        for x in _other_images(deployed, config):
            if not all(map(_close, _tensors(deployed(x)), _tensors(traced(x)))):
                raise ExportError("it computes differently from image to image, which no fixed program does")
    return traced


def _tensors(output: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    return (output,) if isinstance(output, Tensor) else output


def _close(expected: Tensor, found: Tensor) -> bool:
    return torch.allclose(expected, found, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def _other_images(deployed: Deployed, config: CoreMLConfig) -> Iterator[Tensor]:
    usual, size = Preprocessing.of_channels(deployed.channels), (config.image_size, config.image_size)
    for seed in range(4):
        x = torch.from_numpy(natural_images(config.batch_size, size, mean=usual.mean, std=usual.std, seed=seed))
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
    if isinstance(second, ExportError) and (why := decided_by_values(first)):  # and its trace holds for one image alone
        return f"coremltools could not convert {where}: {why}"
    reasons = " / ".join(dict.fromkeys(map(first_line, (first, second))))
    return f"coremltools could not convert {where}: {reasons}; --format onnx may take it"
