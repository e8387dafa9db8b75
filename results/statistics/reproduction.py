"""The paper's table beside what was measured here: ratios, ranks, and how far the two orders agree."""

import math
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from results.records.plan import Runtime
from results.statistics.summary import Measurement, circumstances

# The runtimes of the paper's latencies.
_RUNTIMES = (Runtime.ONNXRUNTIME, Runtime.COREML)


class PaperLatency(msgspec.Struct, frozen=True, kw_only=True):
    """A column of latencies in the paper.

    Attributes:
        figure: the field of `Published` that holds it, in milliseconds.
        hardware: what it was measured on.
    """

    figure: str
    hardware: str

    def of(self, measurement: Measurement) -> float | None:
        """The paper's figure for the same network, form, batch and kind of runtime; None where it has none."""
        m = measurement
        if not m.published or m.artifact.form != "plain" or m.batch_size != 1 or m.options.runtime not in _RUNTIMES:
            return None
        value: float | None = getattr(m.published, self.figure)
        return value


class Reproduced(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the paper's table.

    Attributes:
        paper_ms: by the hardware; only what the paper has of it.
        ratio: our mean over the first of those. Another machine: it says nothing of the network.
        rank, paper_rank: by these two figures, 1 the fastest, among the rows that have both; equal figures share one.
    """

    measurement: Measurement
    paper_ms: dict[str, float]
    ratio: float | None = None
    rank: int | None = None
    paper_rank: int | None = None


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far two orders of networks agree: Kendall's tau-b, 1 for the same order, -1 for the opposite one.

    Attributes:
        interval: of 95 %; None where the approximation has none.
    """

    networks: int
    tau: float
    interval: tuple[float, float] | None


def reproduce(measurements: Sequence[Measurement], papers: Sequence[PaperLatency]) -> list[Reproduced]:
    """Measurements beside the paper's latencies. Ranks are among rows that differ in the network alone.

    Args:
        papers: the first is the one of the ratio and the ranks.
    """
    rows = [
        Reproduced(measurement=m, paper_ms={p.hardware: ms for p in papers if (ms := p.of(m)) is not None})
        for m in measurements
    ]
    for paper in papers[:1]:
        for places in _both(rows, paper.hardware):
            ours, papers_ms = _figures([rows[i] for i in places], paper.hardware)
            ranks = zip(_ranks(ours), _ranks(papers_ms), strict=True)
            for i, mine, its, (rank, paper_rank) in zip(places, ours, papers_ms, ranks, strict=True):
                rows[i] = msgspec.structs.replace(rows[i], ratio=mine / its, rank=rank, paper_rank=paper_rank)
    return rows


def agreements(rows: Sequence[Reproduced], hardware: str) -> list[Agreement]:
    """How far our order is that of a column of the paper, for each group of rows that differ in the network alone."""
    return [
        found
        for places in _both(rows, hardware)
        if (found := agreement(*_figures([rows[i] for i in places], hardware))) is not None
    ]


def agreement(ours: Sequence[float], papers: Sequence[float]) -> Agreement | None:
    """Kendall's tau-b, and its interval by Fieller, Hartley and Pearson (Biometrika 44, 1957).

    Of n pairs, atanh(tau) is about normal with variance 0.437 / (n - 4). There is no interval for fewer than five, and
    where tau is 1 or -1. A bootstrap over networks would draw some twice, and these would count as ties.

    None for fewer than two, or where all of one side are equal.
    """
    from scipy.stats import kendalltau

    if min(len(set(ours)), len(set(papers)), len(ours)) < 2:
        return None
    tau, n = float(kendalltau(ours, papers).statistic), len(ours)
    if n <= 4 or math.isclose(abs(tau), 1):
        return Agreement(networks=n, tau=tau, interval=None)
    half = 1.96 * math.sqrt(0.437 / (n - 4))
    return Agreement(
        networks=n, tau=tau, interval=(math.tanh(math.atanh(tau) - half), math.tanh(math.atanh(tau) + half))
    )


def _both(rows: Sequence[Reproduced], hardware: str) -> list[list[int]]:
    """The places of the rows that have a figure of ours and of the paper's, together where they can be compared."""
    groups: dict[bytes, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        if row.measurement.latency and hardware in row.paper_ms:
            groups[circumstances(row.measurement)].append(i)
    return list(groups.values())


def _figures(rows: Sequence[Reproduced], hardware: str) -> tuple[list[float], list[float]]:
    """Means, since the paper's are means."""
    ours = [row.measurement.latency.mean_ms for row in rows if row.measurement.latency]
    return ours, [row.paper_ms[hardware] for row in rows]


def _ranks(values: Sequence[float]) -> Sequence[int | None]:
    """From 1 on; a single value is not ranked."""
    if len(values) == 1:
        return [None]
    from scipy.stats import rankdata

    return [int(rank) for rank in rankdata(values, method="min")]
