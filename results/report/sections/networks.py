"""A section for each measurement, closed at first: its runs, and all that is known of how they were measured."""

from collections.abc import Iterable
from typing import Any

import msgspec

from results.records.artifact import ArtifactSource
from results.records.environment import Environment
from results.records.measured import Outcome
from results.records.words import short_hash
from results.report.rendering import joined, render
from results.report.report import Measured, Report
from results.report.runs import runs_figure
from results.statistics.latency import median_run_ms
from results.statistics.summary import Measurement
from results.statistics.timed import TimedRound
from results.tables.accuracy import ACCURACY_COLUMNS, PUBLISHED_TOP1
from results.tables.measurements import MEASUREMENT_COLUMNS
from results.tables.table import Column
from results.tables.words import counted, milliseconds, percent

# Points of all plots together: a page of thousands of measurements is still one that a browser opens.
_POINTS = 60_000
_FEWEST_POINTS, _MOST_POINTS = 30, 500

# The facts by what they are of; what is added to the table of measurements comes last.
_GROUPS = {
    "The network and its file": (
        "form",
        "sha256",
        "weights",
        "params",
        "macs",
        "image_size",
        "batch_size",
        "inputs",
        "fed",
        "format",
        "opset",
        "specification_version",
        "source",
        "size_bytes",
    ),
    "Accuracy": tuple(column.key for column in ACCURACY_COLUMNS),
    "The machine": (
        "place",
        "cpu_model",
        "gpu",
        "gpu_driver",
        "os",
        "architecture",
        "physical_cores",
        "logical_cores",
        "available_cores",
        "affinity",
        "cpu_quota",
        "smt",
        "memory_bytes",
        "memory_limit_bytes",
        "swap_bytes",
        "versions",
        "gpu_versions",
    ),
    "The protocol": (
        "device",
        "runtime",
        "compute_units",
        "mode",
        "threads",
        "warmup_runs",
        "runs",
        "rounds",
        "seeds",
        "measured_s",
        "run_ids",
        "anchor",
        "anchor_sha256",
        "anchor_processes",
        "anchor_runs",
    ),
}
_SAID_ELSEWHERE = ("name", "warnings", "failures", "indistinct_from", "anchor_indistinct_from")
_OF_OWN_ACCURACY = {column.key for column in ACCURACY_COLUMNS} - {PUBLISHED_TOP1}
_BYTES = {"memory_bytes", "memory_limit_bytes", "swap_bytes"}

Fact = tuple[str, str, bool]
"""Its name, itself, and whether it is published."""


class _Round(msgspec.Struct, frozen=True):
    """A row of the table of rounds."""

    started: str
    runs: int
    p50_ms: str
    first_ms: str
    other_load: str
    clock: str
    outcome: str


def section(report: Report) -> str | None:
    """None where nothing was measured."""
    points = _POINTS // max(1, len(report.measured))
    points = min(max(points, _FEWEST_POINTS), _MOST_POINTS)
    several = len(report.stores) > 1
    return joined(
        render(
            "networks.html",
            store=store.name if several else None,
            networks=[_network(each, points) for each in store.measured],
        )
        for store in report.stores
        if store.measured
    )


def _network(measured: Measured, points: int) -> str:
    m = measured.measurement
    good = [each for each in measured.rounds if each.outcome is Outcome.OK]
    return render(
        "network.html",
        key=measured.key,
        name=measured.label,
        p50=f"{milliseconds(m.latency.p50_ms)} ms" if m.latency else "failed",
        brief=_brief(m),
        figure=runs_figure(good, points, measured.label).html(is_hidden=True) if good else "",
        rounds=[_round(each) for each in measured.rounds],
        groups=_facts(m),
        warnings=m.warnings,
        failures=list(dict.fromkeys(m.failures)),
        is_exported=m.artifact.source is ArtifactSource.ZOO and m.artifact.format != "pytorch",
        command=measured.command,
    )


def _brief(measurement: Measurement) -> str:
    """What tells it from others of its name, in the line that opens its section."""
    facts = (
        measurement.artifact.form and f"{measurement.artifact.form} form",
        measurement.threads and counted(measurement.threads, "thread"),
        f"batch {measurement.batch_size}",
        measurement.artifact.image_size and f"{measurement.artifact.image_size} px",
    )
    return ", ".join(str(fact) for fact in facts if fact)


def _round(record: TimedRound) -> _Round:
    p50 = median_run_ms([record.durations_ns]) if record.outcome is Outcome.OK else None
    first = record.first_inference_ns
    return _Round(
        started=f"{record.started_at[:19].replace('T', ' ')}",
        runs=len(record.durations_ns),
        p50_ms=milliseconds(p50) if p50 else "",
        first_ms=milliseconds(first / 1e6) if first else "",
        other_load=_other_load(record.environment),
        clock=_clock(record.environment),
        outcome="failed" if record.outcome is Outcome.FAILED else "not settled" if record.steady is False else "fine",
    )


def _other_load(environment: Environment) -> str:
    """The share of all cores' time that other programs took."""
    conditions, cores = environment.conditions, environment.machine.logical_cores
    if conditions is None or conditions.other_cpu_s is None or not cores or not conditions.elapsed_s:
        return ""
    return percent(conditions.other_cpu_s / conditions.elapsed_s / cores)


def _clock(environment: Environment) -> str:
    conditions = environment.conditions
    found = conditions and (conditions.frequency_after_mhz or conditions.frequency_before_mhz)
    return f"{found:.0f}" if found else ""


def _facts(measurement: Measurement) -> dict[str, list[Fact]]:
    """All columns that are filled, whether a table has room for them or not."""
    columns = {column.key: column for column in MEASUREMENT_COLUMNS if column.key not in _SAID_ELSEWHERE}
    named = {key for keys in _GROUPS.values() for key in keys}
    groups: dict[str, list[Fact]] = {
        "Latency": [fact for key, column in columns.items() if key not in named for fact in _fact(column, measurement)]
    }
    for title, keys in _GROUPS.items():
        groups[title] = [fact for key in keys for fact in _fact(columns[key], measurement)]
    groups["The machine"] += _more_of_machine(measurement)
    return {title: facts for title, facts in groups.items() if facts}


def _fact(column: Column[Measurement], measurement: Measurement) -> Iterable[Fact]:
    value = column.get(measurement)
    if value is None or (column.key in _OF_OWN_ACCURACY and measurement.own_accuracy is None):
        return  # what the paper alone says of accuracy is told once, as published
    if column.key in _BYTES:
        text = f"{float(value) / 1e9:.1f} GB"
    elif column.show is short_hash or column.key == "fed":
        text = str(value)  # whole, where there is room
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, float) and column.show is str:
        text = f"{value:.6g}"
    else:
        text = column.show(value)
    yield column.label_alone.strip(" ¹²³⁴⁵⁹"), text, column.published


def _more_of_machine(measurement: Measurement) -> Iterable[Fact]:
    session = measurement.session
    facts: dict[str, Any] = {
        "frequency governor": measurement.machine.governor,
        "effmod's commit": measurement.machine.effmod_commit,
        "ran by": session and f"{session.runtime}, {session.execution_provider}",
        "operators": session and session.nodes and "; ".join(map(_operators, session.nodes.items())),
    }
    yield from ((name, str(value), False) for name, value in facts.items() if value)


def _operators(item: tuple[str, dict[str, int]]) -> str:
    processor, kinds = item
    return f"{sum(kinds.values())} on {processor}"
