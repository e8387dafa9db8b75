"""The table of what differs between two stores."""

from collections.abc import Callable, Sequence

from results.records.words import cores_in_words, mode_in_words
from results.statistics.difference import Difference
from results.statistics.summary import Measurement
from results.tables.columns import RATIO_COLUMNS, hash_column
from results.tables.fed import given_in_short
from results.tables.gates import GATE_COLUMNS, gate_note
from results.tables.protocol import DIFFERENCE_PROTOCOL
from results.tables.table import Cell, Column, Shared, Table, differing, settle
from results.tables.words import digits, labels, look_alike, milliseconds, on_place


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
        Column(key=f"anchor_ratio_{side}", header=f"time / anchor's\n{side}", get=anchored, show=digits(3), spare=5),
        Column(
            key=f"process_p50_{side}_ms",
            header=f"p50 by round\n{side}",
            get=process_p50_ms,
            show=milliseconds,
            spare=5,
        ),
    )


def _p50(side: str) -> Column[Difference]:
    def p50_ms(row: Difference) -> float | None:
        latency = getattr(row, side).latency
        return latency.p50_ms if latency else None

    return Column(key=f"p50_{side}_ms", header=f"{side}\np50 ms", get=p50_ms, show=milliseconds, detail=True)


def _place(side: str) -> tuple[Column[Difference], ...]:
    """Where a side was measured: columns where rows differ in the board or the cores."""
    return (
        _fact(f"place_{side}", f"place\n{side}", lambda row: getattr(row, side).place, shared=Shared()),
        _fact(
            f"affinity_{side}",
            f"cores\n{side}",
            lambda row: cores_in_words(getattr(row, side).machine.affinity),
            shared=Shared(),
        ),
        Column(
            key=f"cpu_{side}", header=f"CPU\n{side}", get=lambda row: getattr(row, side).machine.cpu_model, detail=True
        ),
    )


def _warnings(side: str, spare: int) -> Column[Difference]:
    return Column(
        key=f"warnings_{side}",
        header=f"warnings\n{side}",
        get=lambda row: ", ".join(getattr(row, side).warnings) or None,
        spare=spare,
    )


DIFFERENCE_COLUMNS: tuple[Column[Difference], ...] = (
    Column(key="name", header="network", get=lambda row: row.after.name),
    *(
        hash_column(
            lambda row, side=side: getattr(row, side).artifact.sha256,  # type: ignore[misc]
            key=f"sha256_{side}",
            header=f"sha256\n{side}",
            fact=True,
        )
        for side in ("before", "after")
    ),
    _fact("form", "form", lambda row: row.after.artifact.form, spare=6),
    _fact("batch_size", "batch", lambda row: row.after.batch_size, spare=8),
    _fact("image_size", "image\nsize", lambda row: row.after.artifact.image_size, spare=8),
    _fact("threads", "threads", lambda row: row.after.threads, spare=8),
    _fact("device", "device", lambda row: str(row.after.device), shared=Shared()),
    _fact("runtime", "runtime", lambda row: str(row.after.options.runtime), shared=Shared()),
    _fact("mode", "mode", lambda row: mode_in_words(row.after.options), shared=Shared()),
    *_place("before"),
    *_place("after"),
    _fact("fed", "fed", lambda row: given_in_short(row.after.artifact), shared=Shared()),
    *(column for pair in zip(_of_side("before"), _of_side("after"), strict=True) for column in pair),
    _p50("before"),
    _p50("after"),
    *RATIO_COLUMNS,
    *GATE_COLUMNS,
    Column(key="own_ratio", header="own time\nratio ³", get=lambda row: row.own_ratio, show=digits(3), spare=2),
    Column(key="anchor", header="through ²", spare=3, get=lambda row: row.anchor or "p50"),
    Column(key="same_file", header="file", spare=4, get=lambda row: "same" if row.same_file else "changed"),
    _warnings("before", 7),
    _warnings("after", 7),
    *DIFFERENCE_PROTOCOL,
)


def difference_table(rows: Sequence[Difference]) -> Table[Difference]:
    """The table of what differs between two stores, which have a row in common."""
    telling = differing(DIFFERENCE_COLUMNS, rows)
    if any(look_alike(getattr(row, side).artifact for row in rows) for side in ("before", "after")):
        telling |= {"sha256_before", "sha256_after"}
    columns = settle(DIFFERENCE_COLUMNS, rows, telling=telling)
    return Table(rows=tuple(rows), columns=columns, notes=tuple(_notes(rows)), name="differences")


def difference_labels(rows: Sequence[Difference]) -> list[str]:
    """The names of rows, told from each other."""
    names = labels([row.after.artifact for row in rows])
    return [on_place(name, row.after.place) for name, row in zip(names, rows, strict=True)]


def _notes(rows: Sequence[Difference]) -> list[str]:
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
    if any(row.own_ratio for row in rows):
        notes.append(
            "³ its own time beside the anchor, in the second store over that in the first: what slows the anchor down "
            "as much shows here alone."
        )
    machines = [list(dict.fromkeys(str(m.machine.cpu_model) for m in side)) for side in zip(*pairs, strict=True)]
    if machines[0] != machines[1]:
        notes.append(f"Two machines: {', '.join(machines[0])} before, {', '.join(machines[1])} after.")
    for what, get in (("places", _place_name), ("cores", _cores), ("warm-up runs", lambda m: str(m.warmup_runs))):
        before, after = (", ".join(dict.fromkeys(get(m) for m in side)) for side in zip(*pairs, strict=True))
        if before != after:
            notes.append(f"Other {what}: {before} before, {after} after.")
    return [*notes, *gate_note(list(zip(difference_labels(rows), (row.gate for row in rows), strict=True)))]


def _place_name(measurement: Measurement) -> str:
    return measurement.place or "effmod's own machine"


def _cores(measurement: Measurement) -> str:
    return cores_in_words(measurement.machine.affinity) or "unknown"
