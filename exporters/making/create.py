"""The network that is exported, with the weights asked for."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from exporters.rewrites.base import RETRAIN
from models import ModelSpec, Weights, is_function

if TYPE_CHECKING:
    from torch import nn


SEED = 0
PRETRAINED = Path("pretrained")
"""In a checkpoint's place: the weights that timm publishes for the network."""
RANDOM = Path("random")
"""In a checkpoint's place: the seeded filling, also for a function's network, which has weights of its own."""


def keeps_own(spec: ModelSpec, checkpoint: Path | None) -> bool:
    """Whether a network keeps the weights that it has where it is returned, by a function of the user's own."""
    return checkpoint is None and is_function(spec.factory)


def is_file(checkpoint: Path | None) -> bool:
    """Whether a checkpoint is a file, and not what stands in the place of one."""
    return checkpoint not in (None, RANDOM, PRETRAINED)


def create(
    spec: ModelSpec, image_size: int, checkpoint: Path | None, rewrites: Collection[str] = ()
) -> tuple["nn.Module", Weights]:
    """The network in its inference form, with the weights asked for. What a function returned is not to be changed.

    Args:
        rewrites: that it is to go through. A checkpoint that was trained behind one that needs that is of the
            network which that gives, and so is what is returned.

    Raises:
        CheckpointError: the checkpoint is not of this network, or not of the one that the rewrites make of it.
    """
    from models import (
        CheckpointError,
        Form,
        create_filled,
        create_model,
        create_own,
        create_pretrained,
        load_checkpoint,
        reparameterize,
    )

    if keeps_own(spec, checkpoint):
        return create_own(spec, image_size=image_size)
    if checkpoint in (None, RANDOM):
        return create_filled(spec, image_size=image_size, seed=SEED)
    if checkpoint == PRETRAINED:
        return create_pretrained(spec, image_size=image_size)
    if set(rewrites) & set(RETRAIN):
        return _create_batch_normed(spec, image_size, checkpoint)
    # A checkpoint is what training left: MobileOne's and RepVGG's branches are still apart in it.
    model = create_model(spec.name, form=Form.TRAINING, image_size=image_size).eval()
    try:
        weights = load_checkpoint(model, checkpoint)
    except CheckpointError as error:
        return _load_merged(spec, image_size, checkpoint, error)
    return reparameterize(spec, model), weights


def _create_batch_normed(spec: ModelSpec, image_size: int, checkpoint: Path) -> tuple["nn.Module", Weights]:
    from models import Form, create_model, load_checkpoint, reparameterize
    from models.zoo.batch_normed import batch_normed, merge

    model = create_model(spec.name, form=Form.TRAINING, image_size=image_size)
    model = batch_normed(model, image_size, spec.preprocessing.channels).eval()
    weights = load_checkpoint(model, checkpoint, rewritten=True)
    return reparameterize(spec, merge(model)), weights


def _load_merged(spec: ModelSpec, image_size: int, checkpoint: Path, error: Exception) -> tuple["nn.Module", Weights]:
    """The network with a checkpoint that was saved after its branches were merged, by timm's `reparameterize_model`.

    Args:
        error: why the checkpoint is none of the network with its branches apart.

    Raises:
        CheckpointError: that, where it is none of the merged network either.
    """
    from models import CheckpointError, create_model, load_checkpoint, merged_branches

    if not merged_branches(spec):
        raise error
    merged = create_model(spec.name, image_size=image_size).eval()
    try:
        return merged, load_checkpoint(merged, checkpoint)
    except CheckpointError:
        raise error from None
