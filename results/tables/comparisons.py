"""The table of what was timed in turn."""

import math
from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec

from results.records.artifact import TimedArtifact
from results.records.plan import RUNTIME_NAMES, Runtime
from results.records.words import mode_in_words
from results.statistics.comparison import Comparison
from results.statistics.estimate import Verdict
from results.statistics.feeds import InputDependence
from results.tables.columns import (
    MACHINE_DETAILS,
    RATIO_COLUMNS,
    core_columns,
    hash_column,
    machine_details,
    runtime_column,
)
from results.tables.fed import differently_fed, fed_column, fed_notes
from results.tables.gates import GATE_COLUMNS, gate_note
from results.tables.protocol import COMPARISON_PROTOCOL
from results.tables.remarks import of_baseline, of_candidate, remark_columns, remark_notes
from results.tables.subnormals import subnormal_columns, subnormal_notes
from results.tables.table import Cell, Column, Note, Shared, Table, differing, settle, told_apart_by
from results.tables.words import (
    ARTIFACT_FACTS,
    candidate_labels,
    look_alike,
    milliseconds,
    percent,
    span_in_words,
)


def _of_artifact(prefix: str, artifact: Callable[[Comparison], TimedArtifact]) -> tuple[Column[Comparison], ...]:
    """What tells them apart, and their hash; shown where the rows, or the two of a row, differ in it."""
    of, spare = ("compared\n", 2) if prefix else ("", 0)
    return (
        hash_column(lambda row: artifact(row).sha256, key=f"{prefix}sha256", header=f"{of}sha256"),
        *(
            Column(
                key=f"{prefix}{key}",
                header=of + header,
                spare=spare,
                get=lambda row, key=key: getattr(artifact(row), key),  # type: ignore[misc]
                detail=True,
                fact=not prefix,
            )
            for key, header in ARTIFACT_FACTS.items()
        ),
    )


def _setting(key: str, header: str, get: Callable[[Comparison], Cell]) -> Column[Comparison]:
    """What all rows usually share, and is a column where they differ in it."""
    return Column(key=key, header=header, get=get, detail=True, fact=True, shared=Shared())


def _fed(differing: Collection[str] = ()) -> Column[Comparison]:
    return fed_column(lambda row: row.candidate, differing=differing)


def _dependence(
    prefix: str, of: str, get: Callable[[Comparison], InputDependence | None]
) -> tuple[Column[Comparison], ...]:
    """What the time was for one input and for another, where it depends on it."""

    def column(key: str, header: str) -> Column[Comparison]:
        return Column(
            key=f"{prefix}{key}",
            header=of + header,
            spare=5,
            get=lambda row: getattr(get(row), key, None),
            show=milliseconds,
        )

    return column("fed_ms", "as fed ms"), column("other_ms", "other ms")


# What says something of how the two times compare.
_OF_RATIO = ("ratio", "low", "high", "difference", "verdict", "half_width", "gate")
_RAN_BY = {"runtime", "baseline_runtime"}
# What stands above the table; where rows differ in one of these, all of them are columns.
_TITLED = {"threads", "place", "cpu_model", "gpu", "runtime"}

COMPARISON_COLUMNS: tuple[Column[Comparison], ...] = (
    Column(
        key="name",
        header="network",
        get=lambda row: row.candidate.name + (" (control)" if row.control else ""),
        mark=lambda row: of_candidate(row).marks,
    ),
    _setting("place", "place", lambda row: row.place),
    *_of_artifact("", lambda row: row.candidate),
    runtime_column(lambda row: row.options.runtime),
    Column(key="mode", header="mode", spare=1, get=lambda row: mode_in_words(row.options), fact=True),
    Column(
        key="baseline",
        header="compared with",
        spare=1,
        get=lambda row: row.baseline.name,
        mark=lambda row: of_baseline(row).marks,
    ),
    runtime_column(lambda row: row.plan.options.runtime, key="baseline_runtime", header="compared\nruntime"),
    Column(
        key="baseline_mode",
        header="compared\nmode",
        spare=1,
        get=lambda row: mode_in_words(row.plan.options) if row.plan.target_options else None,
    ),
    *_of_artifact("baseline_", lambda row: row.baseline),
    *RATIO_COLUMNS,
    *GATE_COLUMNS,
    Column(
        key="half_width",
        header="half\nwidth",
        spare=6,
        get=lambda row: row.estimate and row.estimate.half_width,
        show=percent,
        detail=True,
    ),
    Column(key="candidate_p50_ms", header="p50\nms", spare=2, get=lambda row: row.candidate_p50_ms, show=milliseconds),
    Column(
        key="baseline_p50_ms",
        header="compared\np50 ms",
        spare=3,
        get=lambda row: row.baseline_p50_ms,
        show=milliseconds,
    ),
    Column(key="processes", header="pro-\ncesses", spare=4, get=lambda row: row.processes),
    Column(key="runs", header="runs\nof each", spare=5, get=lambda row: row.runs),
    _setting("threads", "threads", lambda row: row.threads),
    _setting("cpu_model", "CPU", lambda row: row.machine.cpu_model),
    _setting("gpu", "GPU", lambda row: row.gpu),
    *core_columns(lambda row: row.machine),
    _setting("warmup_runs", "warm-up\nruns", lambda row: row.plan.warmup_runs),
    Column(
        key="versions",
        header="versions",
        get=lambda row: ", ".join(f"{name} {version}" for name, version in row.machine.versions.items()),
        detail=True,
        fact=True,
    ),
    *machine_details(lambda row: row.machine),
    Column(key="device", header="device", get=lambda row: str(row.plan.device), detail=True),
    Column(key="apart", header="apart", get=lambda row: row.apart or None, detail=True),
    Column(key="margin", header="margin", get=lambda row: row.plan.margin, show=percent, detail=True),
    *COMPARISON_PROTOCOL,
    Column(key="run_id", header="run", spare=7, get=lambda row: row.run_id, detail=True),
    _fed(),
    fed_column(lambda row: row.baseline, key="baseline_fed", header="compared\nfed"),
    *_dependence("", "", lambda row: row.candidate_input_dependence),
    *_dependence("baseline_", "compared\n", lambda row: row.baseline_input_dependence),
    *subnormal_columns(lambda row: row.candidate_subnormals),
    *subnormal_columns(lambda row: row.baseline_subnormals, prefix="baseline_"),
    *remark_columns(of_candidate),
    *remark_columns(of_baseline, prefix="baseline_", words="compared\n"),
    Column(key="warnings", header="warnings", spare=6, get=lambda row: ", ".join(row.warnings) or None),
    Column(key="failures", header="failed", spare=4, get=lambda row: "; ".join(dict.fromkeys(row.failures)) or None),
)


def comparison_table(comparisons: Sequence[Comparison]) -> Table[Comparison]:
    """The table of what was timed in turn."""
    title = _title(comparisons)
    seen = [row for row in comparisons if row.machine.is_seen] or comparisons
    telling = differing(COMPARISON_COLUMNS, seen) | (_TITLED if title is None else set())
    if any(row.plan.until is not None for row in comparisons):
        telling.add("half_width")
    artifacts = [artifact for row in comparisons for artifact in (row.candidate, row.baseline)]
    for key in ARTIFACT_FACTS:
        if len({getattr(artifact, key) for artifact in artifacts}) > 1:
            telling |= {key, f"baseline_{key}"}
    if look_alike(artifacts):
        telling |= {"sha256", "baseline_sha256"}
    if len(_runtimes(comparisons)) > 1:
        telling |= _RAN_BY
    shown = telling | {"mode", "baseline"}
    details = {"versions", "fed", *MACHINE_DETAILS}
    telling |= told_apart_by(COMPARISON_COLUMNS, comparisons, telling=shown, details=details)
    telling |= told_apart_by(COMPARISON_COLUMNS, comparisons, telling=shown | telling, details={"run_id"})
    fed = _fed(differently_fed(row.candidate for row in comparisons))
    columns = settle([fed if c.key == "fed" else c for c in COMPARISON_COLUMNS], comparisons, telling=telling)
    # What one file takes on two runtimes is no comparison without their names.
    columns = tuple(msgspec.structs.replace(c, spare=0) if c.key in telling & _RAN_BY else c for c in columns)
    return Table(
        rows=tuple(comparisons), columns=columns, notes=tuple(_notes(comparisons)), title=title, name="comparisons"
    )


def _title(comparisons: Sequence[Comparison]) -> str | None:
    """The settings that all rows share; None where they differ in one."""
    settings = {(row.place, row.gpu, row.machine.cpu_model, row.threads) for row in comparisons}
    if len(settings) != 1:
        return None
    ((place, gpu, cpu_model, threads),) = settings
    runtimes = _runtimes(comparisons)
    # Of several, each row says its own.
    provider = RUNTIME_NAMES[runtimes.pop()] if len(runtimes) == 1 else None
    on_threads = f"{threads} thread{'s' if threads != 1 else ''}"
    return ", ".join(filter(None, (place, gpu, cpu_model, provider, on_threads, "timed in turn")))


def _runtimes(comparisons: Sequence[Comparison]) -> set[Runtime]:
    """All that ran anything, but the one that nobody need be told of."""
    found = {runtime for row in comparisons for runtime in (row.options.runtime, row.plan.options.runtime)}
    return found - {Runtime.ONNXRUNTIME} if len(found) == 1 else found


def _notes(comparisons: Sequence[Comparison]) -> Iterator[str]:
    if any(row.estimate for row in comparisons):
        yield (
            f"¹ its time over the time of what it is compared with, {_in_turn(comparisons)}: at 0.981 it takes "
            "1.9 % less time, and is called 1.9 % faster."
        )
    yield from _spans(comparisons)
    if any(row.estimate and row.verdict is Verdict.NOT_DISTINGUISHABLE for row in comparisons):
        margins = sorted({row.plan.margin for row in comparisons})
        yield Note(
            "Not distinguishable: the interval holds 1, or the difference is below "
            f"{' or '.join(map(percent, margins))}.",
            "difference",
            "verdict",
        )
    yield from gate_note(list(zip(candidate_labels(comparisons), (row.gate for row in comparisons), strict=True)))
    yield from fed_notes(artifact for row in comparisons for artifact in (row.baseline, row.candidate))
    sides = (
        ((row.baseline, row.baseline_subnormals), (row.candidate, row.candidate_subnormals)) for row in comparisons
    )
    yield from subnormal_notes(side for both in sides for side in both)
    yield from remark_notes(of(row) for row in comparisons for of in (of_baseline, of_candidate))


def _in_turn(comparisons: Sequence[Comparison]) -> str:
    apart = {row.apart for row in comparisons if row.estimate}
    one, own = "both in one process, in turn", "each in processes of its own, by turns"
    if len(apart) == 1:
        return own if apart.pop() else one
    rows = zip(candidate_labels(comparisons), comparisons, strict=True)
    return f"{one}, or for {', '.join(name for name, row in rows if row.apart)} {own}"


def _spans(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """What the intervals speak for."""
    rows = [row for row in comparisons if row.estimate]
    times = [row.measured_s for row in rows if row.measured_s is not None]
    if not times:
        return
    learnt = max(row.earlier_runs for row in rows)
    yield Note(
        f"An interval speaks for {span_in_words(times, 'the processes', learnt, of=' of the pair')}."
        + (
            ""
            if learnt
            else " At another time the ratio may be another one; the same command, run again then, takes that in."
        ),
        *_OF_RATIO,
    )
    for name, row in zip(candidate_labels(comparisons), comparisons, strict=True):
        between = row.estimate.between_runs if row.estimate else 0.0
        if between > row.plan.margin:
            yield Note(
                f"The ratio of {name} differs from run to run by {percent(math.expm1(between))} (standard deviation), "
                "which more processes do not narrow.",
                *_OF_RATIO,
            )
