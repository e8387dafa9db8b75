"""`effmod report`: stores as one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import effmod_bench
from effmod_bench.errors import TargetError
from effmod_bench.instrument.clock import utc_now
from effmod_bench.runs.again import bench_command, compare_command
from effmod_bench.runs.plan import RunPlan
from effmod_bench.runs.reproduce import Reproduction
from effmod_bench.runs.stores import by_name
from effmod_bench.screen.advice import ADVICE
from effmod_bench.screen.console import Console
from effmod_bench.suites.views import seen_of, tables_of
from results import Store, StoreError
from results.frame import Contents, read_contents
from results.report.report import Report, ShownStore, shown_store
from results.tables.table import Table


def read_report(console: Console, stores: Sequence[Path], *, select: Sequence[str]) -> Report:
    """What the page of these stores is made of.

    Args:
        stores: their folders; one that is named twice counts where it is first.
        select: patterns of the names of networks and files that are shown; none for all.

    Raises:
        StoreError: a store cannot be read, or holds nothing.
        TargetError: nothing that is there is of these names.
    """
    shown = []
    for number, (name, path) in enumerate(by_name(stores).items()):
        store = Store(path, on_damaged=console.warn)
        contents = read_contents(store)
        if _is_empty(contents):
            raise StoreError(
                f"the store {path} holds no records; 'effmod bench --store {path}' adds some, and so does 'effmod "
                "record add'"
            )
        chosen = contents.selected(select)
        if _is_empty(chosen):
            console.note(f"Left out: the store {path}, which has nothing of {', '.join(select)}")
            continue
        shown.append(_shown(console, number, name, store, chosen))
    if not shown:
        raise TargetError(f"nothing of {', '.join(select)} is there to show; 'effmod show {stores[0]}' says what is")
    return Report(
        stores=tuple(shown),
        advice=dict(ADVICE),
        written_at=utc_now().isoformat(timespec="seconds"),
        version=effmod_bench.__version__,
    )


def _is_empty(contents: Contents) -> bool:
    return not (contents.rounds or contents.pairs or contents.by_hand or contents.profiles)


def _shown(console: Console, number: int, name: str, store: Store, contents: Contents) -> ShownStore:
    # What was asked only says more of what was measured: where it is damaged, the page is whole without it.
    asked = Store(store.path, on_damaged=console.detail)
    runs = {run.id: run for run in asked.read_kind(RunPlan)}
    return shown_store(
        number,
        name,
        contents,
        suites=_suites(asked.read_kind(Reproduction), contents, tuple(runs.values())),
        measure_again=lambda measurement, first: bench_command(measurement, first.plan, runs.get(first.run_id)),
        compare_again=lambda comparison: compare_command(comparison, runs.get(comparison.run_id)),
    )


def _suites(reproductions: Sequence[Reproduction], contents: Contents, runs: Sequence[RunPlan]) -> list[Table[Any]]:
    """The tables of the suites that were reproduced into a store, each as its last reproduction measured it."""
    tables: list[Table[Any]] = []
    latest = {suite.name: (suite, each) for each in reproductions for suite in each.suites}
    for suite, reproduction in latest.values():
        number = reproduction.suites.index(suite)
        own = {step.run.id for step in reproduction.steps if step.suite == number}
        if len(reproduction.suites) == 1:
            own |= {run.id for run in runs if run.reproduction == reproduction.id}
        tables += tables_of(suite, seen_of(suite, contents, run_ids=own))
    return tables
