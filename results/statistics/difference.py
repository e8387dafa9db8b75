"""How the measurements of two stores differ, row by row. Pure: nothing here is stored."""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, variance

import msgspec

from results.statistics.estimate import ERROR, UNCHANGED, Estimate, Verdict, around, judge
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


def ratio_of_means(before: Sequence[float], after: Sequence[float], *, error: float = ERROR) -> Estimate | None:
    """The geometric mean of the one over that of the other, with its interval.

    Welch's t interval on the logarithms: the two variances, which may differ, add. None for fewer than two of either.

    Args:
        before, after: a figure of each process.
        error: how often the interval may miss.
    """
    if min(len(before), len(after)) < 2:
        return None
    from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats would take a second to import

    logs = [[math.log(value) for value in side] for side in (before, after)]
    errors = [variance(side) / len(side) for side in logs]  # squared, of each mean
    total, half = sum(errors), 0.0
    if total > 0:
        freedom = total**2 / sum(each**2 / (len(side) - 1) for each, side in zip(errors, logs, strict=True))
        half = float(stdtrit(freedom, 1 - error / 2)) * math.sqrt(total)
    return around(fmean(logs[1]) - fmean(logs[0]), half, error=error)


def _difference(before: Measurement, after: Measurement, margin: float) -> Difference:
    anchor, pairs, error, own_ratio = None, (_medians(before), _medians(after)), ERROR, None
    # Another anchor's file would be another unit.
    if before.anchored and after.anchored and before.anchored.anchor == after.anchored.anchor:
        ratios = before.anchored.process_ratios, after.anchored.process_ratios
        if all(ratios):
            anchor, pairs = before.anchored.anchor.name, ratios
            # A side that was looked at again and again stopped where its interval was narrow, by luck too.
            found = (before.anchored.estimate, after.anchored.estimate)
            error = min((estimate.error for estimate in found if estimate), default=ERROR)
            if before.anchored.p50_ms and after.anchored.p50_ms:
                own_ratio = after.anchored.p50_ms / before.anchored.p50_ms
    estimate = ratio_of_means(*pairs, error=error)
    if estimate is not None and before == after:
        estimate = UNCHANGED  # the same runs, not two samples
    return Difference(
        before=before,
        after=after,
        same_file=before.artifact.sha256 == after.artifact.sha256,
        anchor=anchor,
        processes=(len(pairs[0]), len(pairs[1])),
        estimate=estimate,
        verdict=judge(estimate, margin),
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


def _medians(measurement: Measurement) -> tuple[float, ...]:
    return measurement.latency.round_p50_ms if measurement.latency else ()
