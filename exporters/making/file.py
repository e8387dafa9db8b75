"""A network's file or package: from the cache, or made, proved and kept."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from exporters import rewrites
from exporters.artifact.cache import has_entry, keep
from exporters.artifact.files import installed_versions
from exporters.artifact.hashes import artifact_sha256, size_bytes
from exporters.artifact.names import file_name, form_of, public_name
from exporters.artifact.sidecar import Artifact, read_sidecar, write_sidecar
from exporters.config import CoreMLConfig, ExportConfig, Format, OnnxConfig
from exporters.errors import ArtifactError
from exporters.making.create import create
from exporters.making.key import MAKERS, artifact_key, weights_identity
from exporters.rewrites import Equivalence, RewriteReport
from models import ModelSpec, Weights, check_image_size, family

if TYPE_CHECKING:
    from torch import nn


_CHECKERS = ("onnxruntime-gpu", "onnxruntime", "numpy")


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact in the cache.

    Attributes:
        path: of the file, or of the package, which is a folder; its sidecar lies beside it.
        reused: it was made by an earlier call.
        note: what the user should hear of it, if anything.
    """

    path: Path
    artifact: Artifact
    reused: bool
    note: str | None = None


def obtain(spec: ModelSpec, config: ExportConfig, *, checkpoint: Path | None = None) -> Made:
    """The artifact of a network, from the cache or made now.

    Args:
        checkpoint: a file, or `PRETRAINED`; None for the seeded filling.

    Raises:
        ImageSizeError: the network cannot take `config.image_size`.
        CheckpointError: `checkpoint` is not one of this network.
        FormatUnavailableError: the format's tools do not run here.
        ExportError: the export failed.
        ParityError: the file does not compute what the network computes.
        OutputError: the cache cannot be written.
    """
    check_image_size(spec, config.image_size)
    retrain = sorted(set(config.rewrites) & set(rewrites.RETRAIN))
    if retrain and checkpoint is not None:
        raise rewrites.RewriteError(
            f"{retrain[0]} is not a fold: it makes another network, whose weights must be trained again, and "
            f"{checkpoint} is not of that network. Leave --checkpoint out, for latency alone, or --rewrite {retrain[0]}"
        )
    path, artifact, reused, note = keep(
        artifact_key(spec, config, weights_identity(checkpoint)),
        file_name(spec.name, config, spec.image_size),
        read=_intact,
        make=functools.partial(_make, spec, config, checkpoint),
    )
    return Made(path=path, artifact=artifact, reused=reused, note=note)


def reference(spec: ModelSpec, config: ExportConfig, *, checkpoint: Path | None = None) -> "nn.Module":
    """The network that an artifact with these options is compared with, in eval mode.

    Raises:
        ImageSizeError, CheckpointError, RewriteError: as `obtain`.
    """
    check_image_size(spec, config.image_size)
    return _rewrite(create(spec, config.image_size, checkpoint)[0], config)[1]


def is_cached(spec: ModelSpec, config: ExportConfig, *, checkpoint: Path | None = None) -> bool:
    """Whether `obtain` would find the artifact already made."""
    return has_entry(artifact_key(spec, config, weights_identity(checkpoint)))


def _versions_for(config: ExportConfig) -> dict[str, str]:
    return installed_versions(("effmod-bench", *MAKERS[config.format], *_CHECKERS))


def _make(spec: ModelSpec, config: ExportConfig, checkpoint: Path | None, path: Path) -> Artifact:
    match config:
        case OnnxConfig():
            artifact = _make_onnx(spec, config, checkpoint, path)
        case CoreMLConfig():
            artifact = _make_coreml(spec, config, checkpoint, path)
    write_sidecar(path, artifact)
    return artifact


def _make_onnx(spec: ModelSpec, config: OnnxConfig, checkpoint: Path | None, path: Path) -> Artifact:
    # Imported here, since a cached artifact needs none of it.
    from exporters.onnx.export import export
    from exporters.onnx.graph import read_graph, read_tensors

    model, weights = create(spec, config.image_size, checkpoint)
    rewritten, reference, reports = _rewrite(model, config)
    parity, simplified = export(rewritten, path, config, spec.preprocessing, reference=reference)
    inputs, outputs = read_tensors(read_graph(path))
    return Artifact(
        **_described(spec, config, model, rewritten, weights, reports, path),
        inputs=inputs,
        outputs=outputs,
        opset=config.opset,
        simplified=simplified,
        parity=parity,
    )


def _make_coreml(spec: ModelSpec, config: CoreMLConfig, checkpoint: Path | None, path: Path) -> Artifact:
    from exporters.coreml import export as coreml
    from exporters.coreml import package, tools
    from exporters.proof.parity import measure_parity

    tools.check_available()
    tools.check_compression(config.compress)
    model, weights = create(spec, config.image_size, checkpoint)
    rewritten, reference, reports = _rewrite(model, config)
    about = family(spec)
    metadata = coreml.PackageMetadata(
        model=public_name(spec.name),
        paper=f"{about.title} (arXiv {about.arxiv})" if about.arxiv else "",
        weights=str(weights),
        rewrites=tuple(report.name for report in reports if report.count),
        versions=_versions_for(config),
    )
    parity = coreml.export(
        rewritten,
        path,
        config,
        spec.preprocessing,
        metadata,
        reference=reference,
        measure_parity=measure_parity,
    )
    assert parity is not None  # it was asked for
    inputs, outputs = package.read_tensors(path)
    return Artifact(
        **_described(spec, config, model, rewritten, weights, reports, path),
        inputs=inputs,
        outputs=outputs,
        specification_version=package.SPECIFICATION_VERSIONS[config.target],
        simplified=None,
        parity=parity,
    )


def _described(
    spec: ModelSpec,
    config: ExportConfig,
    model: "nn.Module",
    exported: "nn.Module",
    weights: Weights,
    reports: tuple[RewriteReport, ...],
    path: Path,
) -> dict[str, Any]:
    """What a sidecar says of an artifact of either format."""
    from models import count

    complexity = count(model, config.image_size)
    return {
        "model": public_name(spec.name),
        "format": config.format,
        "form": form_of(config, rewritten=exported is not model),
        "config": config,
        "weights": weights,
        "rewrites": (*_reparameterization(spec), *reports),
        "params": complexity.params,
        "macs": complexity.macs,
        "preprocessing": spec.preprocessing,
        "versions": _versions_for(config),
        "size_bytes": size_bytes(path),
        "sha256": artifact_sha256(path),
    }


def _reparameterization(spec: ModelSpec) -> Iterator[RewriteReport]:
    """What the zoo did already: its MobileOne and RepVGG are in their inference form whatever is asked."""
    from models import merged_branches

    if count := merged_branches(spec):
        yield RewriteReport(name="reparameterization", equivalence=Equivalence.EXACT, count=count)


def _rewrite(model: "nn.Module", config: ExportConfig) -> tuple["nn.Module", "nn.Module", tuple[RewriteReport, ...]]:
    """The network as it is exported, what its file is compared with, and what was done to it.

    An exact rewriting is compared with the network that it came from; one that needs retraining with itself. For ONNX,
    `auto` exports the network as it is, the plain file to the byte, where no decisive rewrite changes anything.
    """
    if not config.rewrites:
        return model, model, ()
    rewritten, reports = rewrites.apply(model, config.image_size, config.batch_size, config.rewrites)
    decided = any(report.count for report in reports if report.name in rewrites.DECISIVE)
    if config.format is Format.ONNX and config.rewrites == rewrites.AUTO[Format.ONNX] and not decided:
        return model, model, tuple(report.undone() for report in reports)
    exact = not set(config.rewrites) & set(rewrites.RETRAIN)
    return rewritten, model if exact else rewritten, reports


def _intact(path: Path) -> Artifact | None:
    """The sidecar of a cached artifact, or None where one of the two is not what was written."""
    try:
        artifact = read_sidecar(path)
        if (
            artifact is not None
            and size_bytes(path) == artifact.size_bytes
            and artifact_sha256(path) == artifact.sha256
        ):
            return artifact
    except (ArtifactError, OSError):
        pass
    return None
