"""Trained weights from a file, of which nothing is ever run."""

import argparse
import errno
import hashlib
import shlex
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from models.zoo.errors import CheckpointError
from models.zoo.identity import identity_of
from models.zoo.spec import Weights, WeightsSource
from models.zoo.words import first_line, stands_for

# Where training scripts put the tensors, best first: an averaged copy (EMA) is what timm validates with.
_ENTRIES = ("state_dict_ema", "model_ema", "state_dict", "model")

_SHOWN = 8


def load_checkpoint(model: nn.Module, path: str | Path, *, use_ema: bool = True, rewritten: bool = False) -> Weights:
    """Load a checkpoint of this network: a `.pth` or `.pth.tar` of a training script, or safetensors.

    Nothing in the file is ever run: tensors, plain containers and the `argparse.Namespace` in which timm's
    CheckpointSaver keeps its options are all that it may hold.

    Args:
        model: the network; its tensors are overwritten only if every one of them fits.
        use_ema: take the averaged weights where the file has them, as timm does.
        rewritten: the network is one that a rewrite has made, as `batch_normed` does.

    Raises:
        CheckpointError: the file cannot be read, would run code, holds no weights, or holds another network's.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():  # a pipe, say, which could be read but once
            raise OSError(errno.EINVAL, "it is not a file")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CheckpointError(f"cannot read checkpoint {path}: {error.strerror}") from error
    entry, tensors = _read(path, use_ema)
    strange = [name for name, tensor in tensors.items() if not isinstance(name, str) or not isinstance(tensor, Tensor)]
    if strange:
        raise CheckpointError(f"{path} holds no state_dict: {strange[0]!r} in it is not the name of a tensor")
    expected = model.state_dict()
    tensors = _unwrapped(tensors, expected)
    _check_values(path, tensors, expected)
    differences, unknown = list(_differences(expected, tensors)), [name for name in tensors if name not in expected]
    if differences or unknown:
        if (identity := identity_of(path)) and identity.rewrites and not rewritten:
            rewrites = ",".join((*identity.rewrites, "batch_norm"))
            raise CheckpointError(
                f"{path} was trained as {identity.name} behind {' and '.join(identity.rewrites)}, which is another "
                f"network: 'effmod export {shlex.quote(identity.told)} --rewrite {rewrites} "
                f"--checkpoint {shlex.quote(str(path))} --image-size {identity.image_size}' makes its file"
            )
        others = [f"{name} {tuple(tensors[name].shape)}: not in the network" for name in unknown]
        shown = [*differences[: max(3, 5 - len(others))], *others][:5]  # some of both kinds
        left = len(differences) + len(others) - len(shown)
        listed = "\n".join([*(f"  {line}" for line in shown), *([f"  and {left} more"] if left else [])])
        other_head = None if unknown else _other_head(model, tensors)
        if other_head:
            raise CheckpointError(f"{path} fits {type(model).__name__} but for its classifier: {other_head}\n{listed}")
        raise CheckpointError(
            f"{path} is a checkpoint of another network, or of this one at another image size: it differs from "
            f"{type(model).__name__} in {len(differences) + len(others)} places:\n{listed}\n"
            "  Name the network that it was trained as, and the size with --image-size."
        )
    model.load_state_dict(tensors)
    return Weights(source=WeightsSource.CHECKPOINT, file=path.name, sha256=sha256, entry=entry)


def classes_in(path: str | Path, model: nn.Module) -> int | None:
    """How many classes a checkpoint has that differs from a network in its classifier alone; None for any other.

    Raises:
        CheckpointError: the file cannot be read, would run code, or holds no weights.
    """
    tensors = _read(Path(path), use_ema=True)[1]
    expected = model.state_dict()
    tensors = _unwrapped(tensors, expected)
    if any(name not in expected or not isinstance(tensor, Tensor) for name, tensor in tensors.items()):
        return None
    found = _head_sizes(model, tensors)
    return found[0] if found and found[0] else None


def _check_values(path: Path, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Refuse tensors whose values are not the network's own, whatever their shapes: loading would drop what they are.

    Raises:
        CheckpointError: one has no values, is not stored whole, or is of a kind that the network's is not.
    """
    for name, tensor in tensors.items():
        if said := _not_plain(tensor) or (_of_another_kind(tensor, expected[name]) if name in expected else None):
            raise CheckpointError(f"{path} was not loaded: {name} in it {said}")


def _not_plain(tensor: Tensor) -> str | None:
    if tensor.is_meta:
        return "is on the device 'meta', and holds no values: save it again from a network whose weights were loaded"
    if tensor.is_quantized:
        return f"is quantized ({tensor.dtype}): save what its dequantize() gives"
    if tensor.layout is not torch.strided or tensor.is_nested:
        layout = "nested" if tensor.is_nested else f"sparse ({str(tensor.layout).removeprefix('torch.')})"
        return f"is {layout}, where weights are dense: save what its to_dense() gives"
    return None


def _of_another_kind(found: Tensor, expected: Tensor) -> str | None:
    ours = str(expected.dtype).removeprefix("torch.")
    theirs = str(found.dtype).removeprefix("torch.")
    if found.is_complex() and not expected.is_complex():
        return (
            f"is {theirs}, and the network's is {ours}: its imaginary parts would be lost. Save the network's own form"
        )
    if expected.is_floating_point() and not found.is_floating_point() and not found.is_complex():
        return (
            f"is {theirs}, and the network's is {ours}: whole numbers are weights only with the scale that they were "
            "quantized with. Save the weights before that, or multiplied by it"
        )
    return None


def _read(path: Path, use_ema: bool) -> tuple[str | None, Mapping[str, Tensor]]:
    """The tensors of a checkpoint, and the name under which it holds them (None where they are all it holds)."""
    if path.suffix == ".safetensors":
        try:
            return None, safetensors.torch.load_file(path)
        except Exception as error:  # fed a stranger's bytes, a parser may raise anything
            if said := stands_for(path):
                raise CheckpointError(f"{path} is no checkpoint: {said}") from error
            raise CheckpointError(
                f"{path} is not a safetensors file, or it is cut short or damaged: {first_line(error)}"
            ) from error
    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a file of another kind makes torch say; the error says it
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # fed a stranger's bytes, a parser may raise anything
        raise CheckpointError(_refusal(path)) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a dictionary of weights")
    for entry in _ENTRIES:
        if isinstance(content.get(entry), Mapping) and (use_ema or not entry.endswith("_ema")):
            return entry, content[entry]
    if content and all(isinstance(value, Tensor) for value in content.values()):
        return None, content
    if len(others := [name for name, value in content.items() if not isinstance(value, Tensor)]) * 2 < len(content):
        kind = type(content[others[0]]).__name__
        raise CheckpointError(f"{path} holds no state_dict: {others[0]!r} in it is no tensor, but a {kind}")
    if not content:
        raise CheckpointError(f"{path} holds no weights: it is an empty dictionary")
    entries = [*map(str, content)]
    more = f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""
    raise CheckpointError(
        f"{path} holds no weights: none of {', '.join(_ENTRIES)} among its entries {', '.join(entries[:_SHOWN])}{more}"
    )


def _is_torchscript(path: Path) -> bool:
    """Whether a file is what torch.jit.save writes: beside its tensors it holds code."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("code" in name.split("/")[1:-1] for name in archive.namelist())
    except Exception:  # fed a stranger's bytes, a parser may raise anything
        return False


def _refusal(path: Path) -> str:
    # Torch's own message advises weights_only=False, so it is not repeated.
    if said := stands_for(path):
        return f"{path} is no checkpoint: {said}"
    if _is_torchscript(path):
        return (
            f"{path} is a TorchScript archive, not a checkpoint: save the weights in it, with "
            f"torch.save(torch.jit.load({str(path)!r}).state_dict(), PATH)"
        )
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            unsafe = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # whatever a file that is no checkpoint makes the reader raise
        unsafe = []
    if not unsafe:
        return f"{path} is not a PyTorch checkpoint, or it is cut short or damaged"
    return (
        f"{path} was not loaded: beside weights it holds {', '.join(unsafe)}, and reading that could run code. "
        "Save the weights alone, with torch.save(model.state_dict(), PATH) or as safetensors."
    )


def _unwrapped(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors under the network's names, without what a wrapper has put before all of them.

    DataParallel puts `module.` there, torch.compile `_orig_mod.`, Lightning the attribute's name, and they nest.
    """
    forms = [tensors]
    while len({name.partition(".")[0] for name in tensors}) == 1 and all("." in name for name in tensors):
        tensors = {name.partition(".")[2]: tensor for name, tensor in tensors.items()}
        forms.append(tensors)
    return max(forms, key=lambda form: len(form.keys() & expected.keys()))  # of equal ones the first


def _other_head(model: nn.Module, found: Mapping[str, Tensor]) -> str | None:
    """What to do about a file that lacks the network's classifier alone, or has one of other classes; None if neither.

    Args:
        found: the file's tensors, each of which the network has, too.
    """
    sizes = _head_sizes(model, found)
    if sizes is None:
        return None
    classes, usual = sizes
    said = f"it has {classes} classes, and the network {usual}" if classes else "it has none"
    return (
        f"{said}. To use it, write a file net.py with a function such as\n"
        "    def build():\n"
        "        import models\n"
        f"        return models.create_model(NAME, num_classes={classes})\n"
        "  and give net.py:build in the place of the network's NAME. They differ in:"
    )


def _head_sizes(model: nn.Module, found: Mapping[str, Tensor]) -> tuple[int, int] | None:
    """The classes of a file and of the network, where nothing but the classifier differs; 0 where the file has none.

    Args:
        found: the file's tensors, each of which the network has, too.
    """
    expected = model.state_dict()
    parts = {
        name: model.get_submodule(name.rpartition(".")[0])
        for name, tensor in expected.items()
        if name not in found or found[name].shape != tensor.shape
    }
    if not parts or not all(isinstance(part, nn.Linear | nn.Conv2d) for part in parts.values()):
        return None
    if not any(name in found for name in parts):
        # It is what a network ends in; anything else that is missing is another network's difference.
        if list(parts) != list(expected)[-len(parts) :]:
            return None
        return 0, 0
    if any(name not in found or found[name].shape[1:] != expected[name].shape[1:] for name in parts):
        return None
    sizes = {(len(found[name]), len(expected[name])) for name in parts}
    return next(iter(sizes)) if len(sizes) == 1 else None


def _differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Iterator[str]:
    """What the network needs and `found` lacks, or has in another shape, in the network's order."""
    for name, tensor in expected.items():
        shape = tuple(tensor.shape)
        if name not in found:
            if not name.endswith("num_batches_tracked"):  # absent from files of torch < 0.4.1
                yield f"{name} {shape}: not in the file"
        elif tuple(found[name].shape) != shape:
            yield f"{name} {shape}: {tuple(found[name].shape)} in the file"
