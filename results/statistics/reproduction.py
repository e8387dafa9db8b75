"""The paper's table beside what was measured here: ratios, ranks, and how far the two orders agree."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from results.records.plan import Runtime
from results.statistics.neighbours import circumstances
from results.statistics.summary import Measurement

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
        rank, paper_rank: 1 the fastest, among the rows that have both and differ in the network alone; equal figures
            share one. Ours is by the ratio to the anchor where all of those have it, else by the mean.
        is_of_other_size: whether it is ranked among networks of another image size than most of the table's.
    """

    measurement: Measurement
    paper_ms: dict[str, float]
    ratio: float | None = None
    rank: int | None = None
    paper_rank: int | None = None
    is_of_other_size: bool = False


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far two orders of networks agree: Kendall's tau-b, 1 for the same order, -1 for the opposite one.

    Attributes:
        interval: of 95 %; None where the approximation has none.
        image_size: of all of them.
        anchor: the name of the one to whose time the ratios are that make our order; None where means do.
        place: where all were measured, as in `Environment`.
        threads: of all of them.
    """

    networks: int
    tau: float
    interval: tuple[float, float] | None
    image_size: int | None = None
    anchor: str | None = None
    place: str | None = None
    threads: int | None = None


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
        groups = _both(rows, paper.hardware)
        sizes = Counter(rows[i].measurement.artifact.image_size for places in groups for i in places)
        for places in groups:
            group = [rows[i] for i in places]
            means, papers_ms = _means(group), _papers(group, paper.hardware)
            ranks = zip(_ranks(_ratios(group) or means), _ranks(papers_ms), strict=True)
            for i, mean, its, (rank, paper_rank) in zip(places, means, papers_ms, ranks, strict=True):
                size = rows[i].measurement.artifact.image_size
                rows[i] = msgspec.structs.replace(
                    rows[i],
                    ratio=mean / its,
                    rank=rank,
                    paper_rank=paper_rank,
                    is_of_other_size=size != sizes.most_common(1)[0][0],
                )
    return rows


def agreements(rows: Sequence[Reproduced], hardware: str) -> list[Agreement]:
    """How far our order is that of a column of the paper, for each group of rows that differ in the network alone."""
    found = []
    for places in _both(rows, hardware):
        group = [rows[i] for i in places]
        ratios = _ratios(group)
        agreed = agreement(ratios or _means(group), _papers(group, hardware))
        if agreed is not None:
            first = group[0].measurement
            anchor = first.anchored.anchor.name if ratios and first.anchored else None
            found.append(
                msgspec.structs.replace(
                    agreed,
                    image_size=first.artifact.image_size,
                    anchor=anchor,
                    place=first.place,
                    threads=first.threads,
                )
            )
    return found


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


def _means(rows: Sequence[Reproduced]) -> list[float]:
    """Ours, as the paper's are means."""
    return [row.measurement.latency.mean_ms for row in rows if row.measurement.latency]


def _ratios(rows: Sequence[Reproduced]) -> list[float]:
    """Our times over the anchor's, which order networks more surely; none where one lacks it, or has another anchor."""
    anchors = {row.measurement.anchored.anchor for row in rows if row.measurement.anchored}
    ratios = [found.ratio for row in rows if (found := row.measurement.anchor_ratio)]
    return ratios if len(anchors) == 1 and len(ratios) == len(rows) else []


def _papers(rows: Sequence[Reproduced], hardware: str) -> list[float]:
    return [row.paper_ms[hardware] for row in rows]


def _ranks(values: Sequence[float]) -> Sequence[int | None]:
    """From 1 on; a single value is not ranked."""
    if len(values) == 1:
        return [None]
    from scipy.stats import rankdata

    return [int(rank) for rank in rankdata(values, method="min")]
