"""The table of somebody's figures, measured again."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec

from results.records.words import mode_in_words
from results.statistics.comparison import Comparison
from results.statistics.conditions import FILES, Figure, Weight, artifact_of, runtimes_of
from results.statistics.reproduced import Again, Reproduced, Why
from results.statistics.summary import Measurement
from results.tables.columns import hash_column
from results.tables.table import Cell, Column, Shared, Table, differing, settle
from results.tables.words import digits, milliseconds, on_place, on_runtimes, percent

_WHY = {
    Why.WITHIN: "the whole interval lies within the margin",
    Why.HARDWARE: "it is another machine",
    Why.SETTING: "the same machine, set or equipped otherwise",
    Why.OTHER_FILE: "another file, of the same versions or of somebody's own",
    Why.OUTSIDE: "the whole interval lies beyond the margin, and nothing was different that is known to change times",
    Why.HOLDS_MARGIN: "the interval reaches from within the margin to beyond it: more rounds, or a quieter machine",
    Why.TOO_FEW: "fewer than two processes on a side",
    Why.DOUBTFUL: "times or ratios fall in two groups, so that the interval may lie elsewhere the next time",
    Why.MOVED: "beside the anchor it is as before, and by itself it is not: the machine was at another speed",
    Why.PERHAPS: "something was different that may have done it, or is not recorded",
    Why.NOT_MADE: "it could not be measured here",
}


def _detail(key: str, header: str, get: Callable[[Reproduced], Cell]) -> Column[Reproduced]:
    return Column(key=key, header=header, get=get, detail=True)


def _fact(key: str, header: str, get: Callable[[Reproduced], Cell]) -> Column[Reproduced]:
    return Column(key=key, header=header, get=get, fact=True, spare=8)


def _shared(key: str, header: str, get: Callable[[Reproduced], Cell]) -> Column[Reproduced]:
    """What rows usually have in common, and is a column only where they differ in it."""
    return Column(key=key, header=header, get=get, fact=True, detail=True, shared=Shared())


def _p50_ms(figure: Figure | None) -> float | None:
    """The median of a fresh process; of what was timed in turn, that of all its runs."""
    match figure:
        case Comparison():
            return figure.candidate_p50_ms
        case Measurement(latency=latency) if latency is not None:
            return latency.process_p50_ms
    return None


def _in_turn(figure: Figure | None) -> float | None:
    return figure.estimate.ratio if isinstance(figure, Comparison) and figure.estimate else None


def _estimated(name: str, header: str, spare: int) -> Column[Reproduced]:
    return Column(
        key=name,
        header=header,
        get=lambda row: getattr(row.estimate, name) if row.estimate else None,
        show=digits(3),
        spare=spare,
    )


def _cause(row: Reproduced) -> str | None:
    """The likely cause, or the reason; nothing of a figure that is the same."""
    if row.reason is not None:
        return row.reason
    telling = [each for each in row.conditions if each.weight is not Weight.SEEN or each.name in FILES]
    if row.verdict is not Again.REPRODUCED and telling:
        return str(telling[0])
    return str(row.why) if row.verdict is Again.UNDECIDED else None


REPRODUCED_COLUMNS: tuple[Column[Reproduced], ...] = (
    Column(key="name", header="network", get=lambda row: row.name),
    _shared("place_theirs", "place\ntheirs", lambda row: row.theirs.place),
    _shared("place_ours", "place\nhere", lambda row: row.place),
    _fact("form", "form", lambda row: artifact_of(row.theirs).form),
    _fact("batch_size", "batch", lambda row: artifact_of(row.theirs).batch_size),
    _fact("image_size", "image\nsize", lambda row: artifact_of(row.theirs).image_size),
    _fact("threads", "threads", lambda row: row.theirs.threads),
    _shared("runtime", "runtime", lambda row: str(row.theirs.options.runtime)),
    _shared("mode", "mode", lambda row: mode_in_words(row.theirs.options)),
    _fact(
        "beside",
        "timed in turn\nwith",
        lambda row: row.theirs.baseline.name if isinstance(row.theirs, Comparison) else None,
    ),
    _shared(
        "beside_runtime",
        "in turn\nby",
        lambda row: str(row.theirs.plan.options.runtime) if isinstance(row.theirs, Comparison) else None,
    ),
    Column(
        key="theirs_p50_ms", header="theirs\np50 ms", get=lambda row: _p50_ms(row.theirs), show=milliseconds, spare=2
    ),
    Column(key="ours_p50_ms", header="here\np50 ms", get=lambda row: _p50_ms(row.ours), show=milliseconds, spare=2),
    Column(key="theirs_ratio", header="theirs\nratio", get=lambda row: _in_turn(row.theirs), show=digits(3), spare=2),
    Column(key="ours_ratio", header="here\nratio", get=lambda row: _in_turn(row.ours), show=digits(3), spare=2),
    _estimated("ratio", "here /\ntheirs ¹", 0),
    _estimated("low", "95 %\nfrom", 1),
    _estimated("high", "95 %\nto", 1),
    Column(key="anchor", header="through ²", get=lambda row: row.anchor, spare=4),
    Column(key="verdict", header="verdict", get=lambda row: str(row.verdict)),
    Column(key="cause", header="likely cause, or why", get=_cause, spare=5),
    _detail("why", "why", lambda row: str(row.why)),
    _detail("own_ratio", "own time\nratio", lambda row: row.own_ratio),
    hash_column(lambda row: artifact_of(row.theirs).sha256, key="sha256_theirs", header="sha256\ntheirs"),
    hash_column(
        lambda row: artifact_of(row.ours).sha256 if row.ours else None, key="sha256_ours", header="sha256\nhere"
    ),
    hash_column(
        lambda row: row.theirs.baseline.sha256 if isinstance(row.theirs, Comparison) else None,
        key="beside_sha256_theirs",
        header="in turn with\nsha256 theirs",
    ),
    hash_column(
        lambda row: row.ours.baseline.sha256 if isinstance(row.ours, Comparison) else None,
        key="beside_sha256_ours",
        header="in turn with\nsha256 here",
    ),
    _detail("conditions", "not the same", lambda row: "; ".join(map(str, row.conditions)) or None),
    _detail("cpu_theirs", "CPU\ntheirs", lambda row: row.theirs.machine.cpu_model),
    _detail("cpu_ours", "CPU\nhere", lambda row: row.ours.machine.cpu_model if row.ours else None),
    _detail("warnings_theirs", "warnings\ntheirs", lambda row: ", ".join(row.theirs.warnings) or None),
    _detail("warnings_ours", "warnings\nhere", lambda row: (row.ours and ", ".join(row.ours.warnings)) or None),
)


_RAN_BY = {"runtime", "beside_runtime"}


def reproduced_table(rows: Sequence[Reproduced], *, margin: float) -> Table[Reproduced]:
    """A row for each of somebody's figures."""
    telling = differing(REPRODUCED_COLUMNS, rows)
    across = any(len(runtimes_of(row.theirs)) > 1 for row in rows)
    columns = settle(REPRODUCED_COLUMNS, rows, telling=telling | _RAN_BY if across else telling)
    if across:  # what one file takes on two runtimes is nothing without their names
        columns = tuple(msgspec.structs.replace(c, spare=0) if c.key in _RAN_BY else c for c in columns)
    return Table(
        rows=tuple(rows),
        columns=columns,
        notes=tuple(_notes(rows, margin)),
        title="Somebody's figures, measured again here",
        name="reproduced",
    )


def _notes(rows: Sequence[Reproduced], margin: float) -> list[str]:
    counts = [(verdict, sum(row.verdict is verdict for row in rows)) for verdict in Again]
    notes = [f"Of {len(rows)}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts if count) + "."]
    notes.append(
        "¹ our time over theirs, with its 95 % interval over processes, and over runs where there are several. "
        f"Reproduced: all of it lies within {percent(margin)} (--margin)."
    )
    if any(row.anchor for row in rows):
        notes.append("² through an anchor: the ratio of the two ratios to it, each timed in turn with it.")
    labelled = list(zip(_labels(rows), rows, strict=True))
    by_reason: dict[Why, list[str]] = defaultdict(list)
    for label, row in labelled:
        if row.verdict in (Again.UNDECIDED, Again.DIFFERS, Again.EXPLAINED):
            by_reason[row.why].append(label)
    notes += [f"{_verdict(why, rows)}, since {_WHY[why]}: {_names(names)}." for why, names in by_reason.items()]
    found: dict[str, list[str]] = defaultdict(list)
    for label, row in labelled:
        for each in row.conditions:
            found[str(each)].append(label)
    measured = sum(row.ours is not None for row in rows)
    for words, names in found.items():
        of = "" if len(names) == measured else f" ({_names(names)})"
        notes.append(f"Not the same: {words}{of}.")
    return notes


def _labels(rows: Sequence[Reproduced]) -> list[str]:
    """What messages call each row: its name, where it was measured, and by what, as far as that tells rows apart."""
    names = [on_place(row.name, row.place or row.theirs.place) for row in rows]
    return on_runtimes(names, [row.theirs.options.runtime for row in rows])


def _verdict(why: Why, rows: Sequence[Reproduced]) -> str:
    return str(next(row.verdict for row in rows if row.why is why)).capitalize()


def _names(names: Sequence[str]) -> str:
    once = list(dict.fromkeys(names))
    return ", ".join(once[:6]) + (f" and {len(once) - 6} more" if len(once) > 6 else "")
