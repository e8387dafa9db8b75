"""A table of the paper, our latencies beside its own."""

from collections.abc import Sequence
from typing import Any

import msgspec

from results.statistics.reproduction import Agreement, PaperLatency, Reproduced, agreements, reproduce
from results.statistics.summary import Measurement
from results.tables.measurements import first_notes, last_notes, settle_measurements
from results.tables.table import Column, Table, main_columns
from results.tables.words import digits

# Columns of measurements that the paper's table has others in the place of.
_NOT_REPRODUCED = ("published_cpu_e5_2680_4t_ms", "paper_ratio")
# Those that would make it too wide. What is added to the table of measurements stands here, too, unless it is named.
_DETAILS = ("p95_ms", "p99_ms", "run_spread", "process_p50_ms", "process_p50_low_ms", "process_p50_high_ms")


def _other_size(row: Reproduced) -> str:
    return " ⁶" if row.is_of_other_size else ""


_REPRODUCED: tuple[Column[Reproduced], ...] = (
    Column(key="paper_ratio", header="ours /\npaper's ³", spare=2, get=lambda row: row.ratio, show=digits(2)),
    Column(key="rank", header="our\nrank", spare=2, get=lambda row: row.rank, mark=_other_size),
    Column(
        key="paper_rank",
        header="paper's\nrank",
        spare=2,
        get=lambda row: row.paper_rank,
        mark=_other_size,
        published=True,
    ),
)


def reproduction_table(
    title: str, measurements: Sequence[Measurement], papers: Sequence[PaperLatency], *, not_measured: Sequence[str]
) -> Table[Reproduced]:
    """The paper's table: our latencies beside its own, and under it how far the two orders agree.

    Args:
        not_measured: the networks of the table that are not among the measurements.
    """
    settled, shared = settle_measurements(measurements)
    columns = [of_measurement(column) for column in settled if column.key not in _NOT_REPRODUCED]
    after = next(i for i, column in enumerate(columns) if column.key == "p50_ms") + 1
    columns[after:after] = [*map(_paper_column, papers), *_REPRODUCED]
    rows = reproduce(measurements, papers)
    notes = first_notes(measurements, {column.key for column in main_columns(columns, rows)})
    if papers and any(row.ratio for row in rows):
        notes.append(f"³ our mean over the paper's on its {papers[0].hardware}. Not the paper's hardware here.")
    for paper in papers:
        notes += [
            agreement_in_words(found, f"{found.networks} networks of {found.image_size} px", paper.hardware)
            for found in agreements(rows, paper.hardware)
        ]
    notes += last_notes(measurements)
    if any(row.rank and row.is_of_other_size for row in rows):
        notes.append("⁶ takes images of another size than most: its ranks are among networks of its own size alone.")
    if not_measured:
        notes.append(f"Not measured: {', '.join(not_measured)}.")
    return Table(rows=tuple(rows), columns=tuple(columns), notes=tuple(notes), title=title, subtitle=shared)


def of_measurement(column: Column[Any]) -> Column[Reproduced]:
    """A column of measurements, over rows that hold one each."""
    return msgspec.structs.replace(
        column, get=lambda row: column.get(row.measurement), detail=column.detail or column.key in _DETAILS
    )


def _paper_column(paper: PaperLatency) -> Column[Reproduced]:
    return Column(
        key=f"published_{paper.figure}",
        header=f"{paper.hardware.partition(',')[0]}\npaper's ms",
        get=lambda row: row.paper_ms.get(paper.hardware),
        show=digits(1),
        published=True,
        spare=1,
    )


def agreement_in_words(found: Agreement, networks: str, hardware: str) -> str:
    """How far our order is the paper's.

    Args:
        networks: those of the two orders, in words.
        hardware: of the paper's.
    """
    interval = (
        f"95 % from {found.interval[0]:.2f} to {found.interval[1]:.2f} (Fieller, Hartley and Pearson 1957)"
        if found.interval
        else "without an interval: the networks are too few, or in the same order"
    )
    figure = f"their time over that of {found.anchor}" if found.anchor else "their mean"
    return (
        f"Our order of {networks}, by {figure}, beside the paper's on its {hardware}: "
        f"Kendall's tau {found.tau:.2f}, {interval}."
    )
