"""`effmod diff`: two stores, row by row."""

from collections.abc import Iterable
from pathlib import Path

from effmod_bench.console import Console
from effmod_bench.errors import ExitCode
from effmod_bench.targets import TargetError
from results import Measurement, Store, read_measurements
from results.comparison import is_slower
from results.difference import differences, row_key
from results.tables import OutputFormat, difference_in_words, difference_table, percent


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
        fail_if_slower: by how much a row may be slower in the second, as a share; None for any.

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
        keys = [row_key(measurement) for measurement in mine]
        alone = {m.name for m, key in zip(mine, keys, strict=True) if key not in set(map(row_key, others))}
        if alone:
            console.note(f"Only in {store}: {_listed(alone, mine)}")
        repeated = {m.name for m, key in zip(mine, keys, strict=True) if keys.count(key) > 1}
        if repeated:
            console.note(
                f"{store} has several of {_listed(repeated, mine)}, of other machines or files: the last counts"
            )
    if fail_if_slower is None:
        return ExitCode.OK
    too_slow = [row for row in rows if is_slower(row.estimate, row.verdict, fail_if_slower)]
    for row in too_slow:
        console.error(
            f"{row.after.name} is {difference_in_words(row)} in {after} than in {before}; --fail-if-slower allows "
            f"{percent(fail_if_slower)}"
        )
    return ExitCode.CHECK_FAILED if too_slow else ExitCode.OK


def _listed(names: set[str], measurements: Iterable[Measurement]) -> str:
    return ", ".join(dict.fromkeys(m.name for m in measurements if m.name in names))
