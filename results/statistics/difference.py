"""How the measurements of two stores differ, row by row. Pure: nothing here is stored."""

import math
from collections.abc import Sequence
from statistics import fmean, variance

import msgspec

from results.statistics.estimate import ERROR, Estimate, Verdict, around, judge
from results.statistics.summary import Measurement


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A network in two stores, in the same form, batch, image size and threads.

    Attributes:
        before, after: of the first store and the second; of several of one kind, the last.
        same_file: whether both timed the same artifact.
        anchor: the name of the anchor that the two are compared through; None where they are compared by themselves,
            and the difference of the two machines, or of one machine at two times, is in the estimate.
        processes: of each store that have a figure to compare.
        estimate: the time in the second store over that in the first; None where a store has fewer than two processes.
    """

    before: Measurement
    after: Measurement
    same_file: bool
    anchor: str | None
    processes: tuple[int, int]
    estimate: Estimate | None
    verdict: Verdict | None


def differences(before: Sequence[Measurement], after: Sequence[Measurement], *, margin: float) -> list[Difference]:
    """The rows that two stores have in common, in the order of the first.

    Args:
        margin: a smaller difference, as a share of the first store's time, counts as none.
    """
    later = {row_key(measurement): measurement for measurement in after}
    return [
        _difference(measurement, later[key], margin)
        for key, measurement in {row_key(measurement): measurement for measurement in before}.items()
        if key in later
    ]


def row_key(measurement: Measurement) -> tuple[object, ...]:
    """What two rows share that are compared, the input that was given, too; their files and machines may differ."""
    m = measurement
    return (
        m.name,
        m.artifact.format,
        m.artifact.form,
        m.batch_size,
        m.artifact.image_size,
        m.device,
        m.options,
        m.threads,
        tuple((x.name, x.fed.sha256) for x in m.artifact.inputs if x.fed is not None and x.fed.given),
    )


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
    anchor, pairs, error = None, (_medians(before), _medians(after)), ERROR
    # Another anchor's file would be another unit.
    if before.anchored and after.anchored and before.anchored.anchor == after.anchored.anchor:
        ratios = before.anchored.process_ratios, after.anchored.process_ratios
        if all(ratios):
            anchor, pairs = before.anchored.anchor.name, ratios
            # A side that was looked at again and again stopped where its interval was narrow, by luck too.
            found = (before.anchored.estimate, after.anchored.estimate)
            error = min((estimate.error for estimate in found if estimate), default=ERROR)
    estimate = ratio_of_means(*pairs, error=error)
    return Difference(
        before=before,
        after=after,
        same_file=before.artifact.sha256 == after.artifact.sha256,
        anchor=anchor,
        processes=(len(pairs[0]), len(pairs[1])),
        estimate=estimate,
        verdict=judge(estimate, margin),
    )


def _medians(measurement: Measurement) -> tuple[float, ...]:
    return measurement.latency.round_p50_ms if measurement.latency else ()
