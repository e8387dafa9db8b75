"""`effmod share`: a store as a zip that can be given away."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode
from effmod_bench.options.option import OUTPUT, but, option
from effmod_bench.options.output import OutputFolder, Quiet, StorePath, default_store
from effmod_bench.screen.console import Console


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """Pack a store into a zip, without hosts, users and folders, for others to measure again."""

    examples: ClassVar = (
        ("effmod share STORE -o numbers.zip", "who has it enters: effmod reproduce ./numbers.zip"),
        ("effmod share STORE -o numbers.zip --with-files", "with the files of your own that it timed"),
    )

    store: StorePath = msgspec.field(default_factory=default_store)
    output: Annotated[Path, but(OutputFolder, metavar="FILE", help="The zip, numbers.zip or another name.")] = Path(
        "numbers.zip"
    )
    with_files: Annotated[
        bool,
        option(
            "--with-files",
            help="Bring along the files of your own that were timed, where they still are what they were. Without it "
            "they stay with you.",
            panel=OUTPUT,
        ),
    ] = False
    quiet: Quiet = False

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.runs.share import share
        from results import Store

        return share(console, Store(self.store, on_damaged=console.warn), self.output, with_files=self.with_files)
