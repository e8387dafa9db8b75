"""What was timed in turn: ratios with their intervals and verdicts, and gates where some were asked for."""

from collections.abc import Sequence
from statistics import geometric_mean

from results.report.figures import Figure
from results.report.forest import NO_INTERVAL, Row, forest
from results.report.rendering import joined, render
from results.report.report import Compared, Measured, Report
from results.report.table import html_table
from results.statistics.estimate import Estimate
from results.tables.comparisons import comparison_table
from results.tables.words import counted, difference_in_words, percent

_CAPTION = "Left of the line at 1 is what takes less time; a bar is the 95 % interval."


def section(report: Report) -> str | None:
    """The comparisons of each store, and below them what was timed in turn with an anchor."""
    parts = []
    for store in report.stores:
        if store.compared:
            parts += [
                _figure(store.compared, store.name),
                html_table(comparison_table(store.comparisons), f"Comparisons in the store {store.name}"),
                _commands(store.compared),
            ]
        parts += [_anchored(own, store.name).html() for own in _by_anchor(store.measured)]
    return joined(parts)


def _figure(compared: Sequence[Compared], store: str) -> str:
    rows = [_row(each) for each in compared if each.comparison.process_ratios]
    if not rows:
        return ""
    limits = sorted({each.comparison.gate.limit for each in compared if each.comparison.gate})
    gate = f" Dashed: the gate, {' or '.join(map(percent, limits))} slower." if limits else ""
    return forest(
        rows,
        axis="time over that of what it is compared with",
        label=f"Forest plot of the comparisons in the store {store}",
        caption=f"Both were timed in turn, in the same processes. {_CAPTION}{gate}",
        limits=[1 + limit for limit in limits],
    ).html()


def _row(compared: Compared) -> Row:
    each = compared.comparison
    control = " (control)" if each.control else ""
    return Row(
        label=f"{compared.label}{control} / {each.baseline.name}",
        ratio=each.estimate.ratio if each.estimate else geometric_mean(each.process_ratios),
        estimate=each.estimate,
        verdict=str(each.verdict) if each.verdict else NO_INTERVAL,
        lines=(
            *filter(None, [difference_in_words(each)]),
            f"{counted(each.processes, 'process', 'processes')}, {each.runs:,} runs of each",
            *([f"gate: {each.gate.verdict}"] if each.gate else []),
        ),
    )


def _commands(compared: Sequence[Compared]) -> str:
    """What compares them again, each command once."""
    return render("commands.html", commands=list(dict.fromkeys(each.command for each in compared if each.command)))


def _by_anchor(measured: Sequence[Measured]) -> list[list[Measured]]:
    """What has a ratio to an anchor, by the anchor, from the fastest; an anchor alone is compared with nothing."""
    found: dict[str, list[tuple[float, Measured]]] = {}
    for each in measured:
        if each.measurement.anchored and each.measurement.anchor_ratio:
            ratio = each.measurement.anchor_ratio.ratio
            found.setdefault(each.measurement.anchored.anchor.name, []).append((ratio, each))
    return [[each for _, each in sorted(own, key=lambda pair: pair[0])] for own in found.values() if len(own) > 1]


def _anchored(measured: Sequence[Measured], store: str) -> Figure:
    anchored = measured[0].measurement.anchored
    assert anchored
    anchor = anchored.anchor.name
    rows = [
        Row(
            label=each.label, ratio=found.ratio, estimate=found, verdict=_side(each, found), lines=(f"beside {anchor}",)
        )
        for each in measured
        if (found := each.measurement.anchor_ratio)
    ]
    return forest(
        rows,
        axis=f"time over that of {anchor}",
        label=f"Forest plot of times beside {anchor} in the store {store}",
        caption=f"Store {store}: each was timed in turn with {anchor}, the anchor; what slows the machine down for a "
        f"while slows both. {_CAPTION}",
    )


def _side(measured: Measured, estimate: Estimate) -> str:
    if measured.measurement.anchored and measured.measurement.anchored.anchor == measured.measurement.artifact:
        return "the anchor itself"
    if estimate.low <= 1 <= estimate.high:
        return "as fast, or not known"
    return "faster" if estimate.high < 1 else "slower"
