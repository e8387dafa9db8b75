"""`effmod plot`: latency against accuracy, as a picture."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.options.option import but
from effmod_bench.options.output import Loudness, OutputFolder, StorePath, default_store
from effmod_bench.screen.console import Console


class Plot(msgspec.Struct, frozen=True, kw_only=True):
    """Draw latency against published accuracy."""

    examples: ClassVar = (("effmod plot STORE -o tradeoff.pdf", "a picture for a paper"),)

    store: StorePath = msgspec.field(default_factory=default_store)
    output: Annotated[
        Path,
        but(OutputFolder, metavar="FILE", help="The picture; its ending says which kind: .png, .svg, .pdf."),
    ] = Path("tradeoff.png")
    loudness: Loudness = Loudness()

    def run(self, console: Console) -> None:
        from exporters import writing
        from results import Store, summarise
        from results.frame import read_contents
        from results.plots.tradeoff import plot_tradeoff
        from results.store import no_measurements

        contents = read_contents(Store(self.store, on_damaged=console.warn))
        if contents.by_hand:
            console.note("Left out: figures entered by hand, of which there are no samples")
        if not contents.rounds:
            raise no_measurements(self.store)
        measurements = summarise(contents.rounds)
        with writing(self.output):
            left_out = plot_tradeoff(measurements, self.output)
        if left_out:
            console.note(f"Left out, having no published top-1 or no latency: {', '.join(left_out)}")
        console.print(str(self.output))
