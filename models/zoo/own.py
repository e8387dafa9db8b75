"""The network that a function of the user's own returns, as it is: built once, however often it is asked for."""

import functools
import hashlib
import itertools

import msgspec
from torch import nn

from models.zoo import user_file
from models.zoo.build import create_model
from models.zoo.complexity import count
from models.zoo.errors import ModelTargetError
from models.zoo.fingerprint import structure_sha256
from models.zoo.spec import Complexity


class OwnNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """What a function returned, and what was counted of it; `source_sha256` is of all that decides how it computes."""

    model: nn.Module
    complexity: Complexity
    source_sha256: str


def build(target: str, image_size: int) -> OwnNetwork:
    """The network of the function that `target` names, for images of `image_size`; it is not to be changed.

    A function may take weights from where it likes, and they may be others each time. So a process that asks twice
    gets the same network, unless the function's file or a module beside it was changed meanwhile.

    Raises:
        ModelTargetError: the function fails, or its network does not run on such images, or holds no values.
    """
    return _build(target, image_size, user_file.read(target))


@functools.lru_cache(maxsize=1)  # one alone: a network can have gigabytes
def _build(target: str, image_size: int, file: user_file.UserFile) -> OwnNetwork:
    model = create_model(target, image_size=image_size)
    if any(tensor.is_meta for tensor in itertools.chain(model.parameters(), model.buffers())):
        raise ModelTargetError(
            f"{target} returned a network on the device 'meta', which holds no values; return it on the CPU"
        )
    with file.running(target, f"does not run on images of {image_size}x{image_size}"):
        complexity = count(model, image_size)
    return OwnNetwork(model=model.cpu(), complexity=complexity, source_sha256=_source_sha256(file, model))


def _source_sha256(file: user_file.UserFile, model: nn.Module) -> str:
    """The hash of the code behind a network, as far as it lies in the file and beside it, and of what it was told."""
    digest = hashlib.sha256(structure_sha256(model).encode())
    for path in file.files():
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
