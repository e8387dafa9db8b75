"""The tables of a suite, one below the other."""

from collections.abc import Sequence
from typing import Any

from effmod_bench.screen.console import Console
from effmod_bench.screen.measurements import print_measurements
from results import Measurement
from results.tables.table import Table
from results.tables.write import OutputFormat

_SINGLE = (OutputFormat.JSON, OutputFormat.CSV)


def print_tables(
    console: Console, measurements: Sequence[Measurement], tables: Sequence[Table[Any]], output_format: OutputFormat
) -> None:
    """The tables of a suite, with advice on what is doubtful. JSON and CSV hold one, the first."""
    first, *others = tables
    if output_format in _SINGLE:
        if others:
            titles = ", ".join(table.title or "a table" for table in others)
            console.note(f"Left out, since {output_format} holds one table: {titles}")
        others = []
    print_measurements(console, measurements, first, output_format)
    for table in others:
        if output_format is OutputFormat.TABLE:
            console.print("")
        console.table(table, output_format)
