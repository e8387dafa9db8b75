"""`effmod diff`: two stores, row by row."""

from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from effmod_bench.errors import ExitCode
from effmod_bench.options.option import argument, but
from effmod_bench.options.output import Printing
from effmod_bench.options.protocol import FailIfSlower, Margin
from effmod_bench.screen.console import Console


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """Compare two stores row by row, through their anchors where both have the same one."""

    examples: ClassVar = (
        ("effmod diff before after", "what became faster or slower"),
        ("effmod diff before after --fail-if-slower 2%", "a gate: exit 4 where a row is slower"),
    )

    before: Annotated[Path, argument("BEFORE", help="A store, as 'effmod bench' writes it.")]
    after: Annotated[Path, argument("AFTER", help="The store that is compared with it.")]
    margin: Margin = 0.005
    fail_if_slower: Annotated[
        float | None,
        but(
            FailIfSlower,
            help="Exit with 4 where a row of the first store is found slower in the second, by more than this, or "
            "cannot be judged.",
        ),
    ] = None
    printing: Printing = Printing()

    def run(self, console: Console) -> ExitCode:
        from effmod_bench.runs.diff import diff_stores

        return diff_stores(
            console,
            self.before,
            self.after,
            self.printing.output_format,
            margin=self.margin,
            fail_if_slower=self.fail_if_slower,
        )
