"""What is refused before anything is exported or measured."""

import math
from collections.abc import Sequence

from effmod_bench.errors import TargetError
from effmod_bench.options.export import ExportChoices
from effmod_bench.targets.names import network_input
from models import ModelSpec, check_image_size, classes_of
from results import InputTensor


def check_image_sizes(choices: ExportChoices, networks: Sequence[ModelSpec]) -> None:
    """Refuse an image size before anything is exported, not when the network's turn comes.

    Raises:
        ImageSizeError: a network cannot take it.
        TargetError: so many images of that size are more than this machine can hold.
    """
    for spec in networks:
        size = choices.image_size or spec.image_size
        check_image_size(spec, size)
        check_memory(spec.name, network_input(choices.batch_size, size))


def check_memory(target: str, tensor: InputTensor, words: str | None = None, *, feeds: int = 1) -> None:
    """Refuse an input that this machine cannot hold, before a process tries to make it.

    Args:
        target: what it is fed to.
        words: for what it is fed; None for what the rule says.
        feeds: so many values, of which all are kept.

    Raises:
        TargetError: making it takes more memory than there is.
    """
    from effmod_bench.instrument.machine.memory import usable_memory_bytes
    from exporters.feeds.rule import by_rule
    from exporters.feeds.tensors import dtype_of
    from exporters.feeds.values import bytes_to_make
    from exporters.feeds.words import Word

    kept = (feeds - 1) * math.prod(tensor.shape) * dtype_of(tensor).itemsize
    needed = bytes_to_make(tensor, words or by_rule(tensor) or Word.ONES) + kept
    there_is = usable_memory_bytes()
    if needed > there_is:
        raise TargetError(
            f"{target}: to make input {tensor.name!r} of shape {','.join(map(str, tensor.shape))} takes "
            f"{needed / 1e9:,.1f} GB, and this machine has {there_is / 1e9:,.1f} GB of memory; give a smaller "
            "--input-shape, --image-size or --batch-size, or measure where there is more"
        )


def check_labels(choices: ExportChoices, networks: Sequence[ModelSpec]) -> None:
    """Refuse labels that are not as many as a network's classes, before it is built where it is one of the zoo.

    Raises:
        TargetError: they are fewer or more.
    """
    for spec in networks:
        if choices.labels is not None and classes_of(spec) not in (None, len(choices.labels)):
            raise TargetError(
                f"--labels has {len(choices.labels)} names, and {spec.name} tells {classes_of(spec)} classes apart; "
                "write one label a line, in the order of the classes"
            )
