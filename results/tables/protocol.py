"""How rows were measured: columns for programs, which people find above a table or in its notes."""

from collections.abc import Callable
from typing import Any

from results.records.plan import ComparisonPlan
from results.statistics.comparison import Comparison
from results.statistics.difference import Difference
from results.statistics.summary import Measurement
from results.statistics.tuning import Trial
from results.tables.table import Cell, Column
from results.tables.words import digits


def _detail(key: str, header: str, get: Callable[[Any], Cell]) -> Column[Any]:
    return Column(key=key, header=header, get=get, detail=True)


def _interval_level(get: Callable[[Any], float | None], *, anchored: bool = False) -> Column[Any]:
    """How often such an interval holds the truth."""
    key, header = ("anchor_interval_level", "anchor's\nlevel") if anchored else ("interval_level", "interval's\nlevel")
    return Column(key=key, header=header, get=get, show=digits(3), detail=True)


def _of_pairs(key: str, header: str, get: Callable[[ComparisonPlan], Cell]) -> Column[Measurement]:
    """What was asked of the processes that timed a row in turn with the anchor."""
    return _detail(f"anchor_{key}", f"anchor's\n{header}", lambda row: get(row.anchored.plan) if row.anchored else None)


MEASUREMENT_PROTOCOL: tuple[Column[Measurement], ...] = (
    _interval_level(lambda row: row.interval_level if row.latency and row.latency.process_p50_interval_ms else None),
    _detail("seeds", "seeds", lambda row: ", ".join(map(str, row.seeds))),
    _detail("run_ids", "runs' ids", lambda row: ", ".join(row.run_ids)),
    _detail("measured_s", "measured\nover s", lambda row: row.measured_s),
    _detail(
        "anchor_processes",
        "anchor's\nprocesses",
        lambda row: len(row.anchored.process_ratios) if row.anchored and row.anchored.runs else None,
    ),
    _detail("anchor_runs", "anchor's\nruns", lambda row: (row.anchored.runs or None) if row.anchored else None),
    _of_pairs("warmup_runs", "warm-up", lambda plan: plan.warmup_runs),
    _of_pairs("blocks", "blocks", lambda plan: plan.blocks),
    _of_pairs("until", "until", lambda plan: plan.until),
    _of_pairs("seed", "seed", lambda plan: plan.seed),
    _interval_level(
        lambda row: 1 - row.anchored.estimate.error if row.anchored and row.anchored.estimate else None,
        anchored=True,
    ),
    _detail("anchor_measured_s", "anchor's\nover s", lambda row: row.anchored.measured_s if row.anchored else None),
    _detail(
        "anchor_earlier_runs",
        "anchor's\nearlier runs",
        lambda row: row.anchored.earlier_runs if row.anchored and row.anchored.estimate else None,
    ),
    _detail(
        "anchor_between_runs",
        "anchor's\nbetween runs",
        lambda row: row.anchored.estimate.between_runs if row.anchored and row.anchored.estimate else None,
    ),
)

COMPARISON_PROTOCOL: tuple[Column[Comparison], ...] = (
    _detail("blocks", "blocks", lambda row: row.plan.blocks),
    _detail("until", "until", lambda row: row.plan.until),
    _detail("until_decided", "until\ndecided", lambda row: row.plan.until_decided),
    _detail("spread_s", "spread\nover s", lambda row: row.plan.spread_s),
    _detail("max_time_s", "time,\nat most", lambda row: row.plan.max_time_s),
    _detail("seed", "seed", lambda row: row.plan.seed),
    _interval_level(lambda row: 1 - row.estimate.error if row.estimate else None),
    _detail("measured_s", "measured\nover s", lambda row: row.measured_s),
    _detail("earlier_runs", "earlier\nruns", lambda row: row.earlier_runs),
    _detail("between_runs", "between\nruns", lambda row: row.estimate.between_runs if row.estimate else None),
)

TUNING_PROTOCOL: tuple[Column[Trial], ...] = (
    _interval_level(lambda row: 1 - row.estimate.error if row.estimate and row.processes else None),
    _detail("runs", "runs\nof each", lambda row: row.runs or None),
    _detail("warmup_runs", "warm-up\nruns", lambda row: row.warmup_runs),
    _detail("seed", "seed", lambda row: row.seed),
)


def _of_side(side: int, name: str) -> tuple[Column[Difference], ...]:
    def column(key: str, header: str, get: Callable[[Measurement], Cell]) -> Column[Difference]:
        return _detail(f"{key}_{name}", f"{header}\n{name}", lambda row: get(getattr(row, name)))

    return (
        _detail(f"processes_{name}", f"processes\n{name}", lambda row: row.processes[side]),
        column("runs", "runs", lambda one: one.latency.runs if one.latency else None),
        column("rounds", "rounds", lambda one: one.latency.rounds if one.latency else None),
        column("warmup_runs", "warm-up", lambda one: one.warmup_runs),
        column("seeds", "seeds", lambda one: ", ".join(map(str, one.seeds))),
        column("run_ids", "runs' ids", lambda one: ", ".join(one.run_ids)),
    )


DIFFERENCE_PROTOCOL: tuple[Column[Difference], ...] = (
    _interval_level(lambda row: 1 - row.estimate.error if row.estimate else None),
    *_of_side(0, "before"),
    *_of_side(1, "after"),
)
