"""From a row of the zoo, or a name of the user's own, to a network."""

import contextlib
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from models.zoo import named
from models.zoo.errors import PluginError
from models.zoo.registry import check_image_size, zoo_row
from models.zoo.spec import TIMM_PREFIX, Form, ModelSpec, is_own

if TYPE_CHECKING:
    import inspect

    from torch import nn


def create_model(
    name: str, *, form: Form | str = Form.INFERENCE, image_size: int | None = None, **kwargs: Any
) -> "nn.Module":
    """Build a network, freshly initialized: `create_model("efficientmod_xxs", num_classes=10)`.

    Args:
        name: its name in `effmod list`, or the authors' spelling of it; `timm:NAME`; `path/to/file.py:function`. Of a
            function, and of a network whose code is not timm's, with arguments: `efficientmod_iso(dim=96)`.
        form: "training" for the branches of MobileOne and RepVGG apart, as their checkpoints have them.
        image_size: side of the images that it is to take, for the networks that are built for one size;
            None for the row's. A function that has an argument of this name is given it.
        kwargs: arguments of the network's own class, beside those in its name.

    Raises:
        UnknownModelError: there is no such network, or none with such arguments.
        ImageSizeError: the network cannot take `image_size`.
    """
    asked = named.read(name)
    if is_own(name):
        # A function is loaded by its whole name, which messages show.
        factory = asked.base if name.startswith(TIMM_PREFIX) else str(asked)
        return _build(factory, Form(form), image_size, asked.arguments | kwargs)
    row = zoo_row(asked.base)
    if image_size is not None:
        check_image_size(row, image_size)
    size = row.image_size if image_size is None else image_size
    if not asked.arguments:
        return _build(row.factory, Form(form), size, kwargs)
    if row.factory.startswith(TIMM_PREFIX):
        if asked.arguments.keys() - named.OF_TIMM:
            raise named.no_arguments(str(asked), row.name)
        return _build(row.factory, Form(form), size, asked.arguments | kwargs)
    named.check(str(asked), factory_function(row.factory), asked.arguments | kwargs)
    try:
        return _build(row.factory, Form(form), size, asked.arguments | kwargs)
    except PluginError:
        raise
    except Exception as error:  # whatever a value makes of a network
        raise named.explained(str(asked), error, asked.arguments) from error


def reparameterize(spec: ModelSpec, model: "nn.Module") -> "nn.Module":
    """The inference form of a network that was created in its training form; it may be the same object."""
    if not spec.factory.startswith(TIMM_PREFIX):
        return model  # these have one form
    from models.zoo import timm as timm_zoo

    return timm_zoo.reparameterize(model)


def merged_branches(spec: ModelSpec) -> int:
    """How many branches of a network's training form its inference form has merged; 0 where it has one form."""
    if not spec.factory.startswith(TIMM_PREFIX):
        return 0
    from models.zoo import timm as timm_zoo

    return timm_zoo.merged_branches(spec.factory.removeprefix(TIMM_PREFIX))


def factory_function(factory: str) -> "Callable[..., nn.Module]":
    """The function that a factory of the form "module:function" names, or a target `path/to/file.py:function`.

    Raises:
        ModelTargetError: the user's file has no such function.
        PluginError: there is no such function, or it cannot be imported.
    """
    if is_own(factory):
        from models.zoo import user_file

        return user_file.load(factory)
    from models.zoo.guard import guarded, in_words

    with contextlib.nullcontext() if factory.startswith("models.") else guarded(factory, PluginError):
        try:
            function: Callable[..., nn.Module] = pkgutil.resolve_name(factory)
        except (Exception, SystemExit) as error:  # whatever a stranger's code raises
            message = f"{factory}, which should build a network, cannot be imported: {in_words(error)}"
            raise PluginError(message) from error
    if not callable(function):
        raise PluginError(f"{factory}, which should build a network, is no function")
    return function


def image_size_parameter(function: Callable[..., Any]) -> "inspect.Parameter | None":
    """The argument by which a function is told for which images it builds; None where it has none."""
    import inspect  # here, so that listing the zoo does not wait for it

    return inspect.signature(function).parameters.get("image_size")


def _build(factory: str, form: Form, image_size: int | None, kwargs: dict[str, Any]) -> "nn.Module":
    if factory.startswith(TIMM_PREFIX):
        from models.zoo import timm as timm_zoo

        return timm_zoo.create(factory.removeprefix(TIMM_PREFIX), form=form, image_size=image_size, **kwargs)
    function = factory_function(factory)
    if image_size is not None and image_size_parameter(function) is not None:
        kwargs = {"image_size": image_size} | kwargs
    if factory.startswith("models.") or is_own(factory):
        return function(**kwargs)
    from torch import nn

    from models.zoo.guard import guarded, in_words

    with guarded(factory, PluginError):
        try:
            model = function(**kwargs)
        except (Exception, SystemExit) as error:  # whatever a stranger's code raises
            raise PluginError(f"{factory}, which should build a network: {in_words(error)}") from error
    if not isinstance(model, nn.Module):
        raise PluginError(f"{factory} returned a {type(model).__name__}, not a torch.nn.Module")
    return model
