"""A detector or segmenter: its weights in a file that names it, as of a network that PyTorch runs itself."""

import re
from pathlib import Path

from exporters.artifact import cache
from exporters.artifact.hashes import sha256_of
from exporters.artifact.sidecar import TensorSpec, write_sidecar
from exporters.artifact.versions import installed_versions
from exporters.making import create, key
from exporters.making.network import (
    INPUT,
    MAKERS,
    MadeNetwork,
    SavedNetwork,
    count_subnormal_weights,
    intact,
    save_network,
)
from models import Preprocessing
from models.dense.spec import DenseSpec
from models.zoo.output import prints_to_standard_error


def obtain_dense(spec: DenseSpec) -> MadeNetwork:
    """The weights of a detector or segmenter, from the cache or written now.

    Raises:
        OutputError: the cache cannot be written.
    """

    def make(path: Path) -> SavedNetwork:
        return _save_dense(spec, path)

    path, network, _, note = cache.keep(_dense_key(spec), _dense_file_name(spec), read=intact, make=make)
    return MadeNetwork(path=path, network=network, note=note)


def cached_dense(spec: DenseSpec) -> MadeNetwork | None:
    """The weights that `obtain_dense` would find already written, whole; None where they would have to be made."""
    found = cache.find(_dense_key(spec), _dense_file_name(spec), read=intact)
    return None if found is None else MadeNetwork(path=found[0], network=found[1], note=None)


def is_dense_cached(spec: DenseSpec) -> bool:
    """Whether `obtain_dense` would find the weights already written."""
    return cache.has_entry(_dense_key(spec))


@prints_to_standard_error()
def _save_dense(spec: DenseSpec, path: Path) -> SavedNetwork:
    from models.dense.build import count_dense, create_filled_dense

    complexity = count_dense(spec)
    model, weights = create_filled_dense(spec, seed=create.SEED)
    save_network(model, path, name=spec.name, image_size=None)
    network = SavedNetwork(
        model=spec.name,
        weights=weights,
        params=complexity.params,
        macs=complexity.macs,
        attention_macs=complexity.attention_macs,
        preprocessing=Preprocessing(),
        input=TensorSpec(name=INPUT, shape=(1, 3, spec.height, spec.width), dtype="float"),
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
        subnormal_weights=count_subnormal_weights(model),
    )
    write_sidecar(path, network)
    return network


def _dense_key(spec: DenseSpec) -> str:
    return key.hash_of(spec, create.SEED, installed_versions(MAKERS))


def _dense_file_name(spec: DenseSpec) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", spec.name) + ".safetensors"
