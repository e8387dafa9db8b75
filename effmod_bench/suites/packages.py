"""Table 12: what the Core ML packages hold, how far they are from their networks, and the figures of phones."""

from collections.abc import Sequence

import msgspec

from exporters import Artifact
from results import HandEntry, Measurement
from results.tables.published import published_columns
from results.tables.table import Column, Note, Table
from results.tables.words import counted, milliseconds


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A network as a package.

    Attributes:
        operators: of its program, by kind, without constants.
        measurement: on a Mac; None elsewhere.
        by_hand: what was entered of the network, the latest of each device first.
    """

    artifact: Artifact
    operators: dict[str, int]
    measurement: Measurement | None
    by_hand: tuple[HandEntry, ...]


def _entered(row: Package) -> str | None:
    found: dict[str, str] = {}
    for entry in row.by_hand:
        value = entry.mean_ms if entry.mean_ms is not None else entry.p50_ms
        found.setdefault(entry.device_name, f"{entry.device_name}: {value:g}")
    return "; ".join(found.values()) or None


def _kinds(row: Package) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(row.operators.items(), key=lambda item: -item[1]))


_COLUMNS: tuple[Column[Package], ...] = (
    Column(key="name", header="network", get=lambda row: row.artifact.model),
    Column(key="operators", header="opera-\ntors", get=lambda row: sum(row.operators.values()), spare=2),
    Column(key="kinds", header="of kinds", get=_kinds, detail=True),
    Column(
        key="relative_error",
        header="error ¹",
        get=lambda row: row.artifact.parity.relative_error,
        show="{:.0e}".format,
        spare=1,
    ),
    Column(
        key="size_bytes", header="MB", get=lambda row: row.artifact.size_bytes, show=lambda v: f"{v / 1e6:.1f}", spare=3
    ),
    Column(
        key="mean_ms",
        header="mean ms\nhere",
        get=lambda row: row.measurement and row.measurement.latency and row.measurement.latency.mean_ms,
        show=milliseconds,
    ),
    Column(key="by_hand_ms", header="entered by hand, ms", get=_entered),
    Column(key="sha256", header="sha256", get=lambda row: row.artifact.sha256, detail=True),
)


def packages_table(title: str, rows: Sequence[Package], *, source: str | None) -> Table[Package]:
    """What the packages are, beside the paper's figures of its phone.

    Args:
        source: the file under `results/published` that has them; None where the networks are of no table.
    """
    papers: tuple[Column[Package], ...] = ()
    if source is not None:
        shown = ("iphone13_ms", "top1", "note")
        papers = published_columns(source, lambda row: row.artifact.model, shown=shown)
    error = (
        "¹ the largest difference from the network in what it computes, over its largest output; in float16 for the "
        "most part the rounding."
    )
    phone = Note(
        "The paper's figures are of an iPhone 13 (iOS 16.6.1), by MobileOne's ModelBench. What was entered by hand "
        "stands beside them as it was given ('effmod record add').",
        "by_hand_ms",
        *(column.key for column in papers if column.key.endswith("_ms")),
    )
    notes = [error, *([phone] if source is not None else [])]
    if not any(row.by_hand for row in rows):
        notes.append(Note(f"Nothing was entered by hand of {counted(len(rows), 'network')} here.", "by_hand_ms"))
    return Table(rows=tuple(rows), columns=(*_COLUMNS, *papers), notes=tuple(notes), title=title, name=title)
