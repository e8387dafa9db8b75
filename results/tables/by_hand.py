"""The table of figures that were entered by hand."""

from collections.abc import Sequence

from results.published import figures_of
from results.records.by_hand import HandEntry
from results.tables.columns import hash_column
from results.tables.table import Column, Table
from results.tables.words import digits

HAND_ENTRY_COLUMNS: tuple[Column[HandEntry], ...] = (
    Column(key="name", header="network", get=lambda row: row.name),
    Column(key="form", header="form", get=lambda row: row.artifact and row.artifact.form, detail=True),
    Column(key="mean_ms", header="mean\nms", get=lambda row: row.mean_ms),
    Column(key="p50_ms", header="p50\nms", get=lambda row: row.p50_ms),
    Column(key="runs", header="runs", spare=2, get=lambda row: row.runs),
    Column(
        key="published_iphone13_ms",
        header="paper's ms,\niPhone 13",
        spare=3,
        get=lambda row: _published(row, "iphone13_ms"),
        show=digits(1),
        published=True,
    ),
    Column(
        key="published_top1",
        header="published\ntop-1 %",
        spare=4,
        get=lambda row: _published(row, "top1"),
        show=digits(1),
        published=True,
    ),
    Column(key="device_name", header="device", get=lambda row: row.device_name),
    Column(key="os", header="system", get=lambda row: row.os),
    Column(key="compute_units", header="compute\nunits", get=lambda row: row.compute_units),
    Column(key="tool", header="tool", get=lambda row: row.tool),
    hash_column(lambda row: row.artifact and row.artifact.sha256),
    Column(
        key="entered_by_hand_at",
        header="entered",
        get=lambda row: row.started_at,
        show=lambda v: v[:10],
        detail=True,
    ),
    Column(key="note", header="note", spare=1, get=lambda row: row.note or None),
)


def hand_entry_table(entries: Sequence[HandEntry]) -> Table[HandEntry]:
    """The table of what was entered by hand, which is never one with what was measured."""
    return Table(
        rows=tuple(entries),
        columns=HAND_ENTRY_COLUMNS,
        title="Entered by hand: measured elsewhere, by other tools; effmod has no samples of it",
        name="by-hand",
    )


def _published(entry: HandEntry, figure: str) -> float | None:
    """The paper's figure for the network, where it is of the same form and input."""
    value: float | None = getattr(figures_of(entry.name, entry.artifact), figure, None)
    return value
