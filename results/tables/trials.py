"""The table of what `effmod tune` tried."""

from collections.abc import Callable, Sequence

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
    Column(key="file", header="file", get=lambda row: row.file, detail=True),
    hash_column(lambda row: row.sha256),
    *TUNING_PROTOCOL,
)


def tuning_table(trials: Sequence[Trial], title: str) -> Table[Trial]:
    """The table of what was tried, the baseline first."""
    notes = [
        f"¹ how many times as fast as the {trials[0].name} file, both timed in turn in one process.",
        "² the largest difference of an output, over the largest output.",
    ]
    unequal = [row.name for row in trials if row.estimate and not row.equal]
    if unequal:
        notes.append(f"Not equal, whatever their speed: {', '.join(unequal)}.")
    return Table(rows=tuple(trials), columns=TUNING_COLUMNS, notes=tuple(notes), title=title)
