"""The network that is trained, and the one that it learns from."""

from collections.abc import Collection
from pathlib import Path

import torch
from torch import nn

from models.training.chance import seed_all
from models.zoo.batch_normed import NAME, batch_normed
from models.zoo.build import create_model
from models.zoo.checkpoint import classes_in, load_checkpoint
from models.zoo.classes import with_classes
from models.zoo.errors import CheckpointError, ModelTargetError
from models.zoo.guard import seeded
from models.zoo.spec import Form, ModelSpec, WeightsSource
from models.zoo.weights import create_pretrained
from models.zoo.words import first_line


def build_network(
    spec: ModelSpec,
    *,
    image_size: int,
    classes: int,
    seed: int,
    checkpoint: Path | None = None,
    new_classifier: bool = False,
    rewrites: Collection[str] = (),
) -> nn.Module:
    """A network as it is trained, its branches apart, with its own first values, drawn from the seed.

    Args:
        classes: that it must tell apart.
        checkpoint: to start from.
        new_classifier: in the place of the checkpoint's.
        rewrites: of the network, before it is trained: LN -> BN, or none.

    Raises:
        BatchNormError: the network has no LayerNorms.
        CheckpointError: the checkpoint cannot be read, is another network's, or has other classes.
        ModelTargetError: the network has other classes, or does not give a score for each.
    """
    seed_all(seed)
    with seeded(seed % 2**32):
        network = _create(spec.name, image_size, rewrites)
    if checkpoint is not None:
        if not checkpoint.is_file():
            raise CheckpointError(f"cannot read checkpoint {checkpoint}: it is not there, or no file")
        theirs = classes_in(checkpoint, network)
        if new_classifier:
            started = network if theirs is None else _create(with_classes(spec.name, theirs), image_size, rewrites)
            load_checkpoint(started, checkpoint, rewritten=bool(rewrites))
            network = _with_new_classifier(started, spec.name, classes)
        elif theirs is None:
            load_checkpoint(network, checkpoint, rewritten=bool(rewrites))
        else:
            raise CheckpointError(
                f"{checkpoint} tells {theirs} classes apart, and the images are of {classes}; --new-classifier starts "
                "from all of it but its classifier"
            )
    found = outputs_of(network, spec.name, image_size)
    if found != classes:
        raise ModelTargetError(
            f"{spec.name} tells {found} classes apart, and the images are of {classes}; give its function an argument "
            "num_classes"
        )
    return network


def _create(name: str, image_size: int, rewrites: Collection[str]) -> nn.Module:
    network = create_model(name, form=Form.TRAINING, image_size=image_size)
    return batch_normed(network, image_size) if NAME in rewrites else network


def _with_new_classifier(network: nn.Module, name: str, classes: int) -> nn.Module:
    if not hasattr(network, "reset_classifier"):
        raise CheckpointError(f"{name} has no reset_classifier, as networks of timm's have: no --new-classifier")
    network.reset_classifier(classes)  # type: ignore[operator]
    return network


def build_teacher(spec: ModelSpec, *, image_size: int, classes: int, checkpoint: Path | None) -> nn.Module:
    """A trained network to learn from, in eval mode.

    Args:
        checkpoint: None for the weights that timm publishes, or a function's own.

    Raises:
        CheckpointError: it has no weights, or they are another network's.
        ModelTargetError: it has other classes, or does not run on images of `image_size`.
    """
    if checkpoint is not None:
        teacher = create_model(spec.name, form=Form.TRAINING, image_size=image_size)
        load_checkpoint(teacher, checkpoint)
    elif spec.factory.startswith("timm:"):
        teacher, weights = create_pretrained(spec, image_size=image_size)
        assert weights.source is WeightsSource.PRETRAINED
    elif ".py:" in spec.factory:
        teacher = create_model(spec.name, image_size=image_size)
    else:
        raise CheckpointError(f"a teacher has learned something: give its weights, --teacher {spec.name}=PATH")
    found = outputs_of(teacher, spec.name, image_size)
    if found != classes:
        raise ModelTargetError(
            f"the teacher {spec.name} tells {found} classes apart, and the images are of {classes}: what it says of "
            "one is of use for these alone"
        )
    return teacher.eval()


@torch.no_grad()
def outputs_of(network: nn.Module, name: str, image_size: int) -> int:
    """How many scores a network gives for an image.

    Raises:
        ModelTargetError: it does not run on images of this size, or gives something else.
    """
    was_training = network.training
    network.eval()
    try:
        scores = network(torch.zeros(1, 3, image_size, image_size))
    except Exception as error:  # whatever a network raises
        raise ModelTargetError(
            f"{name} does not run on images of {image_size}x{image_size}: {first_line(error)}; --image-size says "
            "which size all networks of a run get"
        ) from error
    network.train(was_training)
    if not isinstance(scores, torch.Tensor) or scores.ndim != 2:
        raise ModelTargetError(f"{name} gives no score for each class, (N, classes), and so cannot be trained on them")
    return scores.shape[1]
