"""A recipe: what timm's parts are told, by section, read from a TOML file in which every value has its source."""

import math
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from models.training.errors import RecipeError

COMMON = "efficientmod"
"""The recipe of networks that have none of their own, and the one that a user's file is based on unless it says so."""

_FOLDER = Path(__file__).parent
_VALUE = re.compile(r'(?P<name>\w+)\s*=\s*(?P<value>(?:"[^"]*"|[^#"])*)(?:#\s*(?P<source>.*))?$')


def _check(is_right: bool, name: str, value: float, rule: str) -> None:
    if not is_right or not math.isfinite(value):
        raise ValueError(f"{name} is {rule}, and finite, not {value}" if is_right else f"{name} is {rule}, not {value}")


class Data(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Images in a step of the optimizer, over all processes, and of how many a process computes at once, at most."""

    batch_size: int
    images_at_once: int

    def __post_init__(self) -> None:
        _check(self.batch_size >= 1, "data.batch_size", self.batch_size, "at least 1")
        _check(self.images_at_once >= 1, "data.images_at_once", self.images_at_once, "at least 1")


class Optimizer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of `timm.optim.create_optimizer_v2`."""

    opt: str
    lr: float
    weight_decay: float

    def __post_init__(self) -> None:
        _check(self.lr > 0, "optimizer.lr", self.lr, "above 0")
        _check(self.weight_decay >= 0, "optimizer.weight_decay", self.weight_decay, "0 or above")


class Schedule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of `timm.scheduler.create_scheduler_v2`; the warm-up is counted in `num_epochs`, the cooldown comes after it."""

    sched: str
    num_epochs: int
    warmup_epochs: float
    warmup_lr: float
    min_lr: float
    cooldown_epochs: int
    step_on_epochs: bool

    def __post_init__(self) -> None:
        _check(self.num_epochs >= 1, "schedule.num_epochs", self.num_epochs, "at least 1")
        _check(self.warmup_lr >= 0, "schedule.warmup_lr", self.warmup_lr, "0 or above")
        _check(self.min_lr >= 0, "schedule.min_lr", self.min_lr, "0 or above")
        _check(self.cooldown_epochs >= 0, "schedule.cooldown_epochs", self.cooldown_epochs, "0 or above")
        _check(
            0 <= self.warmup_epochs <= self.num_epochs, "schedule.warmup_epochs", self.warmup_epochs, "in num_epochs"
        )

    @property
    def epochs(self) -> int:
        """In all."""
        return self.num_epochs + self.cooldown_epochs


class Augmentation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of `timm.data.create_loader`."""

    scale: tuple[float, float]
    ratio: tuple[float, float]
    hflip: float
    vflip: float
    color_jitter: float
    auto_augment: str
    interpolation: str
    re_prob: float
    re_mode: str
    re_count: int


class Mixing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of `timm.data.FastCollateMixup`; labels are smoothed where nothing is mixed, too."""

    mixup_alpha: float
    cutmix_alpha: float
    prob: float
    switch_prob: float
    mode: str
    label_smoothing: float

    @property
    def is_on(self) -> bool:
        return self.mixup_alpha > 0 or self.cutmix_alpha > 0


class Averaging(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of `timm.utils.ModelEmaV3`."""

    decay: float
    use_warmup: bool

    def __post_init__(self) -> None:
        _check(0 <= self.decay < 1, "averaging.decay", self.decay, "from 0 to below 1")


class Distillation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of `timm.task.LogitDistillationTask`; the teacher's share is what the labels leave."""

    task_loss_weight: float
    temperature: float

    def __post_init__(self) -> None:
        _check(0 <= self.task_loss_weight <= 1, "distillation.task_loss_weight", self.task_loss_weight, "from 0 to 1")
        _check(self.temperature > 0, "distillation.temperature", self.temperature, "above 0")


class Features(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of LN -> BN, `models.training.ln_to_bn`: the weight of the stages' distance from the teacher's."""

    weight: float

    def __post_init__(self) -> None:
        _check(self.weight >= 0, "features.weight", self.weight, "0 or above")


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a network is trained.

    Attributes:
        amp: float16 where the device is a GPU, with a scaled loss; elsewhere float32.

    Raises:
        ValueError: a value is out of range.
    """

    amp: bool
    data: Data
    optimizer: Optimizer
    schedule: Schedule
    augmentation: Augmentation
    mixing: Mixing
    averaging: Averaging
    distillation: Distillation
    features: Features


class Sourced(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe, and by the name of each value, such as "optimizer.lr", where it is from."""

    name: str
    recipe: Recipe
    sources: dict[str, str]


def recipe_of(network: str, family: str) -> Sourced:
    """The recipe of a network of the zoo: its own, or its family's, or the common one.

    Args:
        network, family: their names, as the zoo has them.
    """
    known = {path.stem for path in _FOLDER.glob("*.toml")}
    return read_recipe(_FOLDER / f"{next((name for name in (network, family) if name in known), COMMON)}.toml")


def read_recipe(path: Path) -> Sourced:
    """A recipe from a file.

    It may say `based_on`, the name of one that effmod has, and then only what is otherwise; a user's file need not.

    Raises:
        RecipeError: it cannot be read, or has a value that is none, or out of range.
    """
    values, sources = _read(path)
    base = values.pop("based_on", None if path.parent == _FOLDER else COMMON)
    if base is not None:
        file = _FOLDER / f"{base}.toml"
        if not file.is_file():
            known = ", ".join(sorted(each.stem for each in _FOLDER.glob("*.toml")))
            raise RecipeError(f"{path}: there is no recipe {base!r} to base one on; there are {known}")
        inherited, their_sources = _read(file)
        values = _merged(inherited, values)
        sources = their_sources | sources
    try:
        recipe = msgspec.convert(values, Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(f"{path} is no recipe: {error}") from error
    return Sourced(name=path.stem, recipe=recipe, sources=sources)


def changed(sourced: Sourced, section: str, source: str, **values: Any) -> Sourced:
    """The same with other values in one section.

    Args:
        source: where these are from, such as an option.

    Raises:
        RecipeError: one is out of range.
    """
    try:
        new = msgspec.structs.replace(getattr(sourced.recipe, section), **values)
    except ValueError as error:
        raise RecipeError(f"{source}: {error}") from error
    recipe = msgspec.structs.replace(sourced.recipe, **{section: new})
    sources = sourced.sources | {f"{section}.{name}": source for name in values}
    return msgspec.structs.replace(sourced, recipe=recipe, sources=sources)


def of_epochs(sourced: Sourced, epochs: int, source: str) -> Sourced:
    """The same over other epochs in all: warm-up and cooldown keep their shares, and a shorter run changes the rate by
    step, for of a few epochs one at the warm-up's first rate would be lost.

    Args:
        source: which option says so.
    """
    schedule = sourced.recipe.schedule
    cooldown = round(schedule.cooldown_epochs * epochs / schedule.epochs)
    return changed(
        sourced,
        "schedule",
        source,
        num_epochs=epochs - cooldown,
        cooldown_epochs=cooldown,
        warmup_epochs=schedule.warmup_epochs * epochs / schedule.epochs,
        step_on_epochs=schedule.step_on_epochs and epochs >= schedule.epochs,
    )


def of_batch(sourced: Sourced, batch_size: int, source: str) -> Sourced:
    """The same with other images a step, and the learning rate that timm's train.py gives it: with the root of their
    number for Adam and its like, in proportion for others.

    Args:
        source: which option says so.
    """
    data, optimizer = sourced.recipe.data, sourced.recipe.optimizer
    is_adaptive = any(word in optimizer.opt.lower() for word in ("ada", "lamb"))
    share = f"{batch_size}/{data.batch_size}"
    told = f"{optimizer.lr:g} x {f'sqrt({share})' if is_adaptive else share}, for {source} {batch_size}; --lr sets it"
    ratio = batch_size / data.batch_size
    sourced = changed(sourced, "data", source, batch_size=batch_size)
    return changed(sourced, "optimizer", told, lr=optimizer.lr * (ratio**0.5 if is_adaptive else ratio))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), _sources(text, path)
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{path} is no TOML file: {error}") from error


def _merged(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """One table of values over another, section by section."""
    sections = [name for name in base if isinstance(base[name], dict) and isinstance(own.get(name), dict)]
    both = {name: _merged(base[name], own[name]) for name in sections}
    return base | own | both


def _sources(text: str, path: Path) -> dict[str, str]:
    """What stands behind each value in its line; tomllib leaves comments out. The file itself, where nothing does."""
    found, section = {}, ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line[1:].partition("]")[0] + "."
        elif match := _VALUE.match(line):
            found[section + match["name"]] = match["source"] or path.name
    return found
