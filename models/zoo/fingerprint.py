"""What a network is, as hashes: the values it holds, and how it is put together."""

import hashlib
import io
import itertools
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# What every module has, and what says nothing of what it computes.
_NOT_HASHED = {"training", "_parameters", "_buffers", "_modules"}
_DEEPEST = 5


def tensors_sha256(model: nn.Module) -> str:
    """The hash of a network's parameters and buffers, those that its `state_dict` leaves out included."""
    digest = hashlib.sha256()
    every = (model.named_parameters(remove_duplicate=False), model.named_buffers(remove_duplicate=False))
    for name, tensor in itertools.chain(*every):
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def structure_sha256(model: nn.Module) -> str:
    """The hash of a network's modules, by class, and of the attributes that set them up, such as a stride."""
    digest = hashlib.sha256()
    for name, module in model.named_modules(remove_duplicate=False):
        digest.update(f"{name}\0{type(module).__module__}.{type(module).__qualname__}\0".encode())
        for key, value in sorted(vars(module).items()):
            if key not in _NOT_HASHED:
                digest.update(f"{key}\0{_described(value)}\0".encode(errors="surrogatepass"))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> Any:
    """Of its values, in an object that a hash takes."""
    tensor = tensor.detach().cpu()
    try:
        return tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
    except RuntimeError:  # one that has no plain memory, such as a sparse one
        content = io.BytesIO()
        torch.save(tensor, content)
        return content.getvalue()


def _described(value: Any, depth: int = 0) -> str:
    if isinstance(value, Tensor):
        return hashlib.sha256(_bytes(value)).hexdigest()
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    if depth < _DEEPEST and isinstance(value, Mapping):
        return str([(_described(key, depth + 1), _described(each, depth + 1)) for key, each in value.items()])
    if depth < _DEEPEST and isinstance(value, list | tuple):
        return str([_described(each, depth + 1) for each in value])
    if depth < _DEEPEST and isinstance(value, set | frozenset):
        return str(sorted(_described(each, depth + 1) for each in value))
    try:
        return _ADDRESS.sub("", repr(value))
    except Exception:  # whatever a stranger's class raises
        return type(value).__qualname__
