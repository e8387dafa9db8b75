"""Machines of one kind: how far their latencies of one artifact lie apart, and what of that lies within each."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean, harmonic_mean, median, stdev

import msgspec

from results.statistics.latency import Latency
from results.statistics.summary import Measurement

DISAGREES_BY = 0.05
_STANDARD_ERRORS = 3.0


class OfKind(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact on several nodes of a kind. A node's latency is the mean of its rounds' medians, as in `Latency`.

    Attributes:
        measurement: the first of them, without its place, for what they have in common.
        places: the nodes, by name.
        node_ms: of each.
        mean_ms: over the nodes.
        std_ms: sample standard deviation of `node_ms`: the spread over nodes as one sees it. None of one node.
        within_ms: that of the rounds' medians within a node, pooled over the nodes; None where each has one round.
        between_ms: what is left of `std_ms` when what the rounds within nodes make of it is taken off, as in a one-way
            analysis of variance with random effects; 0 where that explains all of it.
        disagreeing: the places whose latency is more than 5 % from the middle one, and by more than three standard
            errors of its rounds. Of two that differ so, both.
    """

    kind: str
    measurement: Measurement
    places: tuple[str, ...]
    node_ms: tuple[float, ...]
    mean_ms: float
    std_ms: float | None
    within_ms: float | None
    between_ms: float | None
    disagreeing: tuple[str, ...]


def by_kind(measurements: Iterable[Measurement]) -> list[OfKind]:
    """What one run measured on two nodes of a kind or more, in the order in which the first of them stands.

    Those of two runs may be one machine: a node has another number whenever Ray is started on it. So may those of a
    run that have one name, since it was resumed: the first counts.
    """
    groups: dict[tuple[bytes, str], dict[str | None, Measurement]] = defaultdict(dict)
    for m in measurements:
        if (kind := _kind(m)) is not None and m.latency is not None:
            alike = kind, m.artifact, m.device, m.options, m.threads, m.warmup_runs
            for run_id in m.run_ids:
                groups[msgspec.json.encode(alike, order="sorted"), run_id].setdefault(m.place, m)
    # Several runs of one cluster may have met the same nodes.
    found = {tuple(map(id, group.values())): [*group.values()] for group in groups.values()}
    return [_of_kind(group) for group in found.values() if len(group) > 1]


def _kind(m: Measurement) -> str | None:
    """What machines that are alike have in common. Of boards nobody says it: their processor, cores and memory."""
    if m.kind is not None or m.place is None:
        return m.kind
    cores = f"{m.machine.available_cores} core{'' if m.machine.available_cores == 1 else 's'}"
    return f"{m.machine.cpu_model or m.machine.architecture}, {cores}, {m.machine.memory_bytes / 2**30:.0f} GiB"


def _of_kind(group: Sequence[Measurement]) -> OfKind:
    latencies = [m.latency for m in group if m.latency is not None]
    node_ms = [fmean(each.round_p50_ms) for each in latencies]
    spread, within = stdev(node_ms), _pooled(latencies)
    rounds = [len(each.round_p50_ms) for each in latencies]
    between = None
    if within is not None:
        between = max(0.0, spread**2 - within**2 / harmonic_mean(rounds)) ** 0.5
    middle = median(node_ms)
    places = tuple(str(m.place) for m in group)

    def disagrees(own_ms: float, count: int) -> bool:
        apart = abs(own_ms - middle)
        return apart > DISAGREES_BY * middle and (within is None or apart > _STANDARD_ERRORS * within / count**0.5)

    return OfKind(
        kind=str(_kind(group[0])),
        measurement=msgspec.structs.replace(group[0], place=None, kind=None, node=None),
        places=places,
        node_ms=tuple(node_ms),
        mean_ms=fmean(node_ms),
        std_ms=spread,
        within_ms=within,
        between_ms=between,
        disagreeing=tuple(p for p, own, n in zip(places, node_ms, rounds, strict=True) if disagrees(own, n)),
    )


def _pooled(latencies: Sequence[Latency]) -> float | None:
    """The standard deviation of rounds within a node."""
    squares, freedom = 0.0, 0
    for each in latencies:
        mean = fmean(each.round_p50_ms)
        squares += sum((one - mean) ** 2 for one in each.round_p50_ms)
        freedom += len(each.round_p50_ms) - 1
    return (squares / freedom) ** 0.5 if freedom else None
