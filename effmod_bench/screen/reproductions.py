"""The tables of a suite, one below the other."""

from collections.abc import Sequence
from typing import Any

import msgspec

from effmod_bench.screen.console import Console
from effmod_bench.screen.measurements import print_measurements
from results import Measurement
from results.tables.table import Column, Table
from results.tables.write import OutputFormat


class NotMeasured(msgspec.Struct, frozen=True, kw_only=True):
    """What of a suite could not be measured here, and why."""

    what: str
    why: str


_COLUMNS: tuple[Column[NotMeasured], ...] = (
    Column(key="what", header="not measured", get=lambda row: row.what),
    Column(key="why", header="why", get=lambda row: row.why),
)
_SINGLE = (OutputFormat.JSON, OutputFormat.CSV)


def print_tables(
    console: Console, measurements: Sequence[Measurement], tables: Sequence[Table[Any]], output_format: OutputFormat
) -> None:
    """The tables of a suite, with advice on what is doubtful. JSON and CSV hold one, the first."""
    first, *others = tables
    if output_format in _SINGLE:
        if others:
            titles = ", ".join(table.title or "another" for table in others)
            console.note(f"Left out, since {output_format} holds one table: {titles}")
        others = []
    print_measurements(console, measurements, first, output_format)
    for table in others:
        if output_format is OutputFormat.TABLE:
            console.print("")
        console.table(table, output_format)


def not_measured_table(rows: Sequence[NotMeasured]) -> Table[NotMeasured]:
    """What could not be measured here, a row each."""
    return Table(rows=tuple(dict.fromkeys(rows)), columns=_COLUMNS, title="Not measured here")
