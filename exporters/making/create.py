"""The network that is exported, with the weights asked for."""

from pathlib import Path
from typing import TYPE_CHECKING

from models import ModelSpec, Weights

if TYPE_CHECKING:
    from torch import nn


SEED = 0
PRETRAINED = Path("pretrained")
"""In a checkpoint's place: the weights that timm publishes for the network."""


def create(spec: ModelSpec, image_size: int, checkpoint: Path | None) -> tuple["nn.Module", Weights]:
    """The network in its inference form, with the weights asked for."""
    from models import Form, create_filled, create_model, create_pretrained, load_checkpoint, reparameterize

    if checkpoint is None:
        return create_filled(spec, image_size=image_size, seed=SEED)
    if checkpoint == PRETRAINED:
        return create_pretrained(spec, image_size=image_size)
    # A checkpoint is what training left: MobileOne's and RepVGG's branches are still apart in it.
    model = create_model(spec.name, form=Form.TRAINING, image_size=image_size).eval()
    weights = load_checkpoint(model, checkpoint)
    return reparameterize(spec, model), weights
