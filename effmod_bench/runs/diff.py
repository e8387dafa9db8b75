"""`effmod diff`: two stores, row by row."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.screen.console import Console
from results import Measurement, Store, read_measurements
from results.statistics.difference import Difference, differences, row_key
from results.statistics.estimate import is_slower
from results.tables.differences import difference_table
from results.tables.words import difference_in_words, percent
from results.tables.write import OutputFormat


def diff_stores(
    console: Console,
    before: Path,
    after: Path,
    output_format: OutputFormat,
    *,
    margin: float,
    fail_if_slower: float | None,
) -> ExitCode:
    """Print how the second store's measurements differ from the first one's.

    Args:
        fail_if_slower: by how much a row may be slower in the second, as a share; None for any. A row of the first
            that cannot be judged fails as well.

    Raises:
        StoreError: a store cannot be read, or holds no measurements.
        TargetError: the two have no row in common.
    """
    old, new = (read_measurements(Store(path, on_damaged=console.warn)) for path in (before, after))
    rows = differences(old, new, margin=margin)
    if not rows:
        raise TargetError(
            f"{before} and {after} have no row in common: the same network, form, batch, image size and threads, on "
            "the same device, by the same runtime with the same settings"
        )
    console.table(difference_table(rows), output_format)
    for store, mine, others in ((before, old, new), (after, new, old)):
        _say_besides(console, store, mine, others)
    if fail_if_slower is None:
        return ExitCode.OK
    stores = before, after
    objections = [*_objections(rows, stores, fail_if_slower), *(_missing(name, after) for name in _alone(old, new))]
    for objection in objections:
        console.error(objection)
    return ExitCode.CHECK_FAILED if objections else ExitCode.OK


def _say_besides(console: Console, store: Path, mine: Sequence[Measurement], others: Sequence[Measurement]) -> None:
    """What of a store is not in the table."""
    keys = [row_key(measurement) for measurement in mine]
    if alone := _alone(mine, others):
        console.note(f"Only in {store}: {', '.join(alone)}")
    repeated = dict.fromkeys(m.name for m, key in zip(mine, keys, strict=True) if keys.count(key) > 1)
    if repeated:
        console.note(
            f"{store} has several of {', '.join(repeated)}, of other machines, cores, warm-ups or files: the last "
            "counts"
        )
    for measurement in mine:
        for failure in dict.fromkeys(measurement.failures):
            console.warn(f"{measurement.name}: failed in {store}: {failure}")


def _objections(rows: Sequence[Difference], stores: tuple[Path, Path], limit: float) -> Iterator[str]:
    """What is slower than allowed, then what nobody can say that of."""
    before, after = stores
    for row in rows:
        if is_slower(row.estimate, row.verdict, limit):
            yield (
                f"{row.after.name} is {difference_in_words(row)} in {after} than in {before}; --fail-if-slower allows "
                f"{percent(limit)}"
            )
    for row in rows:
        if row.estimate is None:
            yield (
                f"{row.after.name} cannot be judged: {_lack(row, before, after)}, and --fail-if-slower needs two or "
                "more in each store"
            )


def _missing(name: str, after: Path) -> str:
    return (
        f"{name} cannot be judged: {after} has no row of it in the same format, form, batch, image size, threads "
        "and mode"
    )


def _alone(mine: Sequence[Measurement], others: Sequence[Measurement]) -> list[str]:
    """The names of rows that the other store has not, each once."""
    keys = set(map(row_key, others))
    return list(dict.fromkeys(measurement.name for measurement in mine if row_key(measurement) not in keys))


def _lack(row: Difference, before: Path, after: Path) -> str:
    """Of how few processes a row has figures that could be compared."""
    beside = f" beside {row.anchor}" if row.anchor else ""
    return " and ".join(
        f"{store} has {'a single process' if count else 'no process'} of it{beside} that did not fail"
        for store, count in zip((before, after), row.processes, strict=True)
        if count < 2
    )
