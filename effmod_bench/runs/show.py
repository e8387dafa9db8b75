"""`effmod show`: the tables of a store, each from records of its own kind."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from effmod_bench.errors import TargetError
from effmod_bench.options.output import Shown
from effmod_bench.screen.comparisons import print_comparisons
from effmod_bench.screen.console import Console
from effmod_bench.screen.measurements import print_measurements
from effmod_bench.screen.reproductions import print_tables
from effmod_bench.suites import find_suite
from effmod_bench.suites.views import seen_of, tables_of
from results import Measurement, Store, StoreError, compare, summarise
from results.frame import Contents, read_contents
from results.tables.by_hand import hand_entry_table
from results.tables.measurements import measurement_table
from results.tables.write import OutputFormat

# What a store lacks, and the command that would add some.
_MISSING = {
    None: ("records", "bench"),
    Shown.MEASUREMENTS: ("measurements", "bench"),
    Shown.COMPARISONS: ("comparisons", "compare A B"),
    Shown.BY_HAND: ("figures entered by hand", "record add"),
}


def show_store(
    console: Console, store: Store, output_format: OutputFormat, *, only: Shown | None, run_id: str | None = None
) -> None:
    """Print a store's tables, or only one of them. JSON and CSV hold one table, the first that is there.

    Args:
        run_id: of the run that is shown by itself; None for all that is there.

    Raises:
        TargetError: there is no such run.
        StoreError: the store cannot be read, or holds nothing of what was asked for.
    """
    contents = _read_runs(store, run_id)
    benched = {record.run_id for record in contents.rounds}
    # The pairs of a bench's run stand beside its measurements already.
    alone = {
        pair.run_id
        for pair in contents.pairs
        if run_id in (None, pair.run_id) and (only is not None or pair.run_id not in benched)
    }
    tables: dict[Shown, tuple[Collection[Any], Callable[[Any], None]]] = {
        Shown.MEASUREMENTS: (
            contents.rounds,
            lambda records: _print(console, summarise(records, contents.pairs), output_format),
        ),
        Shown.COMPARISONS: (
            alone,
            lambda runs: print_comparisons(
                console, [each for each in compare(contents.pairs) if each.run_id in runs], output_format
            ),
        ),
        Shown.BY_HAND: (
            contents.by_hand,
            lambda records: console.table(hand_entry_table(records), output_format),
        ),
    }
    filled = [kind for kind, (found, _) in tables.items() if found and only in (None, kind)]
    if not filled:
        what, command = _MISSING[only]
        of_run = "" if run_id is None else f" of run {run_id}"
        raise StoreError(
            f"the store {store.path} holds no {what}{of_run}; 'effmod {command} --store {store.path}' adds some"
        )
    single = output_format in (OutputFormat.JSON, OutputFormat.CSV)
    for kind in filled[:1] if single else filled:
        found, show = tables[kind]
        show(found)
    if single and len(filled) > 1:
        console.note(f"Left out: {', '.join(filled[1:])}; --only prints one of them")


def show_table(
    console: Console, store: Store, output_format: OutputFormat, table: str, *, run_id: str | None = None
) -> None:
    """Print what a store holds of a table or figure of the paper, as that.

    Args:
        table: by its number, or the name of its suite.
        run_id: of the run that is shown by itself; None for all that is there.

    Raises:
        TargetError: there is no such table, or no such run.
        StoreError: the store cannot be read, or holds no measurement of the table's networks.
    """
    suite = find_suite(table)
    seen = seen_of(suite, _read_runs(store, run_id))
    tables = tables_of(suite, seen)
    if not tables:
        raise StoreError(
            f"the store {store.path} holds nothing of the paper's {suite.shows or table}; "
            f"'effmod reproduce {suite.name} --store {store.path}' adds it"
        )
    print_tables(console, seen.measurements, tables, output_format)


def _print(console: Console, measurements: Sequence[Measurement], output_format: OutputFormat) -> None:
    print_measurements(console, measurements, measurement_table(measurements), output_format)


def _read_runs(store: Store, run_id: str | None) -> Contents:
    """What a run measured, and all pairs, since earlier ones tell of its own; or all that is there.

    What was entered by hand belongs to no run.
    """
    contents = read_contents(store)
    if run_id is None:
        return contents
    of_run = Contents(
        rounds=tuple(each for each in contents.rounds if each.run_id == run_id),
        pairs=contents.pairs,
        by_hand=(),
    )
    runs = {each.run_id for each in contents.rounds} | {each.run_id for each in contents.pairs}
    if run_id not in runs:
        latest_first = sorted(runs, reverse=True)  # an id begins with the time
        latest = f"; the latest are {', '.join(latest_first[:3])}" if latest_first else ""
        raise TargetError(f"the store {store.path} holds no run {run_id!r}{latest}")
    return of_run
