"""A network's file or package: from the cache, or made, proved and kept."""

import functools
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from exporters import rewrites
from exporters.artifact.cache import find, has_entry, keep
from exporters.artifact.exported import ExportJob
from exporters.artifact.hashes import size_bytes
from exporters.artifact.names import fast_on, form_of, public_name
from exporters.artifact.sidecar import Artifact, Parity, read_sidecar, write_sidecar
from exporters.artifact.versions import versions_of_makers
from exporters.config import ExportConfig, Format, OnnxConfig
from exporters.errors import ArtifactError
from exporters.formats import FORMATS, artifact_sha256, file_name
from exporters.making.create import RANDOM, create, is_file, keeps_own
from exporters.making.key import artifact_key, weights_identity
from exporters.making.network import OUTPUT
from exporters.rewrites import Equivalence, RewriteReport
from models import ModelSpec, check_image_size
from models.zoo.identity import identity_of, without_classes
from models.zoo.named import split
from models.zoo.output import prints_to_standard_error
from models.zoo.spec import TIMM_PREFIX, has_row

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
    notes = [*([note] if note else []), *still_in_words(spec.name, artifact.parity)]
    return Made(path=path, artifact=artifact, reused=reused, note="; ".join(notes) or None)


def still_in_words(name: str, parity: Parity) -> Iterator[str]:
    """What to warn of where outputs would be equal whatever they were computed from."""
    if still := parity.still_outputs:
        yield (
            f"{name}: {' and '.join(map(repr, still))} of its outputs hardly {'move' if len(still) > 1 else 'moves'} "
            "from image to image: that the file gives the same there says little of it"
        )


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
    model, names = _prepared(spec, create(spec, config.image_size, checkpoint, config.rewrites)[0], config)
    rewritten, network, _ = _rewrite(model, config, names, spec.preprocessing.channels, spec.name)
    format_ = FORMATS[config.format]
    origin = format_.origin(rewritten, config, spec.preprocessing, names, with_program=with_program)
    return Reference(network, origin)


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


def _prepared(spec: ModelSpec, model: "nn.Module", config: ExportConfig) -> tuple["nn.Module", tuple[str, ...]]:
    """A network with its outputs in a row, and their names. The zoo's own give one, and draw nothing.

    Raises:
        ExportError: it computes in half precision, draws random numbers, or gives what no file can give, or what has
            no batch axis to leave open.
    """
    if spec.factory.startswith("models.") or (has_row(spec.name) and spec.factory.startswith(TIMM_PREFIX)):
        return model, (OUTPUT,)
    import torch

    from exporters.making.outputs import check_batched, check_precision, flat
    from exporters.proof.steady import check_steady
    from models.zoo.images import natural_images

    p, size = spec.preprocessing, (config.image_size, config.image_size)
    x = torch.from_numpy(natural_images(config.batch_size, size, mean=p.mean, std=p.std))
    check_precision(spec.name, model, x)
    network, names = flat(spec.name, model, check_steady(spec.name, model, x))
    if isinstance(config, OnnxConfig) and config.dynamic_batch:
        check_batched(spec.name, network, names, x)
    return network, names


def _check_retrain(spec: ModelSpec, config: ExportConfig, checkpoint: Path | None) -> None:
    """Refuse weights that were trained, where another network is made of the one that they were trained for."""
    retrain = sorted(set(config.rewrites) & set(rewrites.RETRAIN))
    if not retrain or checkpoint == RANDOM or (checkpoint is None and not keeps_own(spec, checkpoint)):
        return
    whose, teacher = f"what {spec.name} returns", without_classes(spec.name)
    student = "_bn".join(split(teacher))
    if is_file(checkpoint):
        assert checkpoint is not None
        if not checkpoint.exists():
            return  # which is said where it is read
        identity = identity_of(checkpoint)
        if identity and set(retrain) <= set(identity.rewrites):
            if identity.is_of(spec.name):
                return
            raise rewrites.RewriteError(
                f"{checkpoint} was trained as {identity.name} behind {retrain[0]}, not as {spec.name}: name that "
                "network"
            )
        if identity and identity.is_of("_bn".join(split(spec.name))):
            raise rewrites.RewriteError(
                f"{checkpoint} was trained as {identity.name}, which has BatchNorms by itself: name that network, and "
                f"leave --rewrite {retrain[0]} out"
            )
        whose, teacher = str(checkpoint), f"{teacher}={checkpoint}"
    raise rewrites.RewriteError(
        f"{retrain[0]} is not a fold: it makes another network, whose weights must be trained again, and {whose} "
        f"is not of that network. 'effmod train {shlex.quote(student)} --teacher {shlex.quote(teacher)} --data FOLDER' "
        f"trains it; for latency alone, --weights random; else leave --rewrite {retrain[0]} out"
    )


@prints_to_standard_error()  # a network of the user's own may print what it is fed
def _make(spec: ModelSpec, config: ExportConfig, checkpoint: Path | None, path: Path) -> Artifact:
    # Imported here, since a cached artifact needs neither torch nor the format's library.
    from exporters.making.outputs import own_modules
    from exporters.proof.parity import measure_parity
    from models import count

    format_ = FORMATS[config.format]
    format_.check_available(config)
    network, weights = create(spec, config.image_size, checkpoint, config.rewrites)
    model, names = _prepared(spec, network, config)
    rewritten, reference, reports = _rewrite(model, config, names, spec.preprocessing.channels, spec.name)
    versions = versions_of_makers(*format_.MAKERS)
    job = ExportJob(
        spec=spec,
        config=config,
        network=rewritten,
        reference=reference,
        outputs=names,
        weights=weights,
        rewrites=reports,
        versions=versions,
    )
    exported = format_.export(job, path, measure_parity)
    inputs, outputs = format_.read_tensors(path)
    complexity = count(network, config.image_size, spec.preprocessing.channels)
    artifact = Artifact(
        model=public_name(spec.name),
        format=config.format,
        form=form_of(config, rewritten=rewritten is not model),
        fast_on=fast_on(config, rewritten=rewritten is not model),
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
        modules=own_modules(model, exported.modules),
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


def _rewrite(
    model: "nn.Module",
    config: ExportConfig,
    names: tuple[str, ...] = (OUTPUT,),
    channels: int = 3,
    name: str | None = None,
) -> tuple["nn.Module", "nn.Module", tuple[RewriteReport, ...]]:
    """The network as it is exported, what its file is compared with, and what was done to it.

    An exact rewriting is compared with the network that it came from, and so is one of a network that was trained for
    it; else one that needs retraining is compared with itself. For ONNX, `auto` exports the network as it is, the plain
    file to the byte, where no decisive rewrite changes anything, and where the network has several outputs.
    """
    from models.zoo.batch_normed import norms_taken_out

    is_auto = config.rewrites == rewrites.AUTO[config.format]
    if not config.rewrites or (is_auto and len(names) > 1):
        return model, model, ()
    taken_out = norms_taken_out(model)  # in training: what it learned without stays, and nothing is calibrated
    left = tuple(name for name in config.rewrites if not taken_out or name not in rewrites.RETRAIN)
    rewritten, reports = rewrites.apply(model, config.image_size, config.batch_size, left, channels=channels, name=name)
    decided = any(report.count for report in reports if report.name in rewrites.DECISIVE)
    if config.format is Format.ONNX and is_auto and not decided:
        return model, model, tuple(report.undone() for report in reports)
    if taken_out:
        (name,) = rewrites.RETRAIN
        reports = (RewriteReport(name=name, equivalence=Equivalence.RETRAIN, count=taken_out), *reports)
    exact = not set(left) & set(rewrites.RETRAIN)
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
