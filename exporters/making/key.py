"""What decides an artifact's content, as one hash: the name of its entry in the cache."""

import errno
import functools
import hashlib
import importlib.resources
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import msgspec

from exporters.artifact.hashes import sha256_of
from exporters.artifact.versions import installed_versions
from exporters.config import ExportConfig
from exporters.formats import FORMATS
from exporters.making.create import PRETRAINED, RANDOM, SEED, keeps_own
from models import ModelSpec, Weights, WeightsSource, is_function


def weights_identity(spec: ModelSpec, image_size: int, checkpoint: Path | None) -> Weights:
    """Which weights a network would get. What a function returns must be built for that; it is built but once."""
    if keeps_own(spec, checkpoint):
        from models import create_own

        return create_own(spec, image_size=image_size)[1]
    if checkpoint is None or checkpoint == RANDOM:
        return Weights(source=WeightsSource.RANDOM, seed=SEED)
    if checkpoint == PRETRAINED:
        return Weights(source=WeightsSource.PRETRAINED)
    try:
        if checkpoint.exists() and not checkpoint.is_file():  # a pipe, say, which could be read but once
            raise OSError(errno.EINVAL, "it is not a file")
        state = checkpoint.stat()
        sha256 = _sha256(checkpoint.absolute(), state.st_size, state.st_mtime_ns)
        return Weights(source=WeightsSource.CHECKPOINT, file=checkpoint.name, sha256=sha256)
    except OSError as error:
        from models import CheckpointError

        raise CheckpointError(f"cannot read checkpoint {checkpoint}: {error.strerror}") from error


@functools.lru_cache(maxsize=16)
def _sha256(checkpoint: Path, _size: int, _modified_ns: int) -> str:
    """A checkpoint can have gigabytes: it is read again only where it is another one."""
    return sha256_of(checkpoint)


def artifact_key(spec: ModelSpec, config: ExportConfig, weights: Weights) -> str:
    return content_key(spec, config.image_size, config, weights, FORMATS[config.format].MAKERS)


def content_key(spec: ModelSpec, image_size: int, options: object, weights: Weights, makers: Sequence[str]) -> str:
    """A hash over everything that decides what is made of a network.

    Args:
        image_size: that the network is built for.
        options: of what is made; anything that msgspec encodes.
        makers: the distributions that have a hand in it.
    """
    return hash_of(spec, options, weights, installed_versions(makers), _factory_digest(spec, image_size))


def hash_of(*deciding: object) -> str:
    """A hash over what decides an artifact's content, anything that msgspec encodes, and over our own code."""
    content = msgspec.json.encode((*deciding, _source_digest()), order="sorted")
    return hashlib.sha256(content).hexdigest()[:32]


def _factory_digest(spec: ModelSpec, image_size: int) -> str | None:
    """Hash of the code that builds a network of the user's own or of a plug-in; None for ours and timm's."""
    if is_function(spec.factory):
        from models.zoo import own

        return own.build(spec.factory, image_size).source_sha256
    if spec.factory.startswith(("models.", "timm:")):
        return None
    package = spec.factory.rpartition(":")[0].partition(".")[0]
    try:
        found = importlib.util.find_spec(package)
    except Exception:  # whatever a stranger's package raises; building the network says it
        return None
    if found is None or found.origin is None:
        return None
    folders = found.submodule_search_locations or []
    files = [file for folder in folders for file in sorted(Path(folder).rglob("*.py"))]
    return sha256_of(*(files or [Path(found.origin)]))


@functools.cache
def _source_digest() -> str:
    """Hash of our own code that decides an artifact's content, so that no edit of it finds a stale file."""
    digest = hashlib.sha256()
    for package in ("exporters", "models"):
        root = importlib.resources.files(package)
        for file in sorted(Path(str(root)).rglob("*.py")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
