"""`effmod doctor`: what would run on this machine."""

from typing import Annotated, ClassVar

import msgspec

from effmod_bench.options.option import but
from effmod_bench.options.output import TablePrinting
from effmod_bench.options.protocol import NoWait
from effmod_bench.options.runtime import DeviceName, parse_device
from effmod_bench.screen.console import Console


class Doctor(msgspec.Struct, frozen=True, kw_only=True):
    """Say which runtimes work here, by running a convolution on each, and what is missing where one does not."""

    examples: ClassVar = (
        ("effmod doctor", "every runtime"),
        ("effmod doctor -d cuda", "exit 3 where the GPU cannot be used, and why"),
    )

    device: Annotated[
        str | None,
        but(DeviceName, help="Try this one alone, which is to work.", show_default="all, of which the CPU is to work"),
    ] = None
    no_wait: Annotated[bool, but(NoWait, hidden=False)] = False
    printing: TablePrinting = TablePrinting()

    def run(self, console: Console) -> None:
        from effmod_bench.runs.doctor import examine

        device, index = parse_device(self.device) if self.device else (None, 0)
        examine(console, device, index, self.printing.output_format, wait=not self.no_wait)
