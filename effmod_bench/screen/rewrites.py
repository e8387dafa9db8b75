"""What `effmod export --explain` prints: what each rewrite did, and to which operators."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from effmod_bench.screen.console import Console
from exporters.rewrites import RewriteReport
from results.tables.table import Column, Table


class OperatorChange(msgspec.Struct, frozen=True, kw_only=True):
    """How many operators of one kind a file has, before the rewrites and after; None for what is not known."""

    kind: str
    before: int | None
    after: int


_CHANGES: tuple[Column[OperatorChange], ...] = (
    Column(key="kind", header="operator", get=lambda row: row.kind),
    Column(key="before", header="before", get=lambda row: row.before),
    Column(key="after", header="after", get=lambda row: row.after),
    Column(
        key="change",
        header="change",
        get=lambda row: None if row.before is None else row.after - row.before,
        show="{:+}".format,
    ),
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


def operator_table(name: str, before: Counter[str] | None, after: Counter[str]) -> Table[OperatorChange]:
    """The kinds of operators, those that the rewrites changed first, and their sum.

    Args:
        before: None where they are not known.
    """
    rows = [
        OperatorChange(kind=kind, before=None if before is None else before[kind], after=after[kind])
        for kind in sorted((before or after) | after)
    ]
    rows.sort(key=lambda row: row.before == row.after)
    total = OperatorChange(kind="all", before=None if before is None else before.total(), after=after.total())
    when = "after the rewrites" if before is None else "before the rewrites and after"
    return Table(rows=(*rows, total), columns=_CHANGES, title=f"{name}: operators {when}", name="operators")
