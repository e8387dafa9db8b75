"""Latency against accuracy, to be looked into: a point tells what it is of."""

from results.plots.settings import settings_of
from results.published import figures_of
from results.records.by_hand import HandEntry
from results.report.figures import hover
from results.report.rendering import render
from results.report.report import Measured, Report
from results.report.scatter import Group, Point, scatter
from results.report.words import shortened
from results.statistics.latency import Latency
from results.tables.words import counted, milliseconds


def section(report: Report) -> str | None:
    """The plot, and what it leaves out; None where nothing has both figures."""
    groups = [*_measured_groups(report), *_hand_groups(report)]
    if not groups:
        return None
    drawn = {each.label for each in report.measured if _top1(each) is not None}
    left_out = list(dict.fromkeys(each.label for each in report.measured if _top1(each) is None))
    return render(
        "tradeoff.html",
        figure=scatter(groups).html(),
        left_out=shortened([label for label in left_out if label not in drawn]),
        partly=shortened([label for label in left_out if label in drawn]),
    )


def _measured_groups(report: Report) -> list[Group]:
    drawn = {store.name: [each for each in store.measured if _top1(each) is not None] for store in report.stores}
    settings = settings_of({name: [each.measurement for each in own] for name, own in drawn.items() if own})
    groups: dict[tuple[str, str], list[Point]] = {}
    for each, words in zip((each for own in drawn.values() for each in own), settings.own, strict=True):
        accuracy = each.measurement.accuracy
        over = f"top-1 over {accuracy.over}" if accuracy and accuracy.over else ""
        groups.setdefault((words or settings.shared, over), []).append(_point(each))
    return [Group(name=", ".join(filter(None, key)), points=tuple(points)) for key, points in groups.items()]


def _top1(measured: Measured) -> float | None:
    m = measured.measurement
    return m.accuracy.top1 if m.accuracy and m.latency else None


def _point(measured: Measured) -> Point:
    m, top1 = measured.measurement, _top1(measured)
    assert m.latency
    assert m.accuracy
    assert top1 is not None
    size = f", {m.artifact.image_size} px" if m.artifact.image_size else ""
    facts = [
        f"{m.artifact.form} form" if m.artifact.form else None,
        counted(m.threads, "thread") if m.threads else None,
        f"batch {m.batch_size}{size}",
    ]
    lines = [
        f"p50 {milliseconds(m.latency.p50_ms)} ms of {m.latency.runs:,} runs",
        _interval(m.latency),
        ", ".join(filter(None, facts)),
        f"top-1 {top1:.1f} %, {m.accuracy.source}",
        *([f"warnings: {', '.join(m.warnings)}"] if m.warnings else []),
    ]
    return Point(
        ms=m.latency.p50_ms,
        top1=top1,
        name=measured.label,
        hover=hover(measured.label, lines),
        low_ms=min(m.latency.round_p50_ms),
        high_ms=max(m.latency.round_p50_ms),
    )


def _interval(latency: Latency) -> str:
    ends = latency.process_p50_interval_ms
    if ends is None:
        return "no interval: fewer than three rounds"
    return f"p50 by round {milliseconds(latency.process_p50_ms)} ms, 95 % {' to '.join(map(milliseconds, ends))} ms"


def _hand_groups(report: Report) -> list[Group]:
    found: dict[str, list[Point]] = {}
    for store in report.stores:
        for entry in store.contents.by_hand:
            point = _hand_point(entry)
            if point is not None:
                found.setdefault(f"{entry.device_name}, {entry.tool}: entered by hand", []).append(point)
    return [Group(name=name, points=tuple(points), is_by_hand=True) for name, points in found.items()]


def _hand_point(entry: HandEntry) -> Point | None:
    paper = figures_of(entry.name, entry.artifact)
    ms = entry.p50_ms if entry.p50_ms is not None else entry.mean_ms
    if paper is None or paper.top1 is None or ms is None:
        return None
    lines = [
        f"{'p50' if entry.p50_ms is not None else 'mean'} {milliseconds(ms)} ms, entered by hand",
        f"{entry.device_name}, {entry.os}, {entry.tool}",
        f"top-1 {paper.top1:.1f} %, published",
    ]
    return Point(ms=ms, top1=paper.top1, name=entry.name, hover=hover(entry.name, lines), low_ms=ms, high_ms=ms)
