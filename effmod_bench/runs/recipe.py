"""The recipe of a run, from its file and the command's options, and how it is shown."""

from typing import TYPE_CHECKING, Any

import msgspec

from effmod_bench.screen.console import Console
from models import ModelSpec
from models.training.recipe import Recipe, Sourced, changed, of_batch, of_epochs, read_recipe, recipe_of
from models.training.steps import is_in_small_parts, is_short, nearest_in_large_parts
from models.zoo.named import split
from results.tables.table import Column, Table
from results.tables.words import counted

if TYPE_CHECKING:
    from effmod_bench.runs.train import Request
    from models.training.loop import Run


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a recipe: its name with its section, and where it is from."""

    name: str
    value: str
    source: str


def resolve_recipe(request: "Request", spec: ModelSpec, *, images: int, own: str | None = None) -> Sourced:
    """The recipe with what the options change in it.

    Args:
        images: that there are to train on.
        own: the recipe's name, where it is not the network's.

    Raises:
        RecipeError: it cannot be read, or a value is out of range.
    """
    name = own or split(spec.name)[0]
    sourced = recipe_of(name, spec.family) if request.recipe is None else read_recipe(request.recipe)
    if request.batch_size is not None:
        sourced = of_batch(sourced, request.batch_size, "--batch-size")
    if request.epochs is not None:
        sourced = of_epochs(sourced, request.epochs, "--epochs")
    if request.at_once is not None:
        sourced = changed(sourced, "data", "--at-once", images_at_once=request.at_once)
    if request.lr is not None:
        sourced = changed(sourced, "optimizer", "--lr", lr=request.lr)
    if request.amp is not None:
        sourced = msgspec.structs.replace(
            sourced,
            recipe=msgspec.structs.replace(sourced.recipe, amp=request.amp),
            sources=sourced.sources | {"amp": "--amp" if request.amp else "--no-amp"},
        )
    recipe = sourced.recipe
    steps = images // recipe.data.batch_size * recipe.schedule.epochs
    if not recipe.averaging.use_warmup and is_short(recipe.averaging.decay, steps):
        told = f"{counted(steps, 'step')} are few for {recipe.averaging.decay}: its first weights would weigh most"
        sourced = changed(sourced, "averaging", told, use_warmup=True)
    return sourced


def say_recipe(console: Console, spec: ModelSpec, sourced: Sourced, run: "Run") -> None:
    """What one should know of it before the first epoch: whose it is, and what was changed in it."""
    recipe = sourced.recipe
    console.note(
        f"{spec.name}: the recipe {sourced.name!r}, {counted(recipe.schedule.epochs, 'epoch')} of "
        f"{counted(run.steps.in_epoch, 'step')} of {recipe.data.batch_size} images on {run.device}, "
        f"{parts_in_words(run)}; --dry-run shows it all"
    )
    warn_of_parts(console, run)
    if "--lr sets it" in (told := sourced.sources.get("optimizer.lr", "")):
        console.note(f"learning rate {recipe.optimizer.lr:g}: {told}")
    if "few for" in (told := sourced.sources.get("averaging.use_warmup", "")):
        console.note(f"the average of the weights warms up: {told}")
    if recipe.amp and run.device.type != "cuda":
        console.note(f"on {run.device} it computes in float32: float16 is for GPUs")


def parts_in_words(run: "Run") -> str:
    """How a step is computed: mixing draws once for so many images, and BatchNorms take their statistics of them."""
    return f"{run.steps.at_once} at once in {counted(run.steps.accumulated, 'part')}"


def warn_of_parts(console: Console, run: "Run") -> None:
    """Of a batch size that divides into small parts alone."""
    data = run.recipe.data
    if is_in_small_parts(data, run.world.size):
        console.warn(
            f"{data.batch_size} images a step divide into {parts_in_words(run)} alone, where {data.images_at_once} "
            f"might be: mixing and BatchNorms see no more together, and it is slow; --batch-size "
            f"{' or '.join(map(str, nearest_in_large_parts(data, run.world.size)))} is near"
        )


def recipe_table(sourced: Sourced, note: str) -> Table[Line]:
    """Every value, and where it is from."""
    return Table(
        rows=tuple(_lines(sourced, "", sourced.recipe)),
        columns=(
            Column(key="name", header="value of the recipe", get=lambda line: line.name),
            Column(key="value", header="", get=lambda line: line.value),
            Column(key="source", header="from", get=lambda line: line.source),
        ),
        notes=(note,),
        title=f"Recipe {sourced.name}",
        name="recipe",
    )


def _lines(sourced: Sourced, section: str, of: Recipe | Any) -> list[Line]:
    found = []
    for field, value in msgspec.structs.asdict(of).items():
        name = section + field
        if isinstance(value, msgspec.Struct):
            found += _lines(sourced, f"{name}.", value)
        else:
            shown = " to ".join(f"{each:g}" for each in value) if isinstance(value, tuple) else _in_words(value)
            found.append(Line(name=name, value=shown, source=sourced.sources.get(name, "")))
    return found


def _in_words(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
    return str(value)
