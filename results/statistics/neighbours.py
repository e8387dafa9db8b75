"""Which measurements may be set side by side, and which of those cannot be told apart."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from results.records.artifact import TimedArtifact
from results.records.plan import Device

if TYPE_CHECKING:
    from results.statistics.summary import Measurement

Interval = tuple[float, float, float]
"""A figure, and the two ends of its interval."""


def circumstances(measurement: "Measurement") -> bytes:
    """What two measurements have in common that differ in the artifact alone."""
    m = measurement
    ran_by = (m.session.runtime, m.session.execution_provider) if m.session else None
    libraries = m.machine.gpu_versions if m.device is Device.CUDA else None
    machine = m.machine.stable, m.place, m.gpu, m.gpu_driver, libraries
    setting = (machine, m.device, m.options, m.batch_size, m.artifact.image_size, m.threads, m.warmup_runs, ran_by)
    return msgspec.json.encode(setting, order="sorted")


def mark_indistinct(measurements: "Sequence[Measurement]") -> "list[Measurement]":
    """Say of each measurement which neighbours it cannot be told from.

    Where two have one anchor, their ratios to it decide: the medians hold what slowed the machine down for a while.
    """
    comparable: dict[bytes, list[int]] = defaultdict(list)
    for i, m in enumerate(measurements):
        comparable[circumstances(m)].append(i)
    by_median: dict[int, list[str]] = defaultdict(list)
    by_ratio: dict[int, list[str]] = defaultdict(list)
    for places in comparable.values():
        ratios = _ratios(measurements, places)
        pairs = [(by_ratio, pair) for of_one_anchor in ratios for pair in _overlapping(of_one_anchor)]
        pairs += [
            (by_median, pair)
            for pair in _overlapping(_medians(measurements, places))
            if not any(set(pair) <= of_one_anchor.keys() for of_one_anchor in ratios)
        ]
        for found, (smaller, larger) in pairs:
            found[smaller].append(measurements[larger].name)
            found[larger].append(measurements[smaller].name)
    return [
        msgspec.structs.replace(
            m,
            indistinct_from=tuple(by_median[i]),
            anchored=m.anchored and msgspec.structs.replace(m.anchored, indistinct_from=tuple(by_ratio[i])),
        )
        for i, m in enumerate(measurements)
    ]


def _medians(measurements: "Sequence[Measurement]", places: Sequence[int]) -> dict[int, Interval]:
    """The medians of those that have an interval."""
    return {
        i: (latency.process_p50_ms, *latency.process_p50_interval_ms)
        for i in places
        if (latency := measurements[i].latency) and latency.process_p50_interval_ms
    }


def _ratios(measurements: "Sequence[Measurement]", places: Sequence[int]) -> list[dict[int, Interval]]:
    """The ratios to each anchor, of those that have one."""
    found: dict[TimedArtifact, dict[int, Interval]] = defaultdict(dict)
    for i in places:
        anchored, ratio = measurements[i].anchored, measurements[i].anchor_ratio
        if anchored and ratio:
            found[anchored.anchor][i] = (ratio.ratio, ratio.low, ratio.high)
    return list(found.values())


def _overlapping(intervals: Mapping[int, Interval]) -> Iterator[tuple[int, int]]:
    """The pairs of neighbours in size whose intervals overlap, the smaller first."""
    for smaller, larger in pairwise(sorted(intervals, key=lambda key: (intervals[key], key))):
        if intervals[larger][1] <= intervals[smaller][2]:
            yield smaller, larger
