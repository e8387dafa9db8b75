"""Stores beside each other: the rows that `effmod diff` would match, of each later store with the first."""

from collections.abc import Sequence

from results.report.forest import Row, forest
from results.report.rendering import joined, render
from results.report.report import Report, ShownStore
from results.report.table import html_table
from results.statistics.difference import Difference, differences_of
from results.statistics.partners import find_partners
from results.tables.differences import difference_labels, difference_table
from results.tables.words import difference_in_words

_MARGIN = 0.005  # that of `effmod diff`, where nobody says


def section(report: Report) -> str | None:
    """None where there is one store alone, or no row in common."""
    first, *others = report.stores
    parts = [_beside(first, other) for other in others if first.measured and other.measured]
    return joined(filter(None, parts))


def _beside(before: ShownStore, after: ShownStore) -> str | None:
    partners = find_partners(before.measurements, after.measurements)
    rows = differences_of(partners.pairs, margin=_MARGIN)
    if not rows:
        return None
    return render(
        "stores.html",
        before=before.name,
        after=after.name,
        figure=_figure(rows, before.name, after.name),
        table=html_table(difference_table(rows), f"{after.name} beside {before.name}"),
        lost=", ".join(dict.fromkeys(row.name for row in partners.lost)),
        added=", ".join(dict.fromkeys(row.name for row in partners.added)),
        repeated=", ".join(dict.fromkeys(row.name for rows in partners.repeated for row in rows)),
        by_order=", ".join(dict.fromkeys(row.name for row in partners.by_order)),
    )


def _figure(rows: Sequence[Difference], before: str, after: str) -> str:
    known = [
        Row(
            label=name,
            ratio=row.estimate.ratio,
            estimate=row.estimate,
            verdict=str(row.verdict),
            lines=(
                *filter(None, [difference_in_words(row)]),
                f"through {row.anchor}" if row.anchor else "by themselves, at two times",
            ),
        )
        for name, row in zip(difference_labels(rows), rows, strict=True)
        if row.estimate
    ]
    if not known:
        return ""
    return forest(
        known,
        axis=f"time in {after} over that in {before}",
        label=f"Forest plot of the times in {after} over those in {before}",
        caption="Left of the line at 1 is what takes less time in the second store; a bar is the 95 % interval.",
    ).html()
