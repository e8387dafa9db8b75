"""`effmod plot`: what stores hold, as a picture."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.options.accuracy import Top1, parse_top1
from effmod_bench.options.option import OUTPUT, WHAT, argument, but, option
from effmod_bench.options.output import Loudness, OutputFolder, default_store
from effmod_bench.options.parse import parse_length
from effmod_bench.options.selection import Select
from effmod_bench.screen.console import Console
from results.plots.kinds import Across, Kind
from results.plots.style import WIDTH_IN


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """Draw what stores hold: accuracy against latency, latency along a sweep, or every run against time."""

    examples: ClassVar = (
        ("effmod plot STORE -o tradeoff.pdf --width 3.3in", "for a column of a paper"),
        ("effmod plot BEFORE AFTER --select 'efficientmod_*'", "two stores, some networks"),
        ("effmod plot STORE --kind distribution --select edgevit_xs", "whether the machine has two speeds"),
    )
    panels: ClassVar = {WHAT: "What to draw"}

    stores: Annotated[
        list[Path] | None,
        argument(
            "[STORE]...",
            help="Folders of records, as 'effmod bench' writes them; EFFMOD_STORE names another default.",
            show_default=str(default_store()),
        ),
    ] = None
    kind: Annotated[
        Kind | None,
        option(
            "--kind",
            metavar="KIND",
            help=f"What is shown: {', '.join(Kind)}.",
            panel=WHAT,
            show_default="what most of the store is of",
        ),
    ] = None
    x: Annotated[
        Across | None,
        option(
            "--x",
            metavar="WHAT",
            help="What accuracy is set against: latency on the cpu or on the gpu, macs, params.",
            panel=WHAT,
            show_default="latency, whatever the device",
        ),
    ] = None
    select: Select = None
    width: Annotated[
        float | None,
        option(
            "--width",
            metavar="LENGTH",
            help="Of the picture, as in 3.3in, 84mm, 8.4cm or 240pt: fonts and layout follow.",
            panel=OUTPUT,
            show_default="7.2in",
            parser=parse_length,
        ),
    ] = None
    output: Annotated[
        Path | None,
        but(
            OutputFolder,
            metavar="FILE",
            help="The picture; its ending says which kind: .png, .svg, .pdf.",
            show_default="KIND.png",
        ),
    ] = None
    top1: Top1 = None
    loudness: Loudness = Loudness()

    def run(self, console: Console) -> None:
        from effmod_bench.runs.plot import Request, plot

        if self.x is not None and self.kind not in (None, Kind.TRADEOFF):
            raise TargetError(f"--x says what accuracy is set against, and --kind {self.kind} shows none")
        request = Request(
            kind=Kind.TRADEOFF if self.x is not None else self.kind,
            across=self.x,
            patterns=tuple(self.select or ()),
            width_in=WIDTH_IN if self.width is None else self.width,
            top1=parse_top1(self.top1),
        )
        plot(console, self.stores or [default_store()], request, self.output)
