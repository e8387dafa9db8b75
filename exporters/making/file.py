"""A network's file or package: from the cache, or made, proved and kept."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from exporters import rewrites
from exporters.artifact.cache import find, has_entry, keep
from exporters.artifact.exported import ExportJob
from exporters.artifact.hashes import size_bytes
from exporters.artifact.names import form_of, public_name
from exporters.artifact.sidecar import Artifact, read_sidecar, write_sidecar
from exporters.artifact.versions import versions_of_makers
from exporters.config import ExportConfig, Format
from exporters.errors import ArtifactError
from exporters.formats import FORMATS, artifact_sha256, file_name
from exporters.making.create import RANDOM, create, keeps_own
from exporters.making.key import artifact_key, weights_identity
from exporters.rewrites import Equivalence, RewriteReport
from models import ModelSpec, check_image_size
from models.zoo.output import prints_to_standard_error

if TYPE_CHECKING:
    from torch import nn

    from exporters.artifact.evaluator import Origin


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
        checkpoint: a file, `PRETRAINED` or `RANDOM`; None for the seeded filling, or for what a function returns.

    Raises:
        ModelTargetError: a function of the user's own fails.
        ImageSizeError: the network cannot take `config.image_size`.
        CheckpointError: `checkpoint` is not one of this network.
        FormatUnavailableError: the format's tools do not run here.
        ExportError: the export failed.
        ParityError: the file does not compute what the network computes.
        OutputError: the cache cannot be written.
    """
    check_image_size(spec, config.image_size)
    _check_retrain(spec, config, checkpoint)
    path, artifact, reused, note = keep(
        _key(spec, config, checkpoint),
        file_name(spec.name, config, spec.image_size),
        read=_intact,
        make=functools.partial(_make, spec, config, checkpoint),
    )
    return Made(path=path, artifact=artifact, reused=reused, note=note)


class Reference(msgspec.Struct, frozen=True):
    """The network that an artifact is compared with, in eval mode, and what the artifact was made of."""

    network: "nn.Module"
    origin: "Origin"


@prints_to_standard_error()
def reference(
    spec: ModelSpec, config: ExportConfig, *, checkpoint: Path | None = None, with_program: bool = False
) -> Reference:
    """What an artifact with these options is compared with.

    Args:
        with_program: make the float32 program again, too, that a float16 artifact is a rounding of. Takes seconds.

    Raises:
        ImageSizeError, CheckpointError, RewriteError, ExportError: as `obtain`.
    """
    check_image_size(spec, config.image_size)
    rewritten, network, _ = _rewrite(create(spec, config.image_size, checkpoint)[0], config)
    format_ = FORMATS[config.format]
    return Reference(network, format_.origin(rewritten, config, spec.preprocessing, with_program=with_program))


def cached(spec: ModelSpec, config: ExportConfig, *, checkpoint: Path | None = None) -> Made | None:
    """The artifact that `obtain` would find already made, whole; None where it would have to be made.

    Raises:
        CheckpointError: `checkpoint` cannot be read.
    """
    found = find(_key(spec, config, checkpoint), file_name(spec.name, config, spec.image_size), read=_intact)
    return None if found is None else Made(path=found[0], artifact=found[1], reused=True)


def is_cached(spec: ModelSpec, config: ExportConfig, *, checkpoint: Path | None = None) -> bool:
    """Whether `obtain` would find the artifact already made."""
    return has_entry(_key(spec, config, checkpoint))


def _key(spec: ModelSpec, config: ExportConfig, checkpoint: Path | None) -> str:
    return artifact_key(spec, config, weights_identity(spec, config.image_size, checkpoint))


def _check_retrain(spec: ModelSpec, config: ExportConfig, checkpoint: Path | None) -> None:
    """Refuse weights that were trained, where another network is made of the one that they were trained for."""
    retrain = sorted(set(config.rewrites) & set(rewrites.RETRAIN))
    if retrain and checkpoint != RANDOM and (checkpoint is not None or keeps_own(spec, checkpoint)):
        whose = checkpoint or f"what {spec.name} returns"
        raise rewrites.RewriteError(
            f"{retrain[0]} is not a fold: it makes another network, whose weights must be trained again, and {whose} "
            f"is not of that network. For latency alone, --weights random; else leave --rewrite {retrain[0]} out"
        )


@prints_to_standard_error()  # a network of the user's own may print what it is fed
def _make(spec: ModelSpec, config: ExportConfig, checkpoint: Path | None, path: Path) -> Artifact:
    # Imported here, since a cached artifact needs neither torch nor the format's library.
    from exporters.proof.parity import measure_parity
    from models import count

    format_ = FORMATS[config.format]
    format_.check_available(config)
    model, weights = create(spec, config.image_size, checkpoint)
    rewritten, reference, reports = _rewrite(model, config)
    versions = versions_of_makers(*format_.MAKERS)
    job = ExportJob(
        spec=spec,
        config=config,
        network=rewritten,
        reference=reference,
        weights=weights,
        rewrites=reports,
        versions=versions,
    )
    exported = format_.export(job, path, measure_parity)
    inputs, outputs = format_.read_tensors(path)
    complexity = count(model, config.image_size)
    artifact = Artifact(
        model=public_name(spec.name),
        format=config.format,
        form=form_of(config, rewritten=rewritten is not model),
        config=config,
        weights=weights,
        rewrites=(*_reparameterization(spec), *reports),
        simplified=exported.simplified,
        params=complexity.params,
        macs=complexity.macs,
        preprocessing=spec.preprocessing,
        inputs=inputs,
        outputs=outputs,
        opset=exported.opset,
        specification_version=exported.specification_version,
        unaligned_channels=exported.unaligned_channels,
        parity=exported.parity,
        versions=versions,
        size_bytes=size_bytes(path),
        sha256=format_.sha256(path),
    )
    write_sidecar(path, artifact)
    return artifact


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
