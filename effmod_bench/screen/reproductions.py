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
SINGLE = (OutputFormat.JSON, OutputFormat.CSV)


def print_tables(
    console: Console, measurements: Sequence[Measurement], tables: Sequence[Table[Any]], output_format: OutputFormat
) -> None:
    """The tables of a suite, with advice on what is doubtful. JSON and CSV hold one, the first."""
    first, *others = tables
    if output_format in SINGLE:
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
    return Table(rows=tuple(dict.fromkeys(rows)), columns=_COLUMNS, title="Not measured here", name="not-measured")


def print_plans(console: Console, plans: Sequence[Table[Any]], output_format: OutputFormat) -> None:
    """What the runs of suites would do, a table each; for a program all of it in one."""
    if output_format in SINGLE:
        rows = tuple(row for plan in plans for row in plan.rows)
        plans = [msgspec.structs.replace(plan, rows=rows) for plan in plans[:1]]
    for plan in plans:
        console.table(plan, output_format)
