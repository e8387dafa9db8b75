"""`effmod train`: a network learns the classes of a folder of images, by a recipe."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.options.export import (
    BatchSize,
    Checkpoint,
    ImageSize,
    NumClasses,
    one_checkpoint,
    one_image_size,
    parse_batch_sizes,
)
from effmod_bench.options.option import OUTPUT, PRECISELY, WHAT, WHERE, but, option
from effmod_bench.options.output import OutputFolder, Printing
from effmod_bench.options.parse import the_only_one
from effmod_bench.options.protocol import DryRun, Resume, Seed
from effmod_bench.options.runtime import DeviceName
from effmod_bench.options.targets import Network
from effmod_bench.options.verification import Data, SkipCorrupt
from effmod_bench.options.words import OWN, complete_network
from effmod_bench.screen.console import Console


class Train(msgspec.Struct, frozen=True, kw_only=True):
    """Train a network on a folder of images, as the authors trained EfficientMod; go on after it was ended."""

    examples: ClassVar = (
        ("effmod train efficientmod_xxs --data imagenet -o runs/xxs", "by the authors' recipe"),
        ("effmod train efficientmod_xxs --data imagenet -o runs/xxs --resume", "after a power cut"),
        ("effmod train efficientmod_xxs --data imagenet --teacher timm:regnety_160.deit_in1k", "taught"),
        ("effmod train efficientmod_xxs --data flowers --epochs 30 -b 64 --dry-run", "what it would do"),
    )
    panels: ClassVar = {WHAT: "What is learned", PRECISELY: "The recipe", OUTPUT: "What is kept"}

    network: Network
    data: Annotated[
        Path,
        but(
            Data,
            help="Images: folders train and val, in each a folder for each class, as ImageNet has.",
            rich_help_panel=WHAT,
        ),
    ]
    checkpoint: Annotated[
        list[str] | None,
        but(
            Checkpoint,
            metavar="PATH",
            help="Weights to start from.",
            rich_help_panel=WHAT,
            show_default="the network's first ones",
        ),
    ] = None
    new_classifier: Annotated[
        bool,
        option("--new-classifier", help="Start from all of --checkpoint but its classifier.", panel=WHAT),
    ] = False
    teacher: Annotated[
        str | None,
        option(
            metavar="NAME[=PATH]",
            help=f"A trained network to learn from, too: its name, or {OWN}, and its checkpoint.",
            panel=WHAT,
            show_default=False,
            autocompletion=complete_network,
        ),
    ] = None
    image_size: Annotated[str | None, but(ImageSize, rich_help_panel=WHAT)] = None
    num_classes: Annotated[
        int | None,
        but(
            NumClasses,
            help="Refuse images of any other number of classes.",
            rich_help_panel=WHAT,
            show_default="as many as there are folders",
        ),
    ] = None
    skip_corrupt: Annotated[bool, but(SkipCorrupt, rich_help_panel=WHAT)] = False
    recipe: Annotated[
        Path | None,
        option(
            metavar="FILE",
            help="A recipe of your own: what is otherwise than in the authors', as TOML.",
            panel=PRECISELY,
            show_default="the network's",
        ),
    ] = None
    epochs: Annotated[
        int | None,
        option(
            metavar="N",
            help="Epochs in all; warm-up and cooldown keep their shares.",
            min=1,
            panel=PRECISELY,
            show_default="the recipe's",
        ),
    ] = None
    batch_size: Annotated[
        str | None,
        but(
            BatchSize,
            help="Images a step, over all processes; the learning rate follows (AdamW's with their root).",
            rich_help_panel=PRECISELY,
            show_default="the recipe's",
        ),
    ] = None
    at_once: Annotated[
        int | None,
        option(
            metavar="N",
            help="Images that a device computes at once, at most; a step adds up as many parts as it needs.",
            min=1,
            panel=PRECISELY,
            show_default="the recipe's",
        ),
    ] = None
    lr: Annotated[
        float | None,
        option(
            metavar="RATE", help="The highest learning rate, as it is.", panel=PRECISELY, show_default="the recipe's"
        ),
    ] = None
    amp: Annotated[
        bool | None,
        option(
            "--amp/--no-amp",
            help="Compute in float16 on a GPU, with a scaled loss.",
            panel=PRECISELY,
            show_default="the recipe's",
        ),
    ] = None
    seed: Annotated[int, but(Seed, help="Of all that is random.", hidden=False)] = 0
    device: Annotated[
        str | None,
        but(
            DeviceName,
            help="Where to compute: cpu, cuda, cuda:N or mps.",
            show_default="cuda where there is one, else cpu",
        ),
    ] = None
    workers: Annotated[
        int | None,
        option(
            metavar="N",
            help="Processes that read images, for each one that computes.",
            min=0,
            panel=WHERE,
            show_default="its share of the cores, up to 8",
        ),
    ] = None
    output: Annotated[
        Path | None,
        but(
            OutputFolder,
            help="Folder for last.pth, best.pth, log.csv and log.png.",
            show_default="runs/NETWORK",
        ),
    ] = None
    resume: Annotated[bool, but(Resume, help="Go on behind the last epoch that the folder holds.")] = False
    dry_run: Annotated[
        bool,
        but(
            DryRun,
            help="Say what it would do, with every value's source, and how long that takes.",
            rich_help_panel=OUTPUT,
        ),
    ] = False
    printing: Printing = Printing()

    def run(self, console: Console) -> int:
        from effmod_bench.runs.train import Request, train

        name, checkpoint = one_checkpoint(self.checkpoint)
        if name is not None and name != self.network:
            raise TargetError(
                f"--checkpoint {name}={checkpoint}: {name} is not what is trained, which is {self.network}"
            )
        if self.seed < 0:
            raise TargetError(f"--seed {self.seed}: a seed is 0 or above")
        batch = self.batch_size
        own = {field: getattr(self, field) for field in Request.__struct_fields__} | {
            "checkpoint": checkpoint,
            "image_size": one_image_size(self.image_size),
            "batch_size": None if batch is None else the_only_one("--batch-size", batch, parse_batch_sizes(batch)),
        }
        return train(console, Request(**own), self.printing.output_format)
