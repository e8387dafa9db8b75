"""Artifacts that were made before, by content: the same network, weights, options and versions give the same file.

Where they lie: `EFFMOD_CACHE`, or the platform's cache folder. Each entry is a folder named by a hash over
everything that decides its content; it appears whole or not at all, and the file's own hash is checked
each time it is used.
"""

import errno
import functools
import hashlib
import importlib.metadata
import importlib.resources
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import filelock
import msgspec
import platformdirs

from exporters import rewrites
from exporters.artifact import (
    Artifact,
    artifact_sha256,
    file_name,
    form_of,
    public_name,
    read_sidecar,
    sha256_of,
    sidecar_path,
    size_bytes,
    write_sidecar,
)
from exporters.config import CoreMLConfig, ExportConfig, Format, OnnxConfig
from exporters.errors import ArtifactError, OutputError
from exporters.rewrites import Equivalence, RewriteReport
from models import ModelSpec, Weights, WeightsSource, check_image_size, family

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")

# What can change the bytes of a file. Versions are read from the packages' metadata: importing torch takes seconds.
_MAKERS = {
    Format.ONNX: ("torch", "torchvision", "timm", "onnx", "onnxscript", "onnxsim"),
    Format.COREML: ("torch", "torchvision", "timm", "coremltools", "numpy", "scikit-learn"),
}
_CHECKERS = ("onnxruntime-gpu", "onnxruntime", "numpy")
SEED = 0
_ELSEWHERE = "name another folder in EFFMOD_CACHE"
PRETRAINED = Path("pretrained")
"""In a checkpoint's place: the weights that timm publishes for the network."""


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


class CacheInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The artifact cache: where it is, and how much is in it."""

    path: str
    artifacts: int
    size_bytes: int


def cache_root() -> Path:
    """`EFFMOD_CACHE`, or the platform's cache folder."""
    named = os.environ.get("EFFMOD_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("effmod", appauthor=False)


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
        _key(spec, config, weights_identity(checkpoint)),
        file_name(spec.name, config, spec.image_size),
        read=_intact,
        make=functools.partial(_make, spec, config, checkpoint),
    )
    return Made(path=path, artifact=artifact, reused=reused, note=note)


def keep(
    key: str, name: str, *, read: Callable[[Path], T | None], make: Callable[[Path], T]
) -> tuple[Path, T, bool, str | None]:
    """The entry of the cache under a key: the one that is there, or one made now; whole or not at all.

    Args:
        key: a hash over everything that decides the content.
        name: of the file or package within the entry.
        read: what an entry that is there holds; None where it is not what was written.
        make: writes the file or package.

    Returns:
        The path, what `read` or `make` returned, whether it was there before, and what the user should hear of it.

    Raises:
        OutputError: the cache cannot be written.
    """
    entry = _entries() / key
    path = entry / name
    with writing(cache_root(), free="free some space ('effmod cache clear' does)", elsewhere=_ELSEWHERE):
        entry.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(entry.with_suffix(".lock")):
            note = None
            if entry.exists():
                found = read(path)
                if found is not None:
                    return path, found, True, None
                note = f"the cached {path.name} was changed or cut short since it was made; it is made again"
                shutil.rmtree(entry)
            work = Path(tempfile.mkdtemp(dir=entry.parent, prefix="making-"))
            try:
                made = make(work / name)
                work.rename(entry)
            finally:
                shutil.rmtree(work, ignore_errors=True)  # gone already where all went well
    return path, made, False, note


def has_entry(key: str) -> bool:
    """Whether the cache has an entry under a key."""
    return (_entries() / key).exists()


def reference(spec: ModelSpec, config: ExportConfig, *, checkpoint: Path | None = None) -> "nn.Module":
    """The network that an artifact with these options is compared with, in eval mode.

    Raises:
        ImageSizeError, CheckpointError, RewriteError: as `obtain`.
    """
    check_image_size(spec, config.image_size)
    return _rewrite(create(spec, config.image_size, checkpoint)[0], config)[1]


def is_cached(spec: ModelSpec, config: ExportConfig, *, checkpoint: Path | None = None) -> bool:
    """Whether `obtain` would find the artifact already made."""
    return has_entry(_key(spec, config, weights_identity(checkpoint)))


def deliver(path: Path, folder: Path) -> Path:
    """Copy an artifact and its sidecar into a folder, which is made if need be; returns the artifact's new path.

    Both are copied before either gets its name: a file under its final name is complete.

    Raises:
        OutputError: the folder cannot be written.
    """
    target = folder / path.name
    with arriving(target) as new:
        for source, copy in ((sidecar_path(path), sidecar_path(new)), (path, new)):
            if source.exists():
                _copy(source, copy)
    return target


@contextmanager
def arriving(target: Path) -> Iterator[Path]:
    """A place for an artifact and its sidecar in a folder, which is made if need be; both get their names at the end.

    An artifact that no sidecar was written for takes the place of one that had one, too.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = target.parent
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as partial:
            new = Path(partial) / target.name
            yield new
            for source, final in ((sidecar_path(new), sidecar_path(target)), (new, target)):
                if source.exists():
                    move_into_place(source, final)
                else:
                    _remove(final)


def move_into_place(partial: Path, final: Path) -> None:
    """Give a whole artifact its final name, in the place of one that has it.

    A folder cannot replace another in one step: the old one steps aside first, and comes back if the new one fails.
    """
    if not partial.is_dir():
        partial.replace(final)
        return
    aside = final.with_name(f".{final.name}.{os.getpid()}.old")
    _remove(aside)
    replaced = final.exists() or final.is_symlink()
    if replaced:
        final.rename(aside)
    try:
        partial.rename(final)
    except BaseException:
        if replaced:
            aside.rename(final)
        raise
    _remove(aside)


def _copy(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copyfile(source, target)
        return
    target.mkdir()
    for entry in source.iterdir():
        _copy(entry, target / entry.name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def cache_info() -> CacheInfo:
    """Count what the cache holds."""
    files = [path for path in _entries().glob("*/**/*") if path.is_file()]
    return CacheInfo(
        path=str(cache_root()),
        artifacts=len({path.relative_to(_entries()).parts[0] for path in files}),
        size_bytes=sum(path.stat().st_size for path in files),
    )


def clear_cache() -> CacheInfo:
    """Delete every cached artifact; returns what there was.

    Raises:
        OutputError: the cache cannot be written.
    """
    info = cache_info()
    with writing(cache_root(), elsewhere=_ELSEWHERE):
        if _entries().exists():
            shutil.rmtree(_entries())
    return info


@contextmanager
def writing(place: Path, *, free: str = "free some space", elsewhere: str | None = None) -> Iterator[None]:
    """Turn a failure to write into an `OutputError` that names the place, the cause and the next step.

    Args:
        free: how there can be space again.
        elsewhere: how to write somewhere else, where the command has no option for it.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                advice = f"{free}, or {elsewhere or 'choose another disk'}"
            case errno.EFBIG:
                advice = f"raise the limit on the size of a file ('ulimit -f'), or {elsewhere or 'choose another disk'}"
            case _:
                advice = elsewhere or "choose a folder that you can write"
        raise OutputError(f"cannot write {place}: {error.strerror or error}; {advice}") from error


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of those distributions that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _entries() -> Path:
    return cache_root() / "artifacts"


def _versions_for(config: ExportConfig) -> dict[str, str]:
    return installed_versions(("effmod-bench", *_MAKERS[config.format], *_CHECKERS))


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
    from exporters import onnx

    model, weights = create(spec, config.image_size, checkpoint)
    rewritten, reference, reports = _rewrite(model, config)
    parity, simplified = onnx.export(rewritten, path, config, spec.preprocessing, reference=reference)
    inputs, outputs = onnx.read_tensors(onnx.read_graph(path))
    return Artifact(
        **_described(spec, config, model, rewritten, weights, reports, path),
        inputs=inputs,
        outputs=outputs,
        opset=config.opset,
        simplified=simplified,
        parity=parity,
    )


def _make_coreml(spec: ModelSpec, config: CoreMLConfig, checkpoint: Path | None, path: Path) -> Artifact:
    from exporters import coreml, verify

    coreml.check_available()
    coreml.check_compression(config.compress)
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
        measure_parity=verify.measure_parity,
    )
    assert parity is not None  # it was asked for
    inputs, outputs = coreml.read_tensors(path)
    return Artifact(
        **_described(spec, config, model, rewritten, weights, reports, path),
        inputs=inputs,
        outputs=outputs,
        specification_version=coreml.SPECIFICATION_VERSIONS[config.target],
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


def create(spec: ModelSpec, image_size: int, checkpoint: Path | None) -> tuple["nn.Module", Weights]:
    """The network in its inference form, with the weights asked for."""
    from models import Form, create_filled, create_model, create_pretrained, load_checkpoint, reparameterize

    if checkpoint is None:
        return create_filled(spec, image_size=image_size, seed=SEED)
    if checkpoint == PRETRAINED:
        return create_pretrained(spec, image_size=image_size)
    # A checkpoint is what training left: MobileOne's and RepVGG's branches are still apart in it.
    model = create_model(spec.name, form=Form.TRAINING, image_size=image_size).eval()
    weights = load_checkpoint(model, checkpoint)
    return reparameterize(spec, model), weights


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


def weights_identity(checkpoint: Path | None) -> Weights:
    if checkpoint is None:
        return Weights(source=WeightsSource.RANDOM, seed=SEED)
    if checkpoint == PRETRAINED:
        return Weights(source=WeightsSource.PRETRAINED)
    try:
        if checkpoint.exists() and not checkpoint.is_file():  # a pipe, say, which could be read but once
            raise OSError(errno.EINVAL, "it is not a file")
        return Weights(source=WeightsSource.CHECKPOINT, file=checkpoint.name, sha256=sha256_of(checkpoint))
    except OSError as error:
        from models import CheckpointError

        raise CheckpointError(f"cannot read checkpoint {checkpoint}: {error.strerror}") from error


def _key(spec: ModelSpec, config: ExportConfig, weights: Weights) -> str:
    return content_key(spec, config, weights, _MAKERS[config.format])


def content_key(spec: ModelSpec, options: object, weights: Weights, makers: Sequence[str]) -> str:
    """A hash over everything that decides what is made of a network.

    Args:
        options: of what is made; anything that msgspec encodes.
        makers: the distributions that have a hand in it.
    """
    made_by = installed_versions(makers)
    content = msgspec.json.encode(
        (spec, options, weights, made_by, _factory_digest(spec), _source_digest()), order="sorted"
    )
    return hashlib.sha256(content).hexdigest()[:32]


def _factory_digest(spec: ModelSpec) -> str | None:
    """Hash of the file that builds a network of the user's own or of a plug-in; None for ours and timm's."""
    place = spec.factory.rpartition(":")[0]
    if place.endswith(".py"):
        return sha256_of(Path(place))
    if spec.factory.startswith(("models.", "timm:")):
        return None
    try:
        found = importlib.util.find_spec(place)
    except Exception:  # whatever a stranger's package raises; building the network says it
        return None
    return sha256_of(Path(found.origin)) if found and found.origin else None


@functools.cache
def _source_digest() -> str:
    """Hash of our own code that decides an artifact's content, so that no edit of it finds a stale file."""
    digest = hashlib.sha256()
    for package in ("exporters", "models"):
        root = importlib.resources.files(package)
        for file in sorted(Path(str(root)).rglob("*.py")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
