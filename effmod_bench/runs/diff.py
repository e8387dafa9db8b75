"""`effmod diff`: two stores, row by row."""

from collections.abc import Sequence
from pathlib import Path

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.screen.advice import say_warnings
from effmod_bench.screen.console import Console
from effmod_bench.screen.gates import Gated, holds
from results import Measurement, Store, read_measurements
from results.records.words import cores_in_words
from results.statistics.difference import Difference, differences_of
from results.statistics.partners import Partners, find_partners
from results.tables.differences import difference_labels, difference_table
from results.tables.words import counted, labels, on_place
from results.tables.write import OutputFormat


def diff_stores(
    console: Console,
    before: Path,
    after: Path,
    output_format: OutputFormat,
    *,
    margin: float,
    fail_if_slower: float | None,
    undecided_pass: bool = False,
) -> ExitCode:
    """Print how the second store's measurements differ from the first one's.

    Args:
        fail_if_slower: by how much a row may be slower in the second, as a share; None for any. A row of the first
            that cannot be judged fails as well.
        undecided_pass: a row of which nobody can say whether it is that much slower does not fail.

    Raises:
        StoreError: a store cannot be read, or holds no measurements.
        TargetError: the two have no row in common.
    """
    partners = find_partners(*(read_measurements(Store(path, on_damaged=console.warn)) for path in (before, after)))
    rows = differences_of(partners.pairs, margin=margin, limit=fail_if_slower)
    if not rows:
        raise TargetError(
            f"{before} and {after} have no row in common: the same file, or one of the same name and form, in the same "
            "format, batch, image size and threads, on the same device, by the same runtime with the same settings"
        )
    console.table(difference_table(rows), output_format)
    names = difference_labels(rows)
    _say_warnings(console, names, rows, (before, after))
    _say_besides(console, partners, (before, after))
    if fail_if_slower is None:
        return ExitCode.OK
    gated = [_gated(name, row, (before, after)) for name, row in zip(names, rows, strict=True)]
    passed = holds(console, gated, undecided_pass=undecided_pass)
    elsewhere = {row.after.name for row in rows}
    told_apart = labels([row.artifact for row in (*partners.lost, *(row.before for row in rows))])
    for name, row in zip(told_apart, partners.lost, strict=False):
        cores = cores_in_words(row.machine.affinity)
        of_cores = f", on cores {cores}" if cores and row.name in elsewhere else ""
        console.error(
            f"{on_place(name, row.place)} cannot be judged: {after} has no row of it in the same format, form, batch, "
            f"image size, threads and mode{on_place('', row.place)}{of_cores}"
        )
    return ExitCode.OK if passed and not partners.lost else ExitCode.CHECK_FAILED


def _say_warnings(
    console: Console, names: Sequence[str], rows: Sequence[Difference], stores: tuple[Path, Path]
) -> None:
    """What makes either side doubtful, each warning once."""
    found = []
    for name, row in zip(names, rows, strict=True):
        before, after = row.before.warnings, row.after.warnings
        found.append((name, [warning for warning in before if warning in after]))
        found.append((f"{name} in {stores[0]}", [warning for warning in before if warning not in after]))
        found.append((f"{name} in {stores[1]}", [warning for warning in after if warning not in before]))
    say_warnings(console, found)


def _say_besides(console: Console, partners: Partners, stores: tuple[Path, Path]) -> None:
    """What of a store is not in the table, or stands there beside another than one might think."""
    for store, alone in zip(stores, (partners.lost, partners.added), strict=True):
        if alone:
            console.note(f"Only in {store}: {_names(alone)}")
    for store, repeated in zip(stores, partners.repeated, strict=True):
        if repeated:
            console.note(
                f"{store} has several of {_names(repeated)} on the same cores, of other versions or warm-ups: the last "
                "counts"
            )
    if partners.by_order:
        console.note(
            f"Several files of one name have changed ({_names(partners.by_order)}): they are compared in the order in "
            "which they were measured"
        )
    sides = (
        [pair[0] for pair in partners.pairs] + list(partners.lost),
        [pair[1] for pair in partners.pairs] + list(partners.added),
    )
    for store, side in zip(stores, sides, strict=True):
        said = dict.fromkeys((on_place(row.name, row.place), failure) for row in side for failure in row.failures)
        for name, failure in said:
            console.warn(f"{name}: failed in {store}: {failure}")


def _names(rows: Sequence[Measurement]) -> str:
    return ", ".join(dict.fromkeys(on_place(row.name, row.place) for row in rows))


def _gated(name: str, row: Difference, stores: tuple[Path, Path]) -> Gated:
    before, after = stores
    assert row.gate is not None
    return Gated(
        name=name,
        gate=row.gate,
        estimate=row.estimate,
        than=f"in {after} than in {before}",
        lacks=f"{_lack(row, before, after)}, and --fail-if-slower needs two or more in each store",
        more=None if row.gate.more is None else _more(row, row.gate.more),
        own_ratio=row.own_ratio,
    )


def _more(row: Difference, count: int) -> str:
    """So many rounds more, or processes beside the anchor, and the option that has effmod make them."""
    together = max(row.processes) + count
    if row.anchor is None:
        return f"{counted(count, 'more round')} in each store (--rounds {together})"
    return (
        f"{counted(count, 'more process', 'more processes')} beside {row.anchor} in each store (--processes {together})"
    )


def _lack(row: Difference, before: Path, after: Path) -> str:
    """Of how few processes a row has figures that could be compared."""
    beside = f" beside {row.anchor}" if row.anchor else ""
    return " and ".join(
        f"{store} has {'a single process' if count else 'no process'} of it{beside} that did not fail"
        for store, count in zip((before, after), row.processes, strict=True)
        if count < 2
    )
