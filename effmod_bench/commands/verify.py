"""`effmod verify`: a file or package proved again."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.isolation.limit import TIMEOUT_S, allow
from effmod_bench.options.export import Checkpoint, Feed, Feeds, WeightsChoice, one_checkpoint, weights_asked
from effmod_bench.options.option import but
from effmod_bench.options.output import StoreFolder, TablePrinting
from effmod_bench.options.protocol import Timeout
from effmod_bench.options.targets import ArtifactPath
from effmod_bench.options.verification import Against, Data, SkipCorrupt
from effmod_bench.screen.console import Console
from exporters.feeds.given import Given


class Verify(msgspec.Struct, frozen=True, kw_only=True):
    """Prove a file or package again: that it computes what its network computes, and how often it is right."""

    examples: ClassVar = (
        ("effmod verify efficientmod_xxs.onnx", "against the network that its sidecar names"),
        ("effmod verify net.onnx --against mine.py:net --checkpoint net.pth", "a file from elsewhere"),
        ("effmod verify net.mlpackage --data val", "top-1 and top-5, kept in its sidecar"),
        ("effmod verify int8.onnx --against net.onnx --data val", "is int8 right less often?"),
    )

    artifact: ArtifactPath
    against: Against = None
    checkpoint: Annotated[
        list[str] | None,
        but(
            Checkpoint,
            help="Trained weights: a .pth, .pth.tar or .safetensors file, or 'pretrained' to fetch timm's own.",
            rich_help_panel=None,
        ),
    ] = None
    weights: Annotated[
        Path | None,
        but(
            WeightsChoice,
            help="Give the network random weights, seed 0, whatever it has.",
            hidden=False,
            rich_help_panel=None,
        ),
    ] = None
    data: Data = None
    skip_corrupt: SkipCorrupt = False
    store: Annotated[
        Path | None,
        but(
            StoreFolder,
            metavar="FOLDER",
            help="Keep the accuracy in a folder of records, too, for every table of it.",
            rich_help_panel=None,
            show_default=False,
        ),
    ] = None
    feed: Annotated[list[str] | None, but(Feed, hidden=False, rich_help_panel=None)] = None
    feeds: Annotated[Path | None, but(Feeds, hidden=False, rich_help_panel=None)] = None
    timeout: Annotated[float, but(Timeout, hidden=False, rich_help_panel=None)] = TIMEOUT_S
    printing: TablePrinting = TablePrinting()

    def run(self, console: Console) -> None:
        from effmod_bench.runs.verification import Verification

        allow(self.timeout)
        name, checkpoint = one_checkpoint(self.checkpoint)
        verification = Verification(
            path=self.artifact,
            against=self.against,
            checkpoint=weights_asked(checkpoint, self.weights),
            checkpoint_of=name,
            data=self.data,
            skip_corrupt=self.skip_corrupt,
            store=self.store,
            given=Given(feed=tuple(self.feed or ()), source=self.feeds),
        )
        verification.run(console, self.printing.output_format)
