"""The table of what differs between two stores."""

from collections.abc import Callable, Sequence

from results.statistics.difference import Difference
from results.statistics.summary import Measurement
from results.tables.columns import RATIO_COLUMNS
from results.tables.fed import given_in_short
from results.tables.protocol import DIFFERENCE_PROTOCOL
from results.tables.table import Cell, Column, Shared, Table, differing, settle
from results.tables.words import cores_in_words, digits, milliseconds, mode_in_words


def _fact(
    key: str, header: str, get: Callable[[Difference], Cell], *, spare: int = 0, shared: Shared | None = None
) -> Column[Difference]:
    """What the two measurements of a row have in common, and rows may differ in."""
    return Column(key=key, header=header, get=get, detail=shared is not None, spare=spare, fact=True, shared=shared)


def _of_side(side: str) -> tuple[Column[Difference], ...]:
    """What a row's ratio is the quotient of: its time over its anchor's, or its own time."""

    def anchored(row: Difference) -> float | None:
        found = getattr(row, side).anchored
        return found.estimate.ratio if row.anchor and found.estimate else None

    def process_p50_ms(row: Difference) -> float | None:
        latency = getattr(row, side).latency
        return latency.process_p50_ms if latency and row.anchor is None else None

    return (
        Column(key=f"anchor_ratio_{side}", header=f"time / anchor's\n{side}", get=anchored, show=digits(3), spare=3),
        Column(
            key=f"process_p50_{side}_ms",
            header=f"p50 by round\n{side}",
            get=process_p50_ms,
            show=milliseconds,
            spare=3,
        ),
    )


def _p50(side: str) -> Column[Difference]:
    def p50_ms(row: Difference) -> float | None:
        latency = getattr(row, side).latency
        return latency.p50_ms if latency else None

    return Column(key=f"p50_{side}_ms", header=f"{side}\np50 ms", get=p50_ms, show=milliseconds, detail=True)


DIFFERENCE_COLUMNS: tuple[Column[Difference], ...] = (
    Column(key="name", header="network", get=lambda row: row.after.name),
    _fact("form", "form", lambda row: row.after.artifact.form, spare=4),
    _fact("batch_size", "batch", lambda row: row.after.batch_size, spare=5),
    _fact("image_size", "image\nsize", lambda row: row.after.artifact.image_size, spare=5),
    _fact("threads", "threads", lambda row: row.after.threads, spare=5),
    _fact("device", "device", lambda row: str(row.after.device), shared=Shared()),
    _fact("runtime", "runtime", lambda row: str(row.after.options.runtime), shared=Shared()),
    _fact("mode", "mode", lambda row: mode_in_words(row.after.options), shared=Shared()),
    _fact("fed", "fed", lambda row: given_in_short(row.after.artifact), shared=Shared()),
    *(column for pair in zip(_of_side("before"), _of_side("after"), strict=True) for column in pair),
    _p50("before"),
    _p50("after"),
    *RATIO_COLUMNS,
    Column(key="anchor", header="through ²", spare=2, get=lambda row: row.anchor or "p50"),
    Column(key="same_file", header="file", spare=3, get=lambda row: "same" if row.same_file else "changed"),
    Column(key="cpu_before", header="CPU\nbefore", get=lambda row: row.before.machine.cpu_model, detail=True),
    Column(key="cpu_after", header="CPU\nafter", get=lambda row: row.after.machine.cpu_model, detail=True),
    *DIFFERENCE_PROTOCOL,
)


def difference_table(rows: Sequence[Difference]) -> Table[Difference]:
    """The table of what differs between two stores, which have a row in common."""
    pairs = [(row.before, row.after) for row in rows]
    notes = ["¹ the time in the second store over that in the first, with its 95 % interval over processes."]
    if any(row.anchor for row in rows):
        notes.append("² through an anchor: the ratio of the two ratios to it, each timed in turn with it.")
    if any(row.anchor is None for row in rows):
        notes.append(
            "² p50: the anchor itself, or a row without the same anchor's file in both stores: the medians of rounds "
            "are compared, two runs of different times, and what the machine did otherwise is in their ratio. 'effmod "
            "bench --anchor NAME' adds an anchor."
        )
    machines = [list(dict.fromkeys(str(m.machine.cpu_model) for m in side)) for side in zip(*pairs, strict=True)]
    if machines[0] != machines[1]:
        notes.append(f"Two machines: {', '.join(machines[0])} before, {', '.join(machines[1])} after.")
    for what, get in (("cores", _cores), ("warm-up runs", lambda m: str(m.warmup_runs))):
        before, after = (", ".join(dict.fromkeys(get(m) for m in side)) for side in zip(*pairs, strict=True))
        if before != after:
            notes.append(f"Other {what}: {before} before, {after} after.")
    columns = settle(DIFFERENCE_COLUMNS, rows, telling=differing(DIFFERENCE_COLUMNS, rows))
    return Table(rows=tuple(rows), columns=columns, notes=tuple(notes))


def _cores(measurement: Measurement) -> str:
    return cores_in_words(measurement.machine.affinity) or "unknown"
