"""The file or the weights of a network, with a word to the user where it takes time."""

from collections.abc import Iterator

from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from exporters import DEFAULT_OPSET, Made, MadeNetwork, is_cached, is_network_cached, obtain, obtain_network
from models import ModelSpec


def obtain_artifact(console: Console, spec: ModelSpec, choices: ExportChoices) -> Made:
    """The artifact of a network, with a word to the user where it takes time or something was wrong."""
    config = choices.config(spec)
    if not is_cached(spec, config, checkpoint=choices.checkpoint):
        console.note(f"exporting {spec.name} ({', '.join(_telling(choices))}) and checking it ...")
    made = obtain(spec, config, checkpoint=choices.checkpoint)
    if made.note:
        console.warn(made.note)
    if made.artifact.simplified is False:
        console.warn(f"{spec.name}: onnxsim failed or changed the outputs, so the file is not simplified")
    console.detail(f"{spec.name}: {made.path}")
    return made


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
    if not is_network_cached(spec, image_size=image_size, checkpoint=choices.checkpoint):
        console.note(f"making the weights of {spec.name} ...")
    made = obtain_network(spec, image_size=image_size, checkpoint=choices.checkpoint)
    if made.note:
        console.warn(made.note)
    console.detail(f"{spec.name}: {made.path}")
    return made
