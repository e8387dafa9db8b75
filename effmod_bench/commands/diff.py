"""`effmod diff`: two stores, row by row."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode
from effmod_bench.options.option import argument, but
from effmod_bench.options.output import TablePrinting
from effmod_bench.options.protocol import FailIfSlower, Margin, Undecided, UndecidedOption, check_gate
from effmod_bench.screen.console import Console


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """Compare two stores row by row, through their anchors where both have the same one."""

    examples: ClassVar = (
        ("effmod diff before after", "what became faster or slower"),
        ("effmod diff before after --fail-if-slower 5%", "a gate: exit 4 unless no row is so much slower"),
    )

    before: Annotated[Path, argument("BEFORE", help="A store, as 'effmod bench' writes it.")]
    after: Annotated[Path, argument("AFTER", help="The store that is compared with it.")]
    margin: Margin = 0.005
    fail_if_slower: Annotated[
        float | None,
        but(
            FailIfSlower,
            help="A gate: exit with 4 unless each row of the first store is known to be no more than this slower in "
            "the second.",
        ),
    ] = None
    undecided: Annotated[
        Undecided,
        but(
            UndecidedOption,
            help="What --fail-if-slower makes of a row of which too little is known: exit with 4, or let it pass.",
            hidden=False,
        ),
    ] = Undecided.FAIL
    printing: TablePrinting = TablePrinting()

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.runs.diff import diff_stores

        check_gate(self.undecided, self.fail_if_slower)
        return diff_stores(
            console,
            self.before,
            self.after,
            self.printing.output_format,
            margin=self.margin,
            fail_if_slower=self.fail_if_slower,
            undecided_pass=self.undecided is Undecided.PASS,
        )
