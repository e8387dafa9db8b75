"""The file or the weights of a network, with a word to the user where it takes time."""

import functools
from collections.abc import Callable, Iterator
from typing import TypeVar

from effmod_bench.isolation.apart import apart
from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from exporters import (
    DEFAULT_OPSET,
    Made,
    MadeNetwork,
    cached,
    cached_dense,
    cached_network,
    obtain,
    obtain_dense,
    obtain_network,
    sweep_unfinished,
)
from models import ModelSpec
from models.dense.spec import DenseSpec
from models.zoo.spec import has_row

T = TypeVar("T")


def obtain_artifact(console: Console, spec: ModelSpec, choices: ExportChoices) -> Made:
    """The artifact of a network, with a word to the user where it takes time or something was wrong."""
    config = choices.config(spec)
    made = find_artifact(spec, choices)
    if made is None:
        console.note(f"exporting {spec.name} ({', '.join(_telling(choices))}) and checking it ...")
        make = functools.partial(obtain, spec, config, checkpoint=choices.checkpoint)
        made = apart(make, what=spec.name, sweep=sweep_unfinished)
    if made.note:
        console.warn(made.note)
    if made.artifact.simplified is False:
        console.warn(f"{spec.name}: onnxsim failed or changed the outputs, so the file is not simplified")
    console.detail(f"{spec.name}: {made.path}")
    return made


def find_artifact(spec: ModelSpec, choices: ExportChoices) -> Made | None:
    """The artifact of a network where it was made before; None where it would have to be made now."""
    return look_up(spec, functools.partial(cached, spec, choices.config(spec), checkpoint=choices.checkpoint))


def obtain_dense_weights(console: Console, spec: DenseSpec) -> MadeNetwork:
    """A detector or segmenter, with a word to the user where it takes time or something was wrong."""
    made = cached_dense(spec)
    if made is None:
        console.note(f"making the weights of {spec.name} ...")
        made = apart(functools.partial(obtain_dense, spec), what=spec.name, sweep=sweep_unfinished)
    if made.note:
        console.warn(made.note)
    console.detail(f"{spec.name}: {made.path}")
    return made


def look_up(spec: ModelSpec, find: Callable[[], T]) -> T:
    """Look into the cache: apart, for a network of the user's own, whose code may have to say what is looked for."""
    return find() if has_row(spec.name) else apart(find, what=spec.name)


def _telling(choices: ExportChoices) -> Iterator[str]:
    """What tells an export from others of the same network."""
    yield choices.format
    if choices.rewrite is not None:
        yield f"--rewrite {choices.rewrite}"
    if choices.opset != DEFAULT_OPSET:
        yield f"--opset {choices.opset}"
    if not choices.simplify:
        yield "--no-simplify"


def obtain_weights(console: Console, spec: ModelSpec, choices: ExportChoices) -> MadeNetwork:
    """The network itself, for PyTorch, with a word to the user where it takes time or something was wrong."""
    image_size = choices.image_size or spec.image_size
    find = functools.partial(cached_network, spec, image_size=image_size, checkpoint=choices.checkpoint)
    made = look_up(spec, find)
    if made is None:
        console.note(f"making the weights of {spec.name} ...")
        make = functools.partial(obtain_network, spec, image_size=image_size, checkpoint=choices.checkpoint)
        made = apart(make, what=spec.name, sweep=sweep_unfinished)
    if made.note:
        console.warn(made.note)
    console.detail(f"{spec.name}: {made.path}")
    return made
