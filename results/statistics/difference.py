"""How the measurements of two stores differ, row by row. Pure: nothing here is stored."""

import math
from collections.abc import Iterable, Sequence

import msgspec

from results.statistics.estimate import ERROR, UNCHANGED, Estimate, Verdict, around, estimate, judge, quotient
from results.statistics.gate import Gate, judge_gate
from results.statistics.partners import Pair, find_partners, on_other_place
from results.statistics.summary import Measurement


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A network in two stores, in the same batch, image size and threads: one file, or two of one name and form.

    Attributes:
        before, after: of the first store and the second.
        same_file: whether both timed the same artifact.
        anchor: the name of the anchor that the two are compared through; None where they are compared by themselves,
            and the difference of the two machines, or of one machine at two times, is in the estimate.
        processes: of each store that have a figure to compare.
        estimate: the time in the second store over that in the first; None where a store has fewer than two processes.
        own_ratio: through an anchor, its own median in the second store over that in the first, in the processes that
            timed it beside the anchor: what moved both alike is in it. None without an anchor.
        gate: None where none was asked for.
    """

    before: Measurement
    after: Measurement
    same_file: bool
    anchor: str | None
    processes: tuple[int, int]
    estimate: Estimate | None
    verdict: Verdict | None
    own_ratio: float | None = None
    gate: Gate | None = None


def differences(
    before: Sequence[Measurement], after: Sequence[Measurement], *, margin: float, limit: float | None = None
) -> list[Difference]:
    """The rows of two stores that have partners, in the order of the first; as `differences_of`."""
    return differences_of(find_partners(before, after).pairs, margin=margin, limit=limit)


def differences_of(pairs: Iterable[Pair], *, margin: float, limit: float | None = None) -> list[Difference]:
    """How rows differ from their partners.

    Args:
        margin: a smaller difference, as a share of the first store's time, counts as none.
        limit: of the gate, by how much a row may be slower in the second store; None for no gate.
    """
    rows = [_difference(before, after, margin) for before, after in pairs]
    return rows if limit is None else [_gated(row, limit) for row in rows]


def _difference(before: Measurement, after: Measurement, margin: float) -> Difference:
    anchor, own_ratio = None, None
    sides, processes = (_own(before), _own(after)), (_rounds(before), _rounds(after))
    # Another anchor's file would be another unit.
    if before.anchored and after.anchored and before.anchored.anchor == after.anchored.anchor:
        ratios = before.anchored.process_ratios, after.anchored.process_ratios
        if all(ratios):
            anchor = before.anchored.anchor.name
            sides = before.anchored.estimate, after.anchored.estimate
            processes = len(ratios[0]), len(ratios[1])
            if before.anchored.p50_ms and after.anchored.p50_ms:
                own_ratio = after.anchored.p50_ms / before.anchored.p50_ms
    found = quotient(sides[1], sides[0]) if sides[0] and sides[1] else None
    if found is not None and before == after:
        found = UNCHANGED  # the same runs, not two samples
    return Difference(
        before=before,
        after=after,
        same_file=before.artifact.sha256 == after.artifact.sha256,
        anchor=anchor,
        processes=processes,
        estimate=found,
        verdict=judge(found, margin),
        own_ratio=own_ratio,
    )


def _gated(row: Difference, limit: float) -> Difference:
    gate = judge_gate(
        row.estimate,
        limit,
        processes=row.processes,
        warnings=() if row.before == row.after else (*row.before.warnings, *row.after.warnings),
        other_place=row.anchor is None and on_other_place(row.before, row.after),
        own_ratio=row.own_ratio,
    )
    return msgspec.structs.replace(row, gate=gate)


def _own(measurement: Measurement) -> Estimate | None:
    """The time of a fresh process by itself, in milliseconds; None where there are fewer than two."""
    latency = measurement.latency
    if latency is None:
        return None
    if latency.process_p50_interval_ms is None:  # of two, which no table shows
        return estimate(latency.round_p50_ms)
    log = math.log(latency.process_p50_ms)
    found = around(log, math.log(latency.process_p50_interval_ms[1]) - log, error=ERROR)
    return msgspec.structs.replace(
        found, freedom=latency.process_p50_freedom, between_runs=latency.process_p50_between_runs
    )


def _rounds(measurement: Measurement) -> int:
    return len(measurement.latency.round_p50_ms) if measurement.latency else 0
