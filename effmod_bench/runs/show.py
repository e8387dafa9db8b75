"""`effmod show`: the tables of a store, each from records of its own kind."""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from effmod_bench.errors import TargetError
from effmod_bench.options.output import Shown
from effmod_bench.options.profile import By
from effmod_bench.runs.stated import with_stated
from effmod_bench.screen.comparisons import print_comparisons
from effmod_bench.screen.console import Console
from effmod_bench.screen.measurements import print_measurements
from effmod_bench.screen.nodes import print_nodes
from effmod_bench.screen.profiles import print_profiles
from effmod_bench.screen.reproductions import SINGLE, print_tables
from effmod_bench.suites import find_suite
from effmod_bench.suites.views import seen_of, tables_of
from results import Measurement, Profile, Store, StoreError, compare, summarise
from results.frame import Contents, read_contents
from results.statistics.nodes import by_kind
from results.statistics.timed import TimedPair, TimedRound
from results.tables.by_hand import hand_entry_table
from results.tables.comparisons import comparison_table
from results.tables.measurements import measurement_table
from results.tables.nodes import nodes_table
from results.tables.profile_plans import blank_plan_tables
from results.tables.profiles import blank_difference_table, blank_profile_tables, profiles_table
from results.tables.table import Table
from results.tables.write import OutputFormat

# What a store lacks, and the command that would add some.
_MISSING = {
    None: ("records", "bench"),
    Shown.MEASUREMENTS: ("measurements", "bench"),
    Shown.NODES: ("measurements on two nodes of one kind", "bench --on ray://HEAD:10001 --nodes 2"),
    Shown.COMPARISONS: ("comparisons", "compare A B"),
    Shown.BY_HAND: ("figures entered by hand", "record add"),
    Shown.PROFILES: ("profiles", "profile NETWORK"),
}
# Which columns each has, before there are rows.
_COLUMNS: dict[Shown, Callable[[Sequence[Any]], Table[Any]]] = {
    Shown.MEASUREMENTS: measurement_table,
    Shown.NODES: nodes_table,
    Shown.COMPARISONS: comparison_table,
    Shown.BY_HAND: hand_entry_table,
    Shown.PROFILES: profiles_table,
}


def show_store(
    console: Console,
    store: Store,
    output_format: OutputFormat,
    *,
    only: Shown | None,
    run_id: str | None = None,
    top1: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Print a store's tables, or only one of them. JSON and CSV hold one table, the first that is there.

    Args:
        run_id: of the run that is shown by itself; None for all that is there.
        top1: what the user states, in percent, by name.

    Raises:
        TargetError: there is no such run, or as `with_stated`.
        StoreError: the store cannot be read, or holds nothing of what was asked for.
    """
    contents = with_stated(_read_runs(store, run_id), top1, say=console.note)
    benched = {record.run_id for record in contents.rounds}
    # The pairs of a bench's run stand beside its measurements already.
    alone = {
        pair.run_id
        for pair in contents.pairs
        if run_id in (None, pair.run_id) and (only is not None or pair.run_id not in benched)
    }
    of_rounds = only in (None, Shown.MEASUREMENTS, Shown.NODES)
    measured = summarise(contents.rounds, contents.pairs, contents.accuracies) if of_rounds else []
    tables: dict[Shown, tuple[Collection[Any], Callable[[Any], None]]] = {
        Shown.MEASUREMENTS: (measured, lambda rows: _print(console, rows, output_format)),
        Shown.NODES: (by_kind(measured), lambda _: print_nodes(console, measured, output_format)),
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
        Shown.PROFILES: (
            contents.profiles,
            lambda records: print_profiles(console, records, output_format, whole=run_id is not None),
        ),
    }
    filled = [kind for kind, (found, _) in tables.items() if found and only in (None, kind)]
    if not filled:
        what, command = _MISSING[only]
        of_run = "" if run_id is None else f" of run {run_id}"
        raise StoreError(
            f"the store {store.path} holds no {what}{of_run}; 'effmod {command} --store {store.path}' adds some"
        )
    shown = filled[:1] if output_format in SINGLE else filled
    console.expect(*(blank for kind in shown for blank in _blanks(kind, output_format, of_run=run_id is not None)))
    for kind in shown:
        found, show = tables[kind]
        show(found)
    if len(shown) < len(filled):
        console.note(f"Left out: {', '.join(filled[1:])}; --only prints one of them")


def _blanks(kind: Shown, output_format: OutputFormat, *, of_run: bool) -> tuple[Table[Any], ...]:
    """What is shown of a kind, without rows; of a run, its profiles are shown whole."""
    if kind is Shown.PROFILES and of_run:
        return (
            *blank_profile_tables(By.MODULE, output_format),
            blank_difference_table(By.MODULE, output_format),
            *blank_plan_tables(By.MODULE, output_format),
        )
    return (_COLUMNS[kind](()),)


def show_table(
    console: Console,
    store: Store,
    output_format: OutputFormat,
    table: str,
    *,
    run_id: str | None = None,
    top1: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Print what a store holds of a table or figure of the paper, as that.

    Args:
        table: by its number, or the name of its suite.
        run_id: of the run that is shown by itself; None for all that is there.
        top1: what the user states, in percent, by name.

    Raises:
        TargetError: there is no such table, or no such run, or as `with_stated`.
        StoreError: the store cannot be read, or holds no measurement of the table's networks.
    """
    suite = find_suite(table)
    seen = seen_of(suite, with_stated(_read_runs(store, run_id), top1, say=console.note))
    tables = tables_of(suite, seen)
    if not tables:
        raise StoreError(
            f"the store {store.path} holds nothing of the paper's {suite.shows or table}; "
            f"'effmod reproduce {suite.name} --store {store.path}' adds it"
        )
    console.expect(*(tables[:1] if output_format in SINGLE else tables), without_rows=False)
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
        profiles=tuple(each for each in contents.profiles if each.run_id == run_id),
        accuracies=contents.accuracies,
    )
    kinds: tuple[Sequence[TimedRound | TimedPair | Profile], ...] = (contents.rounds, contents.pairs, contents.profiles)
    runs = {each.run_id for kind in kinds for each in kind}
    if run_id not in runs:
        latest_first = sorted(runs, reverse=True)  # an id begins with the time
        latest = f"; the latest are {', '.join(latest_first[:3])}" if latest_first else ""
        raise TargetError(f"the store {store.path} holds no run {run_id!r}{latest}")
    return of_run
