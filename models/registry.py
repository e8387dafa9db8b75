"""The zoo's registry: `zoo.json`, one row a network, and the rows of plug-in packages. Reading them imports no torch.

Beside the zoo's names, networks of the user's own are targets: `timm:NAME` and `path/to/file.py:function`.
"""

import fnmatch
import functools
import os
import pkgutil
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from models.spec import Family, Form, ModelSpec, Preprocessing

if TYPE_CHECKING:
    from torch import nn

PLUGIN_GROUP = "effmod.models"
TIMM_PREFIX = "timm:"


class UnknownModelError(LookupError):
    """No network of the zoo has this name; the message names the nearest ones."""


class ModelTargetError(UnknownModelError):
    """The network of the user's own that is named cannot be had; the message says what is wrong with it."""


class ImageSizeError(ValueError):
    """The network cannot take images of this size; the message names the sizes it takes."""


class PluginError(ValueError):
    """An installed package offers networks that cannot be read; the message names it and what is wrong."""


class _Zoo(msgspec.Struct, frozen=True, kw_only=True):
    families: dict[str, Family]
    models: list[ModelSpec]


@functools.cache
def _zoo() -> _Zoo:
    content = pkgutil.get_data("models", "zoo.json")
    assert content is not None  # it lies beside this file
    return msgspec.json.decode(content, type=_Zoo)


@functools.cache
def _rows() -> tuple[ModelSpec, ...]:
    """The zoo's rows, then the plug-ins'."""
    return (*_zoo().models, *_plugin_rows())


def _plugin_rows() -> Iterable[ModelSpec]:
    if not _has_plugins():
        return
    from importlib.metadata import entry_points

    for point in entry_points(group=PLUGIN_GROUP):
        package = point.dist.name if point.dist else "a package"
        where = f"plug-in {point.name!r} of {package}"
        try:
            rows = point.load()
            specs = msgspec.convert(rows() if callable(rows) else rows, list[ModelSpec])
        except (Exception, SystemExit) as error:  # whatever a stranger's code raises
            message = f"{where} cannot be read: {type(error).__name__}: {error}; update or uninstall {package}"
            raise PluginError(message) from error
        for spec in specs:
            if spec.source is None and spec.family not in _zoo().families:
                raise PluginError(f"{where}: {spec.name!r} is of no family of the zoo, so its row needs a `source`")
        yield from specs


def _has_plugins() -> bool:
    # importlib.metadata takes longer to import than all of the zoo, and most installations have no plug-in.
    for folder in sys.path:
        try:
            with os.scandir(folder or ".") as entries:
                infos = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
        except NotADirectoryError:
            return True  # a zip archive, into which only importlib.metadata looks
        except OSError:
            continue
        for info in infos:
            try:
                with open(f"{info}/entry_points.txt", "rb") as file:
                    if PLUGIN_GROUP.encode() in file.read():
                        return True
            except OSError:
                continue
    return False


def index(rows: Iterable[ModelSpec]) -> dict[str, ModelSpec]:
    """Rows by name and by alias.

    Raises:
        PluginError: two rows claim one name.
    """
    by_name: dict[str, ModelSpec] = {}
    for row in rows:
        for name in (row.name, *row.aliases):
            if name in by_name:
                raise PluginError(f"two networks are registered as {name!r}: {by_name[name].factory} and {row.factory}")
            by_name[name] = row
    return by_name


@functools.cache
def _by_name() -> dict[str, ModelSpec]:
    return index(_rows())


def list_models(pattern: str = "*", *, family: str | None = None, table: str | None = None) -> list[ModelSpec]:
    """The networks whose name matches a shell pattern such as `efficientmod_*`, in the zoo's order.

    Args:
        family: only networks of this family.
        table: only networks of this table of the paper, such as "12".
    """
    return [
        row
        for row in dict.fromkeys(_by_name().values())
        if fnmatch.fnmatchcase(row.name, pattern)
        and (family is None or row.family == family)
        and (table is None or table in row.tables)
    ]


def list_tables() -> list[str]:
    """The paper's tables that networks of the zoo stand in, in the paper's order; its appendices come last."""
    tables = {table for row in _zoo().models for table in row.tables}
    return sorted(tables, key=lambda table: (not table.isdecimal(), int(table) if table.isdecimal() else 0, table))


def find_model(name: str, *, image_size: int | None = None) -> ModelSpec:
    """The row of one network, by its name or another spelling of it.

    A network of the user's own, `timm:NAME` or `path/to/file.py:function`, is built and counted for its row.

    Args:
        image_size: the size to count a network of the user's own at, where it is not to be the network's own.

    Raises:
        UnknownModelError: there is none; or there is, and what it names cannot be built or run.
    """
    if _is_own(name):
        return _own_spec(name, image_size)
    return _row(name)


def _row(name: str) -> ModelSpec:
    names = _by_name()
    if name in names:
        return names[name]
    if name.endswith(".py"):
        raise ModelTargetError(f"{name}: name the function of it that builds the network, as in {name}:FUNCTION")
    import difflib

    close = difflib.get_close_matches(name, names, n=9, cutoff=0.5)
    near = list(dict.fromkeys(names[spelling].name for spelling in close))[:3]
    hint = f"did you mean {', '.join(map(repr, near))}?" if near else "'effmod list' shows the zoo."
    raise UnknownModelError(
        f"no network {name!r}; {hint} Networks of timm are named as in timm:resnet50, your own path/to/file.py:function"
    )


def family(spec: ModelSpec) -> Family:
    """The paper, repository and licence of a network's family."""
    return spec.source or _zoo().families[spec.family]


def classes_of(spec: ModelSpec) -> int | None:
    """How many classes a network tells apart: ImageNet-1k's for the zoo; None where it must be built to be known."""
    return 1000 if spec in _zoo().models else None


def check_image_size(spec: ModelSpec, image_size: int) -> None:
    """Refuse a size that the network cannot take.

    Raises:
        ImageSizeError: the size is too small, or no multiple of what the network's strides need.
    """
    step, smallest = spec.size_multiple, -(-spec.min_size // spec.size_multiple) * spec.size_multiple
    if image_size >= smallest and image_size % step == 0:
        return
    below, above = image_size // step * step, -(-image_size // step) * step
    near = str(smallest) if image_size < smallest else f"{below} or {above}"
    sides = f"of {smallest} or more pixels a side" + (f", a multiple of {step}" if step > 1 else "")
    raise ImageSizeError(f"{spec.name} takes square images {sides}, not {image_size}; try {near}")


def create_model(
    name: str, *, form: Form | str = Form.INFERENCE, image_size: int | None = None, **kwargs: Any
) -> "nn.Module":
    """Build a network, freshly initialized: `create_model("efficientmod_xxs", num_classes=10)`.

    Args:
        name: its name in `effmod list`, or the authors' spelling of it; `timm:NAME`; `path/to/file.py:function`.
        form: "training" for the branches of MobileOne and RepVGG apart, as their checkpoints have them.
        image_size: side of the images that it is to take, for the networks that are built for one size;
            None for the row's. A function that has an argument of this name is given it.
        kwargs: arguments of the network's own class.

    Raises:
        UnknownModelError: there is no such network.
        ImageSizeError: the network cannot take `image_size`.
    """
    if _is_own(name):
        return _build(name, Form(form), image_size, kwargs)
    row = _row(name)
    if image_size is not None:
        check_image_size(row, image_size)
    return _build(row.factory, Form(form), row.image_size if image_size is None else image_size, kwargs)


def reparameterize(spec: ModelSpec, model: "nn.Module") -> "nn.Module":
    """The inference form of a network that was created in its training form; it may be the same object."""
    if not spec.factory.startswith(TIMM_PREFIX):
        return model  # these have one form
    from models import timm_zoo

    return timm_zoo.reparameterize(model)


def merged_branches(spec: ModelSpec) -> int:
    """How many branches of a network's training form its inference form has merged; 0 where it has one form."""
    if not spec.factory.startswith(TIMM_PREFIX):
        return 0
    from models import timm_zoo

    return timm_zoo.merged_branches(spec.factory.removeprefix(TIMM_PREFIX))


def _build(factory: str, form: Form, image_size: int | None, kwargs: dict[str, Any]) -> "nn.Module":
    if factory.startswith(TIMM_PREFIX):
        from models import timm_zoo

        return timm_zoo.create(factory.removeprefix(TIMM_PREFIX), form=form, image_size=image_size, **kwargs)
    function = _function(factory)
    if image_size is not None and _image_size_parameter(function) is not None:
        kwargs = {"image_size": image_size} | kwargs
    if factory.startswith("models.") or _is_own(factory):
        return function(**kwargs)
    from torch import nn

    try:
        model = function(**kwargs)
    except (Exception, SystemExit) as error:  # whatever a stranger's code raises
        raise PluginError(f"{factory}, which should build a network: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise PluginError(f"{factory} returned a {type(model).__name__}, not a torch.nn.Module")
    return model


def _function(factory: str) -> "Callable[..., nn.Module]":
    if _is_own(factory):
        from models import user_file

        return user_file.load(factory)
    try:
        function: Callable[..., nn.Module] = pkgutil.resolve_name(factory)
    except (Exception, SystemExit) as error:  # whatever a stranger's code raises
        raise PluginError(f"{factory}, which should build a network, cannot be imported: {error}") from error
    if not callable(function):
        raise PluginError(f"{factory}, which should build a network, is no function")
    return function


def _image_size_parameter(function: Callable[..., Any]) -> Any:
    import inspect

    return inspect.signature(function).parameters.get("image_size")


def _is_own(name: str) -> bool:
    """Whether a name is a target of the user's own, not one of the zoo."""
    return name.startswith(TIMM_PREFIX) or ".py:" in name


def _own_spec(target: str, image_size: int | None) -> ModelSpec:
    from models.complexity import count

    if target.startswith(TIMM_PREFIX):
        from models import timm_zoo

        timm_name = target.removeprefix(TIMM_PREFIX)
        own_size = timm_zoo.image_size_of(timm_name)
        family, preprocessing = "timm", timm_zoo.preprocessing_of(timm_name)
        source = Family(
            title="PyTorch Image Models",
            repository="https://github.com/huggingface/pytorch-image-models",
            licence="Apache-2.0",
        )
    else:
        parameter = _image_size_parameter(_function(target))
        own_size = parameter.default if parameter and isinstance(parameter.default, int) else 224
        family, preprocessing = "own", Preprocessing()
        source = Family(title=target)
    image_size = own_size if image_size is None else image_size
    model = create_model(target, image_size=image_size)
    try:
        complexity = count(model, image_size)
    except Exception as error:  # whatever a stranger's network raises
        message = f"{target} does not run on images of {image_size}x{image_size}: {type(error).__name__}: {error}"
        raise ModelTargetError(message) from error
    return ModelSpec(
        name=target,
        family=family,
        factory=target,
        params=complexity.params,
        macs=complexity.macs,
        image_size=image_size,
        min_size=1,
        size_multiple=1,
        preprocessing=preprocessing,
        source=source,
    )
