"""The network that a function of the user's own returns, as it is: built once, however often it is asked for."""

import contextlib
import functools
import hashlib
import itertools
import re

import msgspec
import torch
from torch import nn

from models.zoo import user_file
from models.zoo.build import create_model
from models.zoo.complexity import count
from models.zoo.errors import ModelTargetError
from models.zoo.fingerprint import structure_sha256
from models.zoo.spec import Complexity

_RGB = 3
_QUANTIZED = re.compile(r"torch\.(ao\.)?nn\.(intrinsic\.)?quantized\b")


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
    _check_readable(target, model)
    with file.running(target, f"does not run on images of {image_size}x{image_size}{_of_other_numbers(model)}"):
        complexity = _count(model, image_size)
    return OwnNetwork(model=model.cpu(), complexity=complexity, source_sha256=_source_sha256(file, model))


def _check_readable(target: str, model: nn.Module) -> None:
    """Refuse layers of which torch's own tools see no weights, by name."""
    for name, layer in model.named_modules():
        which = f"layer {name!r} of {target}" if name else target
        if isinstance(layer, torch.jit.ScriptModule):
            raise ModelTargetError(
                f"{which} is TorchScript, which neither torch.export nor the rewrites read; return the network that it "
                "was scripted or traced from"
            )
        if _QUANTIZED.match(type(layer).__module__) and not _is_float(layer):
            raise ModelTargetError(
                f"{which} is quantized ({type(layer).__name__} of {type(layer).__module__}), which neither ONNX's "
                "exporter nor Core ML's takes; return the network before that, and let 'effmod tune --int8' or "
                "--compress quantize its file"
            )


def _is_float(layer: nn.Module) -> bool:
    """Whether it is a sum or a product as a layer, which is float32 though torch keeps it among the quantized ones."""
    return isinstance(layer, (torch.ao.nn.quantized.FloatFunctional, torch.ao.nn.quantized.FXFloatFunctional))


def _of_other_numbers(model: nn.Module) -> str:
    """What to say of a network that fails, where its weights are no float32."""
    others = {x.dtype for x in model.parameters() if x.is_floating_point()} - {torch.float32}
    if not others:
        return ""
    kinds = " and ".join(sorted(str(each).removeprefix("torch.") for each in others))
    return f" of float32 (it has weights of {kinds}; return it with .float())"


def _count(model: nn.Module, image_size: int) -> Complexity:
    """For RGB images; where it takes none, for images of as many channels as its first convolution reads."""
    try:
        return count(model, image_size)
    except RuntimeError:
        first = next((part for part in model.modules() if isinstance(part, nn.Conv2d)), None)
        if first is None or first.in_channels == _RGB:
            raise
        with contextlib.suppress(RuntimeError):
            return count(model, image_size, first.in_channels)
        raise


def _source_sha256(file: user_file.UserFile, model: nn.Module) -> str:
    """The hash of the code behind a network, as far as it lies in the file and beside it, and of what it was told."""
    digest = hashlib.sha256(structure_sha256(model).encode())
    for path in file.files():
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
