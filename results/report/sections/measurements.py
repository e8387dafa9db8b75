"""The tables of measurements, one a store, with what is said about their columns."""

import msgspec

from results.report.rendering import joined
from results.report.report import Report, ShownStore
from results.report.table import html_table
from results.tables.measurements import measurement_table


def section(report: Report) -> str | None:
    """A table for each store that has measurements; a row leads to the network's own section."""
    stores = [store for store in report.stores if store.measured]
    return joined(_table(store, is_alone=len(report.stores) == 1) for store in stores)


def _table(store: ShownStore, *, is_alone: bool) -> str:
    table = measurement_table(store.measurements)
    of_store = msgspec.structs.replace(table, title=None if is_alone else f"Store {store.name}", subtitle=table.title)
    return html_table(
        of_store,
        f"Latencies in the store {store.name}",
        links=[each.key for each in store.measured],
        can_be_filtered=True,
    )
