"""The table of kinds of machines, below that of measurements."""

from collections.abc import Sequence

from effmod_bench.screen.console import Console
from results import Measurement
from results.statistics.nodes import by_kind
from results.tables.nodes import nodes_table
from results.tables.words import on_place
from results.tables.write import OutputFormat


def print_nodes(console: Console, measurements: Sequence[Measurement], output_format: OutputFormat) -> None:
    """What several machines of a kind agree on, where there are several; and which of them do not agree."""
    rows = by_kind(measurements)
    if not rows:
        return
    if output_format is OutputFormat.TABLE:
        console.print("")
    console.table(nodes_table(rows), output_format)
    for row in rows:
        for place in row.disagreeing:
            console.warn(f"{on_place(row.measurement.name, place)}: not as fast as others of its kind, or faster")
