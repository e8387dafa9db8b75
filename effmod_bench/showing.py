"""`effmod show`: the tables of a store, each from records of its own kind."""

from collections.abc import Callable, Sequence
from typing import Any

from effmod_bench.benchmark import print_measurements
from effmod_bench.comparing import print_comparisons
from effmod_bench.console import Console
from results import ComparisonProcess, HandEntry, Round, Store, StoreError, compare, summarise
from results.tables import OutputFormat, Shown, hand_entry_table

# What a store lacks, and the command that would add some.
_MISSING = {
    None: ("records", "bench"),
    Shown.MEASUREMENTS: ("measurements", "bench"),
    Shown.COMPARISONS: ("comparisons", "compare A B"),
    Shown.BY_HAND: ("figures entered by hand", "record add"),
}


def show_store(console: Console, store: Store, output_format: OutputFormat, *, only: Shown | None) -> None:
    """Print a store's tables, or only one of them. JSON and CSV hold one table, the first that is there.

    Raises:
        StoreError: the store cannot be read, or holds nothing of what was asked for.
    """
    tables: dict[Shown, tuple[Sequence[Any], Callable[[Any], None]]] = {
        Shown.MEASUREMENTS: (
            store.read_kind(Round),
            lambda records: print_measurements(console, summarise(records), output_format),
        ),
        Shown.COMPARISONS: (
            store.read_kind(ComparisonProcess),
            lambda records: print_comparisons(console, compare(records), output_format),
        ),
        Shown.BY_HAND: (
            store.read_kind(HandEntry),
            lambda records: console.table(hand_entry_table(records), output_format),
        ),
    }
    filled = [kind for kind, (records, _) in tables.items() if records and only in (None, kind)]
    if not filled:
        command = {Shown.COMPARISONS: "compare A B", Shown.BY_HAND: "record add"}.get(
            only or Shown.MEASUREMENTS, "bench"
        )
        raise StoreError(
            f"the store {store.path} holds no {only or 'records'}; 'effmod {command} --store {store.path}' adds some"
        )
    single = output_format in (OutputFormat.JSON, OutputFormat.CSV)
    for kind in filled[:1] if single else filled:
        records, show = tables[kind]
        show(records)
    if single and len(filled) > 1:
        console.note(f"Left out: {', '.join(filled[1:])}; --only prints one of them")
