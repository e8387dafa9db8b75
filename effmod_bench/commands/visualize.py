"""`effmod visualize`: where in an image the blocks of a network respond."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.isolation.limit import TIMEOUT_S, allow
from effmod_bench.options.export import (
    Checkpoint,
    ExportChoices,
    ImageSize,
    WeightsChoice,
    one_checkpoint,
    one_image_size,
    weights_asked,
)
from effmod_bench.options.option import argument, but, option
from effmod_bench.options.output import Loudness, OutputFolder
from effmod_bench.options.protocol import Timeout
from effmod_bench.options.words import complete_network
from effmod_bench.screen.console import Console


class Visualize(msgspec.Struct, frozen=True, kw_only=True):
    """Draw what the blocks of an EfficientMod respond to in images: their contexts, over each image."""

    examples: ClassVar = (
        ("effmod visualize dog.jpg --checkpoint s_conv.pth.tar", "every block's context: dog-maps.png"),
        ("effmod visualize dog.jpg --contexts 2.3 --chunks 2.3 -o dog.pdf", "one, and what it does to v"),
    )

    images: Annotated[list[Path], argument("IMAGE...", help="Photographs. Each gets a picture of its own.")]
    model: Annotated[
        str,
        option(
            metavar="NETWORK",
            help="A network of 'effmod list' that has EfficientMod blocks, or path/to/file.py:function.",
            autocompletion=complete_network,
        ),
    ] = "efficientmod_s_conv"
    checkpoint: Annotated[
        list[str] | None,
        but(
            Checkpoint,
            help="Trained weights: a .pth, .pth.tar or .safetensors file, or 'pretrained' to fetch timm's own.",
            rich_help_panel=None,
            show_default="random weights, seed 0, whose maps mean nothing; a function's own",
        ),
    ] = None
    weights: Annotated[Path | None, but(WeightsChoice, rich_help_panel=None)] = None
    contexts: Annotated[
        str | None,
        option(
            metavar="STAGE.BLOCK,...",
            help="Only the contexts of these, counted from 0: 2.3 is the fourth block of the third stage.",
            show_default="all",
        ),
    ] = None
    chunks: Annotated[
        str | None,
        option(
            metavar="STAGE.BLOCK",
            help="Below them, of this block: its values v, its context ctx, and ctx * v, by chunks of channels.",
            show_default=False,
        ),
    ] = None
    image_size: Annotated[str | None, but(ImageSize, rich_help_panel=None)] = None
    output: Annotated[
        Path | None,
        but(
            OutputFolder,
            metavar="FILE",
            help="The picture; its ending says which kind: .png, .svg, .pdf. Of several images each adds its name.",
            rich_help_panel=None,
            show_default="IMAGE-maps.png in this folder",
        ),
    ] = None
    timeout: Annotated[float, but(Timeout, rich_help_panel=None)] = TIMEOUT_S
    loudness: Loudness = Loudness()

    def run(self, console: Console) -> int:
        from effmod_bench.runs.visualize import Request, visualize
        from effmod_bench.targets.names import find_network
        from effmod_bench.targets.trained import check_whose, with_weights
        from models import check_image_size

        allow(self.timeout)
        name, path = one_checkpoint(self.checkpoint)
        checkpoint = weights_asked(path, self.weights)
        asked = one_image_size(self.image_size)
        spec = find_network(self.model, image_size=asked)
        check_whose(name, checkpoint, spec)
        size = asked or spec.image_size
        check_image_size(spec, size)
        spec = with_weights(spec, ExportChoices(image_size=size, checkpoint=checkpoint)).spec
        request = Request(
            spec=spec,
            image_size=size,
            checkpoint=checkpoint,
            images=tuple(self.images),
            blocks=tuple(dict.fromkeys(name.strip() for name in self.contexts.split(","))) if self.contexts else (),
            chunks=self.chunks,
            output=self.output,
        )
        return visualize(console, request)
