"""`effmod show`: the tables of a store."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.options.accuracy import Top1, parse_top1
from effmod_bench.options.option import OUTPUT, but, option
from effmod_bench.options.output import Shown, StorePath, TablePrinting, default_store
from effmod_bench.options.targets import Table
from effmod_bench.screen.console import Console


class Show(msgspec.Struct, frozen=True, kw_only=True):
    """Show the tables of a store again, from its records."""

    examples: ClassVar = (
        ("effmod show", "what was measured here"),
        ("effmod show STORE --table 1", "as the paper's Table 1"),
        ("effmod show STORE --only comparisons --output-format csv", "one table, for a program"),
    )

    store: StorePath = msgspec.field(default_factory=default_store)
    only: Annotated[
        Shown | None,
        option(
            "--only",
            metavar="TABLE",
            help=f"One of the store's tables: {', '.join(Shown)}.",
            panel=OUTPUT,
            show_default="all",
        ),
    ] = None
    table: Annotated[
        str | None, but(Table, help="Show the measurements as this table of the paper.", rich_help_panel=OUTPUT)
    ] = None
    run_id: Annotated[
        str | None,
        option(
            "--run",
            metavar="RUN",
            help="Show one run by itself, by its id; without it, the runs of one file on one machine are one row.",
            panel=OUTPUT,
            show_default=False,
        ),
    ] = None
    top1: Top1 = None
    printing: TablePrinting = TablePrinting()

    def run(self, console: Console) -> None:
        from effmod_bench.runs.show import show_store, show_table
        from results import Store

        if self.table is not None and self.only is not None:
            raise TargetError("--table shows measurements; leave --only out")
        if self.run_id is not None and self.only is Shown.BY_HAND:
            raise TargetError("what was entered by hand belongs to no run; leave --run out")
        store, output_format = Store(Path(self.store), on_damaged=console.warn), self.printing.output_format
        top1 = parse_top1(self.top1)
        if self.table is not None:
            show_table(console, store, output_format, self.table, run_id=self.run_id, top1=top1)
        else:
            show_store(console, store, output_format, only=self.only, run_id=self.run_id, top1=top1)
