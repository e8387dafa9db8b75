"""What `effmod export --explain` prints: what each rewrite did, and to which operators."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from effmod_bench.screen.console import Console
from exporters.rewrites import RewriteReport
from results.tables.table import Column, Table


class OperatorChange(msgspec.Struct, frozen=True, kw_only=True):
    """How many operators of one kind a file has, before the rewrites and after."""

    kind: str
    before: int
    after: int


_CHANGES: tuple[Column[OperatorChange], ...] = (
    Column(key="kind", header="operator", get=lambda row: row.kind),
    Column(key="before", header="before", get=lambda row: row.before),
    Column(key="after", header="after", get=lambda row: row.after),
    Column(key="change", header="change", get=lambda row: row.after - row.before, show="{:+}".format),
)


def say_rewrites(console: Console, name: str, reports: Sequence[RewriteReport]) -> None:
    """Say what each rewrite changed, and what it left alone and why."""
    if not reports:
        console.note(f"{name}: nothing was rewritten")
    for report in reports:
        places = "1 place" if report.count == 1 else f"{report.count} places"
        console.note(f"{name}: {report.name} ({report.equivalence}): {places}")
        for skipped in report.skipped:
            console.note(f"  left alone: {skipped}")


def operator_table(name: str, before: Counter[str], after: Counter[str]) -> Table[OperatorChange]:
    """The kinds of operators, those that the rewrites changed first, and their sum."""
    rows = [OperatorChange(kind=kind, before=before[kind], after=after[kind]) for kind in sorted(before | after)]
    rows.sort(key=lambda row: row.before == row.after)
    total = OperatorChange(kind="all", before=before.total(), after=after.total())
    return Table(rows=(*rows, total), columns=_CHANGES, title=f"{name}: operators before the rewrites and after")
