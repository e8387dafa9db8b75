"""`effmod record add`: a figure that was measured elsewhere."""

from typing import Annotated, ClassVar

import msgspec

from effmod_bench.options.option import but, option
from effmod_bench.options.output import Quiet, StoreFolder, default_store
from effmod_bench.options.protocol import Runs
from effmod_bench.options.runtime import UsedComputeUnits
from effmod_bench.options.targets import NetworkOrArtifact
from effmod_bench.screen.console import Console
from results import ComputeUnits


class RecordAdd(msgspec.Struct, frozen=True, kw_only=True):
    """Bring a latency that another tool measured, on a phone say, into a store, marked as entered by hand."""

    examples: ClassVar = (
        ("effmod record add net.mlpackage --device-name 'iPhone 13' --os 17 --tool ModelBench --mean-ms 1.3", ""),
    )

    target: NetworkOrArtifact
    device_name: Annotated[str, option("--device-name", metavar="NAME", help="Such as 'iPhone 13'.")]
    os: Annotated[str, option("--os", metavar="NAME", help="Its system, such as 'iOS 17.5'.")]
    tool: Annotated[str, option("--tool", metavar="NAME", help="What measured it, such as 'ModelBench 1.0'.")]
    compute_units: Annotated[
        ComputeUnits | None,
        but(
            UsedComputeUnits,
            help=f"Where Core ML ran it, the processors that it might use: {', '.join(ComputeUnits)}.",
            show_default=False,
            hidden=False,
            rich_help_panel=None,
        ),
    ] = None
    mean_ms: Annotated[
        float | None,
        option(
            "--mean-ms", metavar="MS", help="Mean of one inference; this, or --p50-ms, or both.", show_default=False
        ),
    ] = None
    p50_ms: Annotated[
        float | None, option("--p50-ms", metavar="MS", help="Median of one inference.", show_default=False)
    ] = None
    runs: Annotated[int | None, but(Runs, help="Inferences behind the figure.", rich_help_panel=None)] = None
    note: Annotated[
        str, option("--note", metavar="TEXT", help="What else is to be known of it.", show_default=False)
    ] = ""
    store: StoreFolder = msgspec.field(default_factory=default_store)
    quiet: Annotated[bool, but(Quiet, help="No notes.")] = False

    def run(self, console: Console) -> None:
        from effmod_bench.runs.record import enter
        from results import Store

        entry = enter(
            self.target,
            Store(self.store),
            device_name=self.device_name,
            os=self.os,
            compute_units=self.compute_units,
            tool=self.tool,
            mean_ms=self.mean_ms,
            p50_ms=self.p50_ms,
            runs=self.runs,
            note=self.note,
        )
        console.note(f"{entry.name} on {entry.device_name}, entered by hand; the table: effmod show {self.store}")
