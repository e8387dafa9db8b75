"""The table of kinds of machines: how far several of each agree."""

from collections.abc import Sequence

from results.statistics.nodes import DISAGREES_BY, OfKind
from results.tables.columns import of_measurement
from results.tables.measurements import settle_measurements
from results.tables.table import Column, Table
from results.tables.words import milliseconds


def _share(row: OfKind, of: float | None) -> float | None:
    return None if of is None or not row.mean_ms else of / row.mean_ms


_COLUMNS: tuple[Column[OfKind], ...] = (
    Column(key="kind", header="kind", get=lambda row: row.kind, fact=True),
    Column(key="nodes", header="nodes", get=lambda row: len(row.places)),
    Column(key="mean_ms", header="mean\nms ¹", get=lambda row: row.mean_ms, show=milliseconds),
    Column(key="std_ms", header="std over\nnodes ms", get=lambda row: row.std_ms, show=milliseconds),
    Column(key="within_ms", header="within a\nnode ms ²", get=lambda row: row.within_ms, show=milliseconds),
    Column(key="between_ms", header="between\nnodes ms ³", get=lambda row: row.between_ms, show=milliseconds),
    Column(
        key="between_share",
        header="between /\nmean",
        get=lambda row: _share(row, row.between_ms),
        show="{:.1%}".format,
        spare=1,
    ),
    Column(key="disagreeing", header="apart ⁴", get=lambda row: ", ".join(row.disagreeing) or None),
    Column(
        key="node_ms",
        header="each node's ms",
        get=lambda row: ", ".join(f"{p} {ms:.4g}" for p, ms in zip(row.places, row.node_ms, strict=True)),
        detail=True,
    ),
)


def nodes_table(rows: Sequence[OfKind]) -> Table[OfKind]:
    """Means and spreads over the nodes of each kind."""
    settled, shared = settle_measurements([row.measurement for row in rows])
    facts = [
        column
        for column in settled
        if column.key == "name" or (column.fact and column.key not in ("place", "kind", "node"))
    ]
    return Table(
        rows=tuple(rows),
        columns=(*(of_measurement(column, details=()) for column in facts), *_COLUMNS),
        notes=(
            "¹ of the nodes; a node's latency is the mean of its rounds' medians. Std over nodes: as they are seen.",
            "² standard deviation of rounds' medians within a node, over all nodes of the kind.",
            "³ what is left of the std over nodes without what rounds within nodes differ by.",
            f"⁴ more than {DISAGREES_BY:.0%} and three standard errors from the middle node: look at it.",
        ),
        title="By kind of machine",
        subtitle=shared,
        name="nodes",
    )
