"""`effmod visualize` from images to pictures of what a network makes of them."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.isolation.apart import apart
from effmod_bench.runs.several import do_all, say_failed
from effmod_bench.screen.console import Console
from effmod_bench.screen.weights import say_weights
from exporters import public_name, writing
from exporters.stage import Stage, enter
from models import ContextMapError, ImageFileError, ModelSpec, Weights, WeightsSource
from models.zoo.output import prints_to_standard_error
from results.plots.context_maps import ChunkMaps, MapGroup, plot_context_maps
from results.plots.picture import check_ending

if TYPE_CHECKING:
    from models.context_maps import BlockMaps
    from models.zoo.photographs import Pixels

_MEANINGLESS = "Random weights: these maps mean nothing. Trained ones: --checkpoint"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be drawn.

    Attributes:
        checkpoint: a file, or what stands in its place; None for random weights.
        blocks: whose contexts, by name; empty for all.
        chunks: whose v, ctx and product by chunks.
        output: the picture's file, or None for one named after the image.
    """

    spec: ModelSpec
    image_size: int
    checkpoint: Path | None
    images: tuple[Path, ...]
    blocks: tuple[str, ...]
    chunks: str | None
    output: Path | None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """An image as the network sees it, (3, S, S), and the maps of its blocks."""

    pixels: "Pixels"
    blocks: "tuple[BlockMaps, ...]"


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What a network sees in each image; or what is wrong with the image."""

    weights: Weights
    seen: dict[Path, Seen]
    failures: dict[Path, ImageFileError]


def visualize(console: Console, request: Request) -> ExitCode:
    """Draw a picture for each image; of several, one that cannot be read does not stop the others.

    Raises:
        PlotError: the pictures are to be of a kind that cannot be drawn.
        TargetError: a picture would take an image's place.
        ContextMapError: the network has no EfficientMod block, or not those asked for.
        ImageSizeError, CheckpointError, UnknownModelError: the network cannot be made so.
        UnfinishedError: making or running it, or reading an image, crashed or took too long.
        ImageFileError: the only image cannot be read, or none is there.
        OutputError: a picture cannot be written.
    """
    paths = output_paths(request.images, request.output)
    for path in paths.values():
        check_ending(path)
    if not any(image.is_file() for image in request.images):  # said now, and not after the network is made
        from models.zoo.photographs import check_is_file

        check_is_file(request.images[0])
    work = functools.partial(_look, request)
    looked = apart(work, what=request.spec.name, stage=Stage.LOADING)
    if len(request.images) == 1 and looked.failures:
        raise looked.failures[request.images[0]]

    def draw(image: Path) -> None:
        with writing(paths[image]):
            _draw(request, looked.weights, image, looked.seen[image], paths[image])
        console.print(str(paths[image]))

    drawing = {str(image): functools.partial(draw, image) for image in looked.seen}
    failed = do_all(console, drawing, {str(image): error for image, error in looked.failures.items()})
    say_weights(console, [(request.spec.name, str(looked.weights))])
    if looked.weights.source is WeightsSource.RANDOM:
        console.warn(_MEANINGLESS)
    return say_failed(console, failed, len(paths), "images")


def output_paths(images: Sequence[Path], output: Path | None) -> dict[Path, Path]:
    """Which file is drawn for each image: the one named, or where there are several, one of its name and the image's.

    Raises:
        TargetError: it is one of the images.
    """
    found: dict[Path, Path] = {}
    for image in dict.fromkeys(images):
        if output is None:
            path = Path(f"{image.stem}-maps.png")
        elif len(set(images)) == 1:
            path = output
        else:
            path = output.with_name(f"{output.stem}-{image.stem}{output.suffix}")
        stem, number = path.stem, 1
        while path in found.values():  # images of one name, from several folders
            number += 1
            path = path.with_name(f"{stem}-{number}{path.suffix}")
        found[image] = path
    theirs = {image.resolve() for image in images}
    for path in found.values():
        if path.resolve() in theirs:
            raise TargetError(
                f"{path} is one of the images, and the picture would take its place; name another file with --output"
            )
    return found


@prints_to_standard_error()
def _look(request: Request) -> Looked:
    """Run the network on each image."""
    import numpy as np
    import torch

    from exporters.making.create import create
    from exporters.proof.parity import normalized
    from models.context_maps import block_names, context_maps
    from models.zoo.photographs import read_photograph

    spec, size = request.spec, request.image_size
    model, weights = create(spec, size, request.checkpoint)
    try:
        _check_blocks(request, block_names(model))
        seen: dict[Path, Seen] = {}
        failures: dict[Path, ImageFileError] = {}
        for image in dict.fromkeys(request.images):
            enter(Stage.LOADING, str(image))
            try:
                pixels = read_photograph(image, spec.preprocessing, image_size=size)
            except ImageFileError as error:
                failures[image] = error
                continue
            x = torch.from_numpy(normalized(pixels[None].astype(np.float32), spec.preprocessing))
            seen[image] = Seen(pixels=pixels, blocks=context_maps(model, x))
    except ContextMapError as error:
        raise ContextMapError(f"{spec.name}: {error}") from error
    return Looked(weights=weights, seen=seen, failures=failures)


def _check_blocks(request: Request, there: Sequence[str]) -> None:
    for name in (*request.blocks, *([request.chunks] if request.chunks else [])):
        if name not in there:
            raise ContextMapError(f"it has no EfficientMod block {name!r}; it has {', '.join(there)}")


def _draw(request: Request, weights: Weights, image: Path, seen: Seen, path: Path) -> None:
    blocks = {block.name: block for block in seen.blocks}
    chosen = [blocks[name] for name in request.blocks] or list(blocks.values())
    size = request.image_size
    plot_context_maps(
        seen.pixels.transpose(1, 2, 0),
        _by_stage(chosen),
        path,
        title=(
            f"Context of the blocks of {public_name(request.spec.name)}",
            f"{image.name}, {size} × {size} pixels",
            f"weights: {weights}",
        ),
        warning=_MEANINGLESS if weights.source is WeightsSource.RANDOM else "",
        chunks=_by_chunks(blocks[request.chunks]) if request.chunks else None,
    )


def _by_stage(blocks: Sequence["BlockMaps"]) -> list[MapGroup]:
    stages: dict[str, dict[str, BlockMaps]] = {}
    for block in blocks:
        stages.setdefault(block.name.rpartition(".")[0], {})[block.name] = block
    return [
        MapGroup(label=_stage_in_words(stage, found), maps={k: v.context for k, v in found.items()})
        for stage, found in stages.items()
    ]


def _stage_in_words(stage: str, blocks: Mapping[str, "BlockMaps"]) -> str:
    height, width = next(iter(blocks.values())).context.shape
    return "\n".join([*([f"stage {stage}"] if stage else []), f"{height} × {width}"])


def _by_chunks(block: "BlockMaps") -> ChunkMaps:
    context = block.context[None].repeat(len(block.values), axis=0)
    together = "ctx * v" if block.fusion == "mul" else "ctx + v"
    return ChunkMaps(
        label=f"block {block.name} by chunks of {block.channels} channels",
        rows={"v": block.values, "ctx": context, together: block.modulated},
    )
