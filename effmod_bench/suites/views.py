"""What a suite's measurements are shown as."""

import fnmatch
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress
from pathlib import Path
from typing import Any

import msgspec

from effmod_bench.suites import suite_of_table
from effmod_bench.suites.packages import Package, packages_table
from effmod_bench.suites.suite import Suite, View
from effmod_bench.targets.names import is_file
from models.dense.spec import is_dense
from models.zoo import named
from results import Comparison, Device, HandEntry, Measurement, Round, compare, summarise
from results.frame import Contents
from results.statistics.nodes import by_kind
from results.statistics.repeated import repeated
from results.statistics.summary import grouped
from results.statistics.timed import TimedRound
from results.tables.by_hand import hand_entry_table
from results.tables.comparisons import comparison_table
from results.tables.downstream import downstream_table
from results.tables.measurements import measurement_table
from results.tables.nodes import nodes_table
from results.tables.repeated import batch_table, repeated_table
from results.tables.reproductions import reproduction_table
from results.tables.scaling import scaling_table
from results.tables.table import Table


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to show of a suite.

    Attributes:
        measurements, comparisons: those that are the suite's.
        rounds: of each of these measurements.
        by_hand: what was entered of its networks.
        others: of the measurements, those of other networks.
        packages: of the view of these.
    """

    measurements: tuple[Measurement, ...] = ()
    rounds: tuple[Sequence[Round | TimedRound], ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    by_hand: tuple[HandEntry, ...] = ()
    others: tuple[Measurement, ...] = ()
    packages: tuple[Package, ...] = ()


def tables_of(suite: Suite, seen: Seen) -> list[Table[Any]]:
    """The tables of a suite, the main one first; none where nothing of it was measured.

    What it has no place for stands in one of its own: nothing that was measured is dropped in silence.
    """
    tables = _VIEWS[suite.view](suite, seen)
    if suite.view is not View.PAIRS:
        tables += _pairs(suite, seen)
    if not tables:
        return []
    kinds = by_kind(seen.measurements)
    tables += [nodes_table(kinds)] if kinds else []
    tables[0] = msgspec.structs.replace(tables[0], notes=(*tables[0].notes, *suite.notes))
    shown = [getattr(row, "measurement", row) for table in tables for row in table.rows]
    if left := [m for m in (*seen.measurements, *seen.others) if m not in shown]:
        others = measurement_table(left)
        title = f"Not of the paper's {suite.shows}" if suite.shows else "Of other networks"
        tables.append(msgspec.structs.replace(others, title=title, subtitle=others.title))
    return [msgspec.structs.replace(table, name=suite.name) for table in tables]


def seen_of(suite: Suite, contents: Contents, *, run_ids: AbstractSet[str] | None = None) -> Seen:
    """What of a store is shown as a suite.

    Args:
        run_ids: the runs that are all of it; None for what is of its networks, whatever run measured that.
    """
    is_named = _named([*suite.networks(), *(name for each in suite.measure for name in each.networks)])
    every = summarise(contents.rounds, contents.pairs, contents.accuracies)
    benched = {record.run_id for record in contents.rounds}
    comparisons = [each for each in compare(contents.pairs) if each.run_id not in benched]
    if run_ids is not None:
        is_own = [not run_ids.isdisjoint(m.run_ids) for m in every]
        comparisons = [each for each in comparisons if each.run_id in run_ids]
    else:
        is_own = [is_named(m.name) for m in every]
        comparisons = [each for each in comparisons if is_named(each.baseline.name) and is_named(each.candidate.name)]
    return Seen(
        measurements=tuple(compress(every, is_own)),
        rounds=tuple(compress(grouped(contents.rounds), is_own)),
        comparisons=tuple(comparisons),
        by_hand=tuple(each for each in contents.by_hand if is_named(each.name)),
        others=tuple(m for m, own in zip(every, is_own, strict=True) if not own) if run_ids is None else (),
    )


def _named(names: Sequence[str]) -> Callable[[str], bool]:
    """Whether records of this name are of what a suite names, by names, patterns, functions or files."""
    written = [
        Path(name).name if is_file(name) else str(named.read(name)) if named.split(name)[1] else name for name in names
    ]
    return lambda name: any(name == each or fnmatch.fnmatchcase(name, each) for each in written)


def table_of(measurements: Sequence[Measurement], table: str | None) -> Table[Any]:
    """The table that measurements are shown as: that of the paper which is named, or our own."""
    return measurement_table(measurements) if table is None else _of_paper(suite_of_table(table), measurements)


def blank_table(table: str | None, device: Device) -> Table[Any]:
    """The table that measurements on a device will be shown as, without rows: its columns are known before them."""
    return measurement_table(()) if table is None else _of_paper(suite_of_table(table), (), devices=[device])


def blank_tables(suite: Suite, devices: Sequence[Device]) -> list[Table[Any]]:
    """All tables that may come of a suite on these devices, without rows."""
    pairs = [comparison_table(())] if any(each.in_turn for each in suite.measure) else []
    return [*_BLANK[suite.view](suite, devices), *pairs, measurement_table(())]


def _of_paper(
    suite: Suite, measurements: Sequence[Measurement], *, devices: Sequence[Device] | None = None
) -> Table[Any]:
    """A table of the paper, from measurements on one device.

    Args:
        devices: whose figures of the paper's stand beside ours; None for that of the measurements.
    """
    measured = {m.name for m in measurements}
    if devices is None:
        devices = list(dict.fromkeys(m.device for m in measurements))
    papers = [paper for device in devices for paper in suite.papers(device)]
    alone = suite.view is View.DOWNSTREAM  # whose figures are not the networks' own
    table = reproduction_table(
        f"The backbones of the paper's {suite.shows}, alone" if alone else suite.heading,
        measurements,
        papers,
        not_measured=[name for name in suite.networks() if name not in measured],
        source=None if alone else suite.published,
        shown=suite.columns,
    )
    return msgspec.structs.replace(table, name=suite.name)


def _latencies(suite: Suite, seen: Seen) -> list[Table[Any]]:
    """A table a device, since the paper's figures of one say nothing of another."""
    by_device = _by_device(seen.measurements)
    if suite.tables:
        return [_of_paper(suite, own) for own in by_device]
    tables = [measurement_table(own) for own in by_device]
    return [msgspec.structs.replace(table, title=suite.heading, subtitle=table.title) for table in tables]


def _by_device(measurements: Sequence[Measurement]) -> list[list[Measurement]]:
    devices = dict.fromkeys(m.device for m in measurements)
    return [[m for m in measurements if m.device is device] for device in devices]


def _pairs(suite: Suite, seen: Seen) -> list[Table[Any]]:
    if not seen.comparisons:
        return []
    table = comparison_table(seen.comparisons)
    return [msgspec.structs.replace(table, title=suite.heading, subtitle=table.title)]


def _scaling(suite: Suite, seen: Seen) -> list[Table[Any]]:
    sweeps = [(measuring, _named(suite.networks_of(measuring)), list[Measurement]()) for measuring in suite.measure]
    for m in seen.measurements:
        places = [swept for _, is_named, swept in sweeps if is_named(m.name)]
        for swept in places or [sweeps[0][2]]:  # what joined was measured as the first
            swept.append(m)
    return [
        scaling_table(own, along=measuring.along.replace("-", "_"), over=measuring.over, title=suite.heading)
        for measuring, _, swept in sweeps
        for own in _by_device(swept)
    ]


def _downstream(suite: Suite, seen: Seen) -> list[Table[Any]]:
    dense = [m for m in seen.measurements if is_dense(m.name)]
    alone = [m for m in seen.measurements if m.name in suite.networks()]
    return [*map(downstream_table, _by_device(dense)), *(_of_paper(suite, own) for own in _by_device(alone))]


def _tests(suite: Suite, seen: Seen) -> list[Table[Any]]:
    tests = [repeated(m, rounds) for m, rounds in zip(seen.measurements, seen.rounds, strict=True)]
    tables: list[Table[Any]] = []
    for own in _by_device(seen.measurements):
        single = [test for test in tests if test.measurement in own and test.measurement.batch_size == 1]
        if single:
            measured = {test.measurement.name for test in single}
            missing = [name for name in suite.networks() if name not in measured]
            tables.append(repeated_table(suite.heading, single, not_measured=missing))
        several = {m.name for m in own if m.batch_size > 1}
        if several:
            swept = sorted((m for m in own if m.name in several), key=lambda m: m.batch_size)
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


def _blank_of_paper(suite: Suite, devices: Sequence[Device]) -> list[Table[Any]]:
    return [_of_paper(suite, (), devices=devices)] if suite.tables else []


def _blank_sweeps(suite: Suite, _: Sequence[Device]) -> list[Table[Any]]:
    return [scaling_table((), along=each.along.replace("-", "_"), over=each.over) for each in suite.measure]


_BLANK: dict[View, Callable[[Suite, Sequence[Device]], list[Table[Any]]]] = {
    View.LATENCIES: _blank_of_paper,
    View.PAIRS: lambda _, __: [],
    View.SCALING: _blank_sweeps,
    View.DOWNSTREAM: lambda suite, devices: [downstream_table(()), *_blank_of_paper(suite, devices)],
    View.TESTS: lambda suite, _: [repeated_table(suite.heading, (), not_measured=()), batch_table(suite.heading, ())],
    View.PACKAGES: lambda suite, devices: [
        packages_table(suite.heading, (), source=suite.published),
        *_blank_of_paper(suite, devices),
        hand_entry_table(()),
    ],
}
