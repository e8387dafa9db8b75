"""Core ML as `exporters.formats` knows it. Imports of this module import neither torch nor coremltools."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.artifact.exported import Exported, ExportJob, MeasureParity
from exporters.artifact.hashes import package_sha256
from exporters.artifact.names import is_default_precision, public_name, rewrites_in_name
from exporters.artifact.sidecar import TensorSpec
from exporters.artifact.versions import NETWORK
from exporters.config import Compression, CoreMLConfig, DeploymentTarget, InputKind
from exporters.rewrites import AUTO
from models import Preprocessing, family

if TYPE_CHECKING:
    from torch import nn

    from exporters.artifact.evaluator import Origin
    from exporters.coreml.evaluator import ProgramEvaluator

SUFFIX = ".mlpackage"
IS_FOLDER = True
MAKERS: tuple[str, ...] = (*NETWORK, "coremltools", "numpy", "scikit-learn")


def check_available(config: CoreMLConfig) -> None:
    from exporters.coreml import tools

    tools.check_available()
    tools.check_compression(config.compress)


def file_name(parts: Sequence[str], config: CoreMLConfig) -> str:
    name = "-".join([*parts, *_marks(config)])
    return (_swift_class_name(name) if config.modelbench else name) + SUFFIX


def _marks(config: CoreMLConfig) -> Iterator[str]:
    if config.rewrites != AUTO[config.format]:
        yield rewrites_in_name(config)
    if config.batch_size != 1:
        yield f"b{config.batch_size}"
    if config.target is not DeploymentTarget.IOS16 and not config.modelbench:
        yield config.target
    if not is_default_precision(config):
        yield config.compute_precision
    if config.input is not InputKind.IMAGE:
        yield config.input
    if config.softmax:
        yield "softmax"
    if config.labels is not None:
        yield "classifier"
    if config.compress is not Compression.NONE:
        yield config.compress
    if config.modelbench:
        yield "modelbench"


def _swift_class_name(name: str) -> str:
    """Xcode names a model's class after its file: letters, digits and underscores, and no digit first."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"Model_{name}" if name[0].isdigit() else name


def export(job: ExportJob[CoreMLConfig], path: Path, measure_parity: MeasureParity[CoreMLConfig]) -> Exported:
    from exporters.coreml.export import PackageMetadata, export
    from exporters.coreml.package import SPECIFICATION_VERSIONS

    about = family(job.spec)
    metadata = PackageMetadata(
        model=public_name(job.spec.name),
        paper=f"{about.title} (arXiv {about.arxiv})" if about.arxiv else "",
        weights=str(job.weights),
        rewrites=tuple(report.name for report in job.rewrites if report.count),
        versions=job.versions,
    )
    parity, modules = export(
        job.network,
        path,
        job.config,
        job.spec.preprocessing,
        metadata,
        reference=job.reference,
        outputs=job.outputs,
        measure_parity=measure_parity,
    )
    assert parity is not None  # it was asked for
    version = SPECIFICATION_VERSIONS[job.config.target]
    return Exported(parity=parity, specification_version=version, modules=modules)


def origin(
    network: "nn.Module",
    config: CoreMLConfig,
    preprocessing: Preprocessing,
    outputs: tuple[str, ...],
    *,
    with_program: bool,
) -> "Origin":
    from exporters.artifact.evaluator import Origin
    from exporters.coreml.deployed import Deployed
    from exporters.coreml.export import float32_program

    deployed = Deployed(network, config, preprocessing, outputs).eval()
    return Origin(network=deployed, program=float32_program(deployed, config) if with_program else None)


def read_tensors(path: Path) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    from exporters.coreml.package import read_tensors

    return read_tensors(path)


def sha256(path: Path) -> str:
    return package_sha256(path)


def open_evaluator(path: Path) -> "ProgramEvaluator":
    from exporters.coreml.evaluator import open_package

    return open_package(path)


def count_operators(path: Path) -> Counter[str]:
    from exporters.coreml.program.program import load_program

    return load_program(path).operators()
