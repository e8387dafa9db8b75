"""The table of what was timed in turn."""

from collections.abc import Callable, Sequence

import msgspec

from results.records.artifact import TimedArtifact
from results.records.plan import Runtime
from results.statistics.comparison import Comparison
from results.statistics.estimate import Verdict
from results.tables.table import Column, Table, fact
from results.tables.words import (
    ARTIFACT_FACTS,
    RUNTIME_NAMES,
    difference_in_words,
    digits,
    look_alike,
    milliseconds,
    mode_in_words,
    percent,
    short_hash,
)


def _estimated(name: str, header: str) -> Column[Comparison]:
    return Column(
        key=name,
        header=header,
        get=lambda row: getattr(row.estimate, name) if row.estimate else None,
        show=digits(3),
    )


def _of_artifact(prefix: str, artifact: Callable[[Comparison], TimedArtifact]) -> tuple[Column[Comparison], ...]:
    """What tells them apart, and their hash; shown where the rows, or the two of a row, differ in it."""
    of, spare = ("compared\n", 2) if prefix else ("", 0)
    return (
        Column(
            key=f"{prefix}sha256",
            header=f"{of}sha256",
            get=lambda row: artifact(row).sha256,
            show=short_hash,
            detail=True,
        ),
        *(
            Column(
                key=f"{prefix}{key}",
                header=of + header,
                spare=spare,
                get=lambda row, key=key: getattr(artifact(row), key),  # type: ignore[misc]
                detail=True,
            )
            for key, header in ARTIFACT_FACTS.items()
        ),
    )


COMPARISON_COLUMNS: tuple[Column[Comparison], ...] = (
    Column(
        key="name",
        header="network",
        get=lambda row: row.candidate.name + (" (control)" if row.control else ""),
    ),
    *_of_artifact("", lambda row: row.candidate),
    Column(key="mode", header="mode", spare=1, get=lambda row: mode_in_words(row.options)),
    Column(key="baseline", header="compared with", spare=1, get=lambda row: row.baseline.name),
    *_of_artifact("baseline_", lambda row: row.baseline),
    _estimated("ratio", "time\nratio ¹"),
    _estimated("low", "95 %\nfrom"),
    _estimated("high", "95 %\nto"),
    Column(key="difference", header="verdict", get=difference_in_words),
    Column(key="verdict", header="verdict", get=lambda row: row.verdict and str(row.verdict), detail=True),
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
    Column(key="threads", header="threads", get=lambda row: row.threads, detail=True),
    Column(key="cpu_model", header="CPU", get=lambda row: row.machine.cpu_model, detail=True),
    Column(key="gpu", header="GPU", get=lambda row: row.gpu, detail=True),
    Column(key="device", header="device", get=lambda row: str(row.plan.device), detail=True),
    Column(
        key="runtime",
        header="runtime",
        get=lambda row: str(row.plan.options.runtime),
        show=lambda value: RUNTIME_NAMES[Runtime(value)],
        detail=True,
    ),
    Column(key="margin", header="margin", get=lambda row: row.plan.margin, show=percent, detail=True),
    Column(key="run_id", header="run", get=lambda row: row.run_id, detail=True),
    Column(key="warnings", header="warnings", spare=6, get=lambda row: ", ".join(row.warnings) or None),
    Column(key="failures", header="failed", spare=4, get=lambda row: "; ".join(dict.fromkeys(row.failures)) or None),
)


_SETTINGS = ("threads", "cpu_model", "gpu", "runtime")
# What makes two rows different ones, apart from what they have in common.
_COMPARISON_FACTS = (*ARTIFACT_FACTS, "mode", *_SETTINGS)


def comparison_table(comparisons: Sequence[Comparison]) -> Table[Comparison]:
    """The table of what was timed in turn."""
    settings = {(row.gpu, row.machine.cpu_model, row.plan.options.runtime, row.threads) for row in comparisons}
    title = None
    if len(settings) == 1:
        ((gpu, cpu_model, runtime, threads),) = settings
        provider = None if runtime is Runtime.ONNXRUNTIME else RUNTIME_NAMES[runtime]
        on_threads = f"{threads} thread{'s' if threads != 1 else ''}"
        title = ", ".join(filter(None, (gpu, cpu_model, provider, on_threads, "timed in turn")))
    telling = set(_SETTINGS) if title is None else set()
    if any(row.plan.until is not None for row in comparisons):
        telling.add("half_width")
    artifacts = [artifact for row in comparisons for artifact in (row.candidate, row.baseline)]
    for key in ARTIFACT_FACTS:
        if len({getattr(artifact, key) for artifact in artifacts}) > 1:
            telling |= {key, f"baseline_{key}"}
    if look_alike(artifacts):
        telling |= {"sha256", "baseline_sha256"}
    columns = tuple(
        fact(column, COMPARISON_COLUMNS, comparisons, shown=not column.detail or column.key in telling)
        if column.key in _COMPARISON_FACTS
        else msgspec.structs.replace(column, detail=column.detail and column.key not in telling)
        for column in COMPARISON_COLUMNS
    )
    notes = []
    if any(row.estimate for row in comparisons):
        notes.append(
            "¹ its time over the time of what it is compared with, both in one process, in turn: at 0.981 it takes "
            "1.9 % less time, and is called 1.9 % faster."
        )
    margins = sorted({row.plan.margin for row in comparisons})
    if any(row.estimate and row.verdict is Verdict.NOT_DISTINGUISHABLE for row in comparisons):
        notes.append(
            "Not distinguishable: the interval holds 1, or the difference is below "
            f"{' or '.join(map(percent, margins))}."
        )
    return Table(rows=tuple(comparisons), columns=columns, notes=tuple(notes), title=title)
