"""Tables and figures of the paper that were reproduced, its own figures beside ours."""

from results.report.rendering import joined
from results.report.report import Report
from results.report.table import html_table


def section(report: Report) -> str | None:
    """None where no store holds a reproduction."""
    return joined(
        html_table(table, f"{table.title or 'A table of the paper'}, as measured in the store {store.name}")
        for store in report.stores
        for table in store.suites
    )
