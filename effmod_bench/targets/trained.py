"""Whose weights each network of a command has, and so how many classes."""

import functools
from collections.abc import Sequence
from pathlib import Path

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.isolation.apart import apart
from effmod_bench.options.export import ExportChoices
from effmod_bench.targets.names import find_network
from exporters import PRETRAINED, RANDOM, public_name
from exporters.stage import Stage
from models import ModelSpec, is_function
from models.zoo.classes import of_checkpoint, with_classes
from models.zoo.named import split


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """A network with the choices that are its own: with its checkpoint alone, and its classes in its name."""

    spec: ModelSpec
    choices: ExportChoices


def with_weights(spec: ModelSpec, choices: ExportChoices) -> Trained:
    """A network with the checkpoint that is its own, and with as many classes as are asked for, or as that has.

    Raises:
        TargetError: timm's own weights are asked for, and other classes than theirs.
        UnknownModelError: it takes no number of classes.
        CheckpointError: the checkpoint cannot be read.
        UnfinishedError: reading it crashed, or took too long.
    """
    checkpoint = named_for(spec, choices.checkpoints) or choices.checkpoint
    if choices.num_classes is not None:
        if checkpoint == PRETRAINED:
            raise TargetError(
                f"--num-classes {choices.num_classes}: timm's own weights have the classes that they have; leave it out"
            )
        spec = find_network(with_classes(spec.name, choices.num_classes), image_size=choices.image_size)
    elif checkpoint is not None and checkpoint not in (PRETRAINED, RANDOM) and checkpoint.is_file():
        size, state = choices.image_size or spec.image_size, checkpoint.stat()
        read = _of_checkpoint.__wrapped__ if is_function(spec.factory) else _of_checkpoint  # whose file may change
        spec = read(spec, checkpoint, size, state.st_size, state.st_mtime_ns)
    own = msgspec.structs.replace(choices, checkpoint=checkpoint, checkpoints=(), num_classes=None)
    return Trained(spec=spec, choices=own)


@functools.cache
def _of_checkpoint(spec: ModelSpec, checkpoint: Path, size: int, _bytes: int, _modified_ns: int) -> ModelSpec:
    """With the classes of its checkpoint; a run asks several times, and building the network takes seconds."""
    read = functools.partial(of_checkpoint, spec, checkpoint, image_size=size)
    return apart(read, what=spec.name, stage=Stage.LOADING)


def named_for(spec: ModelSpec, checkpoints: Sequence[tuple[str, Path]]) -> Path | None:
    """The checkpoint that is given by a network's name: as it was written, without its folder or its arguments."""
    by_name = dict(checkpoints)
    return next((by_name[name] for name in _names(spec) if name in by_name), None)


def check_checkpoints(choices: ExportChoices, networks: Sequence[ModelSpec]) -> None:
    """Refuse one checkpoint for several networks, and one of a network that is no target.

    Raises:
        TargetError: that was asked.
    """
    checkpoint, named = choices.checkpoint, choices.checkpoints
    names = ", ".join(spec.name for spec in networks) or "none"
    if checkpoint not in (None, PRETRAINED, RANDOM) and len(networks) != 1:
        each = f", or give each its own: --checkpoint {networks[0].name}={checkpoint}" if networks else ""
        raise TargetError(
            f"--checkpoint {checkpoint} holds one network's weights; name that network alone, not {names}{each}"
        )
    known = {name for spec in networks for name in _names(spec)}
    for name, path in named:
        if name not in known:
            raise TargetError(f"--checkpoint {name}={path}: {name} is no target; the networks are {names}")


def check_whose(name: str | None, checkpoint: Path | None, spec: ModelSpec) -> None:
    """Refuse the checkpoint of another network, where a command has one.

    Args:
        name: by which the user gave it; None for none.

    Raises:
        TargetError: that is another network's.
    """
    if name is not None and name not in _names(spec):
        raise TargetError(f"--checkpoint {name}={checkpoint}: {name} is not what this is about, which is {spec.name}")


def _names(spec: ModelSpec) -> list[str]:
    base = split(spec.name)[0]
    return [spec.name, public_name(spec.name), base, public_name(base)]
