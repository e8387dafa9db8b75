"""From a name to its row, also for networks that are not of the zoo."""

import msgspec

from models.zoo import named
from models.zoo.build import create_model, factory_function, image_size_parameter
from models.zoo.errors import ModelTargetError
from models.zoo.registry import zoo_row
from models.zoo.spec import TIMM_PREFIX, Complexity, Family, ModelSpec, Preprocessing, is_function, is_own


def find_model(name: str, *, image_size: int | None = None) -> ModelSpec:
    """The row of one network, by its name or another spelling of it.

    A network of the user's own, `timm:NAME` or `path/to/file.py:function`, is built and counted for its row, and so is
    one of the zoo with arguments, `efficientmod_iso(dim=96)`. Its name is the one spelling of those arguments.

    Args:
        image_size: the size to count a network of the user's own at, where it is not to be the network's own.

    Raises:
        UnknownModelError: there is none; or there is, and what it names cannot be built or run.
    """
    asked = named.read(name)
    if is_own(name):
        return _own_spec(str(asked), image_size)
    row = zoo_row(asked.base)
    return _with_arguments(row, asked.arguments) if asked.arguments else row


def _with_arguments(row: ModelSpec, arguments: dict[str, object]) -> ModelSpec:
    """A network of the zoo that is built otherwise: in no table of the paper, and of that image size."""
    target = str(named.Named(base=row.name, arguments=arguments))
    complexity = _count(target, row.image_size)
    return msgspec.structs.replace(
        row,
        name=target,
        params=complexity.params,
        macs=complexity.macs,
        tables=(),
        figures=(),
        aliases=(),
        note="",
        top1=None,
    )


def _own_spec(target: str, image_size: int | None) -> ModelSpec:
    factory = target
    if target.startswith(TIMM_PREFIX):
        from models.zoo import timm as timm_zoo

        factory = named.split(target)[0]
        timm_name = factory.removeprefix(TIMM_PREFIX)
        own_size = timm_zoo.image_size_of(timm_name)
        family, preprocessing = "timm", timm_zoo.preprocessing_of(timm_name)
        source = Family(
            title="PyTorch Image Models",
            repository="https://github.com/huggingface/pytorch-image-models",
            licence="Apache-2.0",
        )
    else:
        parameter = image_size_parameter(factory_function(target))
        own_size = parameter.default if parameter and isinstance(parameter.default, int) else 224
        family, preprocessing = "own", Preprocessing()
        source = Family(title=target)
    image_size = own_size if image_size is None else image_size
    complexity = _count(target, image_size)
    if complexity.channels != preprocessing.channels:
        preprocessing = Preprocessing.of_channels(complexity.channels)
    return ModelSpec(
        name=target,
        family=family,
        factory=factory,
        params=complexity.params,
        macs=complexity.macs,
        image_size=image_size,
        min_size=1,
        size_multiple=1,
        preprocessing=preprocessing,
        source=source,
    )


def _count(target: str, image_size: int) -> Complexity:
    if is_function(target):
        from models.zoo import own

        return own.build(target, image_size).complexity
    from models.zoo.complexity import count

    model = create_model(target, image_size=image_size)
    try:
        return count(model, image_size)
    except Exception as error:  # whatever a stranger's network raises
        message = f"{target} does not run on images of {image_size}x{image_size}: {type(error).__name__}: {error}"
        raise ModelTargetError(message) from error
