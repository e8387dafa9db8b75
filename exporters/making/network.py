"""A network as it is: its weights in a safetensors file that names it, for runtimes that run the network itself."""

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from exporters.artifact import cache
from exporters.artifact.hashes import sha256_of
from exporters.artifact.names import name_parts, public_name
from exporters.artifact.sidecar import TensorSpec, sidecar_path, write_sidecar
from exporters.artifact.versions import NETWORK
from exporters.making import create, key
from models import ModelSpec, Preprocessing, Weights, check_image_size
from models.dense.spec import find_dense, is_dense
from models.zoo.output import prints_to_standard_error
from models.zoo.spec import is_function

if TYPE_CHECKING:
    from torch import nn


INPUT, OUTPUT = "input", "logits"
# One entry, since safetensors writes several in no order, and the same network would have another hash each time.
_NAMED = "network"
MAKERS = (*NETWORK, "safetensors")
"""The distributions that have a hand in a file of weights."""


class SavedNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """The sidecar of a network's weights.

    Attributes:
        model: as in the sidecar of an artifact.
        macs: multiply-adds of one image of the size that the network was built for.
        attention_macs: of these, the products of attention; None where they were not counted apart.
        subnormal_weights: how many of them are subnormal.
    """

    model: str
    weights: Weights
    params: int
    macs: int
    attention_macs: int | None = None
    preprocessing: Preprocessing
    input: TensorSpec
    size_bytes: int
    sha256: str
    subnormal_weights: int | None = None


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    """What builds the network that a file holds the weights of."""

    name: str
    image_size: int | None


class MadeNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """A network in the cache; `note` is what the user should hear of it, if anything."""

    path: Path
    network: SavedNetwork
    note: str | None


def obtain_network(spec: ModelSpec, *, image_size: int, checkpoint: Path | None = None) -> MadeNetwork:
    """The weights of a network, from the cache or written now.

    Args:
        checkpoint: as of `obtain`.

    Raises:
        ModelTargetError: a function of the user's own fails.
        ImageSizeError: the network cannot take `image_size`.
        CheckpointError: `checkpoint` is not one of this network.
        OutputError: the cache cannot be written.
    """
    check_image_size(spec, image_size)

    def make(path: Path) -> SavedNetwork:
        return _save(spec, image_size, checkpoint, path)

    key = _key(spec, image_size, checkpoint)
    path, network, _, note = cache.keep(key, _file_name(spec, image_size), read=intact, make=make)
    return MadeNetwork(path=path, network=network, note=note)


def cached_network(spec: ModelSpec, *, image_size: int, checkpoint: Path | None = None) -> MadeNetwork | None:
    """The weights that `obtain_network` would find already written, whole; None where they would have to be made.

    Raises:
        CheckpointError: `checkpoint` cannot be read.
    """
    found = cache.find(_key(spec, image_size, checkpoint), _file_name(spec, image_size), read=intact)
    return None if found is None else MadeNetwork(path=found[0], network=found[1], note=None)


def is_network_cached(spec: ModelSpec, *, image_size: int, checkpoint: Path | None = None) -> bool:
    """Whether `obtain_network` would find the weights already written."""
    return cache.has_entry(_key(spec, image_size, checkpoint))


def save_network(model: "nn.Module", path: Path, *, name: str, image_size: int | None) -> None:
    """Write a network's weights.

    Args:
        name: by which `models.create_model` builds the network, or `models.dense` does.
        image_size: None where the name says it.
    """
    import safetensors.torch

    # Cloned, since safetensors takes no two tensors that share memory.
    tensors = {key: tensor.clone().contiguous() for key, tensor in model.state_dict().items()}
    named = msgspec.json.encode(_Named(name=name, image_size=image_size)).decode()
    safetensors.torch.save_file(tensors, path, {_NAMED: named})


def load_network(path: str | Path) -> "nn.Module":
    """Build the network that a file names, in its inference form and in eval mode, and give it the file's weights.

    For a process that runs this network alone: what lies beside a file of the user's own can be imported there.

    Raises:
        UnknownModelError: there is no such network any more.
    """
    import safetensors
    import safetensors.torch

    from models import create_model

    with safetensors.safe_open(path, framework="pt") as file:
        named = msgspec.json.decode(file.metadata()[_NAMED], type=_Named)
    if is_dense(named.name):
        from models.dense.build import create_dense

        model: nn.Module = create_dense(*find_dense(named.name))
    else:
        model = create_model(named.name, image_size=named.image_size)
    if is_function(named.name):
        from models.zoo import user_file

        user_file.read(named.name).neighbours.stay_searched()
    model.load_state_dict(safetensors.torch.load_file(path))
    return model.eval()


@prints_to_standard_error()
def _save(spec: ModelSpec, image_size: int, checkpoint: Path | None, path: Path) -> SavedNetwork:
    from models import count

    model, weights = create.create(spec, image_size, checkpoint)
    complexity = count(model, image_size, spec.preprocessing.channels)
    save_network(model, path, name=spec.name, image_size=image_size)
    network = SavedNetwork(
        model=public_name(spec.name),
        weights=weights,
        params=complexity.params,
        macs=complexity.macs,
        preprocessing=spec.preprocessing,
        input=TensorSpec(
            name=INPUT, shape=("batch", spec.preprocessing.channels, image_size, image_size), dtype="float"
        ),
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
        subnormal_weights=count_subnormal_weights(model),
    )
    write_sidecar(path, network)
    return network


def count_subnormal_weights(model: "nn.Module") -> int:
    """How many of a network's weights are subnormal."""
    from exporters.artifact.subnormals import count

    floats = (x for x in model.state_dict().values() if x.is_floating_point())
    return sum(count(x.float().numpy()) for x in floats)


def _file_name(spec: ModelSpec, image_size: int) -> str:
    return "-".join(name_parts(spec.name, image_size, spec.image_size)) + ".safetensors"


def intact(path: Path) -> SavedNetwork | None:
    """What a file's sidecar says of it; None where it is not that any more."""
    try:
        network = msgspec.json.decode(sidecar_path(path).read_bytes(), type=SavedNetwork)
        return network if sha256_of(path) == network.sha256 else None
    except (OSError, msgspec.DecodeError):
        return None


def _key(spec: ModelSpec, image_size: int, checkpoint: Path | None) -> str:
    weights = key.weights_identity(spec, image_size, checkpoint)
    return key.content_key(spec, image_size, ("network", image_size), weights, MAKERS)
