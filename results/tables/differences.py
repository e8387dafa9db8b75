"""The table of what differs between two stores."""

from collections.abc import Sequence

from results.statistics.difference import Difference
from results.tables.table import Column, Table, fact
from results.tables.words import difference_in_words, digits, milliseconds, mode_in_words


def _change(name: str, header: str) -> Column[Difference]:
    return Column(
        key=name,
        header=header,
        get=lambda row: getattr(row.estimate, name) if row.estimate else None,
        show=digits(3),
    )


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
    Column(key="form", header="form", spare=4, get=lambda row: row.after.artifact.form),
    Column(key="batch_size", header="batch", spare=5, get=lambda row: row.after.batch_size),
    Column(key="image_size", header="image\nsize", spare=5, get=lambda row: row.after.artifact.image_size),
    Column(key="threads", header="threads", spare=5, get=lambda row: row.after.threads),
    Column(key="device", header="device", get=lambda row: str(row.after.device), detail=True),
    Column(key="runtime", header="runtime", get=lambda row: str(row.after.options.runtime), detail=True),
    Column(key="mode", header="mode", get=lambda row: mode_in_words(row.after.options), detail=True),
    *(column for pair in zip(_of_side("before"), _of_side("after"), strict=True) for column in pair),
    _p50("before"),
    _p50("after"),
    _change("ratio", "time\nratio ¹"),
    _change("low", "95 %\nfrom"),
    _change("high", "95 %\nto"),
    Column(key="difference", header="verdict", get=difference_in_words),
    Column(key="verdict", header="verdict", get=lambda row: row.verdict and str(row.verdict), detail=True),
    Column(key="anchor", header="through ²", spare=2, get=lambda row: row.anchor or "p50"),
    Column(key="same_file", header="file", spare=3, get=lambda row: "same" if row.same_file else "changed"),
    Column(key="cpu_before", header="CPU\nbefore", get=lambda row: row.before.machine.cpu_model, detail=True),
    Column(key="cpu_after", header="CPU\nafter", get=lambda row: row.after.machine.cpu_model, detail=True),
)


_DIFFERENCE_FACTS = ("form", "batch_size", "image_size", "threads", "device", "runtime", "mode")


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
    columns = tuple(
        fact(column, DIFFERENCE_COLUMNS, rows, shown=not column.detail or len({column.get(row) for row in rows}) > 1)
        if column.key in _DIFFERENCE_FACTS
        else column
        for column in DIFFERENCE_COLUMNS
    )
    return Table(rows=tuple(rows), columns=columns, notes=tuple(notes))
