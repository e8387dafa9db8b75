"""What a suite's measurements are shown as."""

import fnmatch
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import msgspec

from effmod_bench.suites import suite_of_table
from effmod_bench.suites.packages import Package, packages_table
from effmod_bench.suites.suite import Suite, View
from effmod_bench.targets.names import is_file
from models.dense.spec import is_dense
from results import Comparison, HandEntry, Measurement, compare, summarise
from results.frame import Contents
from results.statistics.repeated import repeated
from results.tables.by_hand import hand_entry_table
from results.tables.comparisons import comparison_table
from results.tables.downstream import downstream_table
from results.tables.measurements import measurement_table
from results.tables.repeated import batch_table, repeated_table
from results.tables.reproductions import reproduction_table
from results.tables.scaling import scaling_table
from results.tables.table import Table


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to show of a suite.

    Attributes:
        contents: the records.
        measurements, comparisons: of them, those that are the suite's.
        by_hand: what was entered of its networks.
        others: of the measurements, those of other networks.
        packages: of the view of these.
    """

    contents: Contents
    measurements: tuple[Measurement, ...]
    comparisons: tuple[Comparison, ...] = ()
    by_hand: tuple[HandEntry, ...] = ()
    others: tuple[Measurement, ...] = ()
    packages: tuple[Package, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the suite is there."""
        return not (self.measurements or self.comparisons or self.by_hand or self.packages)


def tables_of(suite: Suite, seen: Seen) -> list[Table[Any]]:
    """The tables of a suite, the main one first; none where nothing of it was measured."""
    tables = _VIEWS[suite.view](suite, seen) if not seen.is_empty else []
    if seen.comparisons and suite.view is not View.PAIRS:
        tables += _pairs(suite, seen)
    if seen.others:
        others = measurement_table(seen.others)
        title = f"Not of the paper's {suite.shows}" if suite.shows else "Of other networks"
        tables.append(msgspec.structs.replace(others, title=title, subtitle=others.title))
    if tables and suite.notes:
        tables[0] = msgspec.structs.replace(tables[0], notes=(*tables[0].notes, *suite.notes))
    return tables


def seen_of(suite: Suite, contents: Contents, *, run_ids: AbstractSet[str] | None = None) -> Seen:
    """What of a store is shown as a suite.

    Args:
        run_ids: the runs that are all of it; None for what is of its networks, whatever run measured that.
    """
    names = [name for measuring in suite.measure for name in suite.networks_of(measuring)]
    patterns = [Path(name).name if is_file(name) else name for name in names]

    def is_named(name: str) -> bool:
        return any(name == each or fnmatch.fnmatchcase(name, each) for each in patterns)

    every = summarise(contents.rounds, contents.pairs)
    benched = {record.run_id for record in contents.rounds}
    comparisons = [each for each in compare(contents.pairs) if each.run_id not in benched]
    if run_ids is not None:
        own = [m for m in every if not run_ids.isdisjoint(m.run_ids)]
        comparisons = [each for each in comparisons if each.run_id in run_ids]
    else:
        own = [m for m in every if is_named(m.name)]
        comparisons = [each for each in comparisons if is_named(each.baseline.name) and is_named(each.candidate.name)]
    return Seen(
        contents=contents,
        measurements=tuple(own),
        comparisons=tuple(comparisons),
        by_hand=tuple(each for each in contents.by_hand if is_named(each.name)),
        others=tuple(m for m in every if m not in own) if run_ids is None else (),
    )


def table_of(measurements: Sequence[Measurement], table: str | None) -> Table[Any]:
    """The table that measurements are shown as: that of the paper which is named, or our own."""
    return measurement_table(measurements) if table is None else _of_paper(suite_of_table(table), measurements)


def _of_paper(suite: Suite, measurements: Sequence[Measurement]) -> Table[Any]:
    """A table of the paper, from measurements on one device."""
    measured = {m.name for m in measurements}
    papers = [paper for device in dict.fromkeys(m.device for m in measurements) for paper in suite.papers(device)]
    return reproduction_table(
        suite.heading,
        measurements,
        papers,
        not_measured=[name for name in suite.networks() if name not in measured],
        source=suite.published,
        shown=suite.columns,
    )


def _latencies(suite: Suite, seen: Seen) -> list[Table[Any]]:
    """A table a device, since the paper's figures of one say nothing of another."""
    devices = dict.fromkeys(m.device for m in seen.measurements)
    by_device = [[m for m in seen.measurements if m.device is device] for device in devices]
    if suite.tables:
        return [_of_paper(suite, own) for own in by_device]
    tables = [measurement_table(own) for own in by_device]
    return [msgspec.structs.replace(table, title=suite.heading, subtitle=table.title) for table in tables]


def _pairs(suite: Suite, seen: Seen) -> list[Table[Any]]:
    table = comparison_table(seen.comparisons)
    return [msgspec.structs.replace(table, title=suite.heading, subtitle=table.title)]


def _scaling(suite: Suite, seen: Seen) -> list[Table[Any]]:
    tables: list[Table[Any]] = []
    for measuring in suite.measure:
        names = suite.networks_of(measuring)
        swept = [m for m in seen.measurements if m.name in names]
        for device in dict.fromkeys(m.device for m in swept):
            own = [m for m in swept if m.device is device]
            along = measuring.along.replace("-", "_")
            tables.append(scaling_table(own, along=along, over=measuring.over, title=suite.heading))
    return tables


def _downstream(suite: Suite, seen: Seen) -> list[Table[Any]]:  # noqa: ARG001 - as every view
    dense = [m for m in seen.measurements if is_dense(m.name)]
    devices = dict.fromkeys(m.device for m in dense)
    return [downstream_table([m for m in dense if m.device is device]) for device in devices]


def _tests(suite: Suite, seen: Seen) -> list[Table[Any]]:
    batches = {m.artifact.sha256 for m in seen.measurements if m.batch_size > 1}
    several = {m.name for m in seen.measurements if m.batch_size > 1}
    single = [m for m in seen.measurements if m.batch_size == 1]
    tables: list[Table[Any]] = []
    if single:
        tables.append(repeated_table(suite.heading, repeated(single, seen.contents.rounds)))
    if batches:
        swept = sorted((m for m in seen.measurements if m.name in several), key=lambda m: m.batch_size)
        tables.append(batch_table(f"{suite.heading}, by batch size", swept))
    return tables


def _packages(suite: Suite, seen: Seen) -> list[Table[Any]]:
    tables = _latencies(suite, seen)
    if seen.packages:
        tables.insert(0, packages_table(suite.heading, seen.packages, source=suite.published))
    return [*tables, *([hand_entry_table(seen.by_hand)] if seen.by_hand else [])]


_VIEWS: dict[View, Callable[[Suite, Seen], list[Table[Any]]]] = {
    View.LATENCIES: _latencies,
    View.PAIRS: _pairs,
    View.SCALING: _scaling,
    View.DOWNSTREAM: _downstream,
    View.TESTS: _tests,
    View.PACKAGES: _packages,
}
