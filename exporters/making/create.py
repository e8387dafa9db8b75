"""The network that is exported, with the weights asked for."""

from pathlib import Path
from typing import TYPE_CHECKING

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


def create(spec: ModelSpec, image_size: int, checkpoint: Path | None) -> tuple["nn.Module", Weights]:
    """The network in its inference form, with the weights asked for. What a function returned is not to be changed."""
    from models import Form, create_filled, create_model, create_own, create_pretrained, load_checkpoint, reparameterize

    if keeps_own(spec, checkpoint):
        return create_own(spec, image_size=image_size)
    if checkpoint in (None, RANDOM):
        return create_filled(spec, image_size=image_size, seed=SEED)
    if checkpoint == PRETRAINED:
        return create_pretrained(spec, image_size=image_size)
    # A checkpoint is what training left: MobileOne's and RepVGG's branches are still apart in it.
    model = create_model(spec.name, form=Form.TRAINING, image_size=image_size).eval()
    weights = load_checkpoint(model, checkpoint)
    return reparameterize(spec, model), weights
