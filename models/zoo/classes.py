"""Networks with another number of classes: `efficientmod_xxs(num_classes=10)`, as a fine-tuned checkpoint has it."""

from pathlib import Path

from models.zoo import named
from models.zoo.build import create_model, factory_function
from models.zoo.find import find_model
from models.zoo.identity import identity_of
from models.zoo.spec import Form, ModelSpec, is_function

ARGUMENT = "num_classes"


def with_classes(name: str, classes: int) -> str:
    """The name of a network that tells so many classes apart.

    Raises:
        ModelTargetError: the name cannot be read.
    """
    asked = named.read(name)
    return str(named.Named(base=asked.base, arguments=asked.arguments | {ARGUMENT: classes}))


def of_checkpoint(spec: ModelSpec, checkpoint: Path, *, image_size: int) -> ModelSpec:
    """The network with as many classes as a checkpoint of it has; the same one where it differs in more than that, or
    says how many it has by itself.

    A function of the user's own is told where it has an argument `num_classes`.

    Raises:
        CheckpointError: the file cannot be read.
        ModelTargetError: a function of the user's own fails.
    """
    from models.zoo.checkpoint import classes_in

    if ARGUMENT in named.read(spec.name).arguments or not can_be_told(spec):
        return spec
    # A checkpoint is what training left: branches are apart in it, and BatchNorms beside their layers.
    network = create_model(spec.name, form=Form.TRAINING, image_size=image_size)
    if (identity := identity_of(checkpoint)) and identity.rewrites:
        from models.zoo.batch_normed import batch_normed

        network = batch_normed(network, image_size, spec.preprocessing.channels)
    classes = classes_in(checkpoint, network)
    return spec if classes is None else find_model(with_classes(spec.name, classes), image_size=image_size)


def can_be_told(spec: ModelSpec) -> bool:
    """Whether a network takes a number of classes: all do but functions without an argument `num_classes`."""
    if not is_function(spec.factory):
        return True
    import inspect

    return ARGUMENT in inspect.signature(factory_function(spec.factory)).parameters
