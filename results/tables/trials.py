"""The table of what `effmod tune` tried."""

from collections.abc import Callable, Sequence

from results.records.plan import RUNTIME_NAMES, Runtime
from results.statistics.estimate import Estimate
from results.statistics.tuning import Trial
from results.tables.columns import hash_column
from results.tables.protocol import TUNING_PROTOCOL
from results.tables.table import Column, Table
from results.tables.words import digits


def _speed(key: str, header: str, get: Callable[[Estimate], float]) -> Column[Trial]:
    return Column(
        key=key,
        header=header,
        get=lambda row: get(row.estimate.speed) if row.estimate else None,
        show=digits(3),
    )


TUNING_COLUMNS: tuple[Column[Trial], ...] = (
    Column(key="name", header="candidate", get=lambda row: row.name),
    _speed("speed", "speed ¹", lambda speed: speed.ratio),
    _speed("low", "95 %\nfrom", lambda speed: speed.low),
    _speed("high", "95 %\nto", lambda speed: speed.high),
    Column(key="processes", header="pro-\ncesses", spare=3, get=lambda row: row.processes or None),
    Column(
        key="relative_error",
        header="relative\nerror ²",
        spare=2,
        get=lambda row: row.relative_error,
        show=lambda value: f"{value:.1e}",
    ),
    Column(key="top1", header="top-1\n%", spare=1, get=lambda row: row.top1, show=digits(2)),
    Column(key="decision", header="outcome", get=lambda row: str(row.decision)),
    Column(key="reason", header="why", get=lambda row: row.reason),
    Column(
        key="runtime",
        header="runtime",
        get=lambda row: str(row.options.runtime),
        show=lambda value: RUNTIME_NAMES[Runtime(value)],
        detail=True,
    ),
    Column(key="file", header="file", get=lambda row: row.file, detail=True),
    hash_column(lambda row: row.sha256),
    *TUNING_PROTOCOL,
)


def _in_turn(trials: Sequence[Trial]) -> str:
    pytorch = {row.options.runtime for row in trials if row.estimate} & {Runtime.PYTORCH, Runtime.TORCH_COMPILE}
    return "both timed in turn in one process" + (", or in PyTorch each in processes of its own" if pytorch else "")


def tuning_table(trials: Sequence[Trial], title: str) -> Table[Trial]:
    """The table of what was tried, the baseline first."""
    baseline = f"the {trials[0].name} file" if trials else "the baseline"
    notes = [
        f"¹ how many times as fast as {baseline}, {_in_turn(trials)}.",
        "² the largest difference of an output, over the largest output.",
    ]
    unequal = [row.name for row in trials if row.estimate and not row.equal]
    if unequal:
        notes.append(f"Not equal, whatever their speed: {', '.join(unequal)}.")
    return Table(rows=tuple(trials), columns=TUNING_COLUMNS, notes=tuple(notes), title=title, name="candidates")
