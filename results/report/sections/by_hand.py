"""Figures that a person entered: measured elsewhere, by other tools."""

from results.report.rendering import joined
from results.report.report import Report
from results.report.table import html_table
from results.tables.by_hand import hand_entry_table


def section(report: Report) -> str | None:
    """None where there are none."""
    return joined(
        html_table(hand_entry_table(store.contents.by_hand), f"Entered by hand into the store {store.name}")
        for store in report.stores
        if store.contents.by_hand
    )
