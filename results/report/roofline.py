"""How fast operators compute, against what they compute for each byte that they move; above them the machine's roof.

A roofline (Williams, Waterman and Patterson, 2009): what moves many bytes for each multiply-add cannot be faster than
its memory, the rising part of the roof; all else not than the machine multiplies, the level one.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from results.records.profile import Roof
from results.report.figures import GREY, Figure, axis_title, colour_and_symbol, hover, log_ticks, rounded
from results.report.words import in_plot
from results.statistics.profile import Part, Profiled
from results.statistics.profile_tree import operator_parts
from results.tables.words import milliseconds, percent, profiled_name

_KINDS = 5  # that have a colour of their own; the others share one
_OTHERS = "others"
_LEAST_SHARE = 0.001  # operators of less are mostly their own start
_MARGIN = 1.5  # beside the outermost points
_SMALLEST, _LARGEST = 6, 30  # of a point, in pixels

_CAPTION = (
    "An operator that multiplies is a point, as large as its share of the time. The lines are the roof that was "
    "measured on the machine: what it multiplies at best and, rising, what its memory and its nearest cache let it. A "
    "point far below the lines is held up by something else, which the table names. Operators without multiply-adds, "
    f"and those of less than {percent(_LEAST_SHARE)} of the time, are left out."
)


class _Spot(msgspec.Struct, frozen=True, kw_only=True):
    """An operator. `intensity`: operations a byte, two a multiply-add; `gflops`: so many of them a nanosecond."""

    part: Part
    kind: str
    intensity: float
    gflops: float


def roofline(profiled: Profiled) -> Figure | None:
    """The operators that multiply, by kind, each as large as its share; None where there are none, or no roof."""
    spots = _spots(profiled)
    if profiled.roof is None or not spots:
        return None
    best = profiled.roof.multiply_adds.per_s
    # Where the lines end their rise is to be seen, too.
    low = min(2 * best / profiled.roof.bytes[0].per_s, *(spot.intensity for spot in spots)) / _MARGIN
    high = max(spot.intensity for spot in spots) * _MARGIN
    roofs = _roofs(profiled.roof, low, high)
    floor = min(spot.gflops for spot in spots) / _MARGIN
    top = 2 * best / 1e9 * _MARGIN
    name = profiled_name(profiled.artifact.name, profiled.plan, profiled.options)
    return Figure(
        traces=(*roofs, *_points(spots)),
        layout={
            "xaxis": _axis("operations for each byte moved (two a multiply-add)", low, high),
            "yaxis": _axis("GFLOP/s", floor, top),
            "legend": {"orientation": "h", "y": -0.2, "yanchor": "top"},
            "hovermode": "closest",
            "margin": {"t": 20},
        },
        label=f"Roofline of the operators of {name}",
        caption=_CAPTION,
        height=460,
    )


def _spots(profiled: Profiled) -> list[_Spot]:
    """The slowest first."""
    kinds = {(f"{each.kind} {each.name}", each.module or ""): each.kind for each in profiled.operators}
    return [
        _Spot(
            part=part, kind=kinds[part.name, part.path], intensity=2 * part.macs / part.moved_bytes, gflops=part.gflops
        )
        for part in operator_parts(profiled)
        if part.gflops and part.moved_bytes and part.share.value >= _LEAST_SHARE
    ]


def _axis(title: str, low: float, high: float) -> dict[str, Any]:
    ends = math.log10(low), math.log10(high)
    return axis_title(title, **log_ticks(*ends), range=list(map(rounded, ends)), autorange=False)


def _roofs(roof: Roof, low: float, high: float) -> list[dict[str, Any]]:
    """A line for memory, and one for the nearest cache: both end in the same level."""
    best = 2 * roof.multiply_adds.per_s / 1e9
    lines = []
    for rate, name, dash in ((roof.bytes[-1], "memory", "dash"), (roof.bytes[0], "nearest cache", "solid")):
        slope = rate.per_s / 1e9
        x = sorted({low, min(max(best / slope, low), high), high})
        lines.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": in_plot(f"roof: {name} {slope:.0f} GB/s, {best:.0f} GFLOP/s"),
                "x": [rounded(each) for each in x],
                "y": [rounded(min(best, slope * each)) for each in x],
                "line": {"color": GREY, "width": 2, "dash": dash},
                "hoverinfo": "skip",
            }
        )
    return lines


def _points(spots: Sequence[_Spot]) -> list[dict[str, Any]]:
    """Those of a kind in a colour, the kind that takes most first."""
    times: dict[str, float] = {}
    for spot in spots:
        times[spot.kind] = times.get(spot.kind, 0.0) + spot.part.ms.value
    order = sorted(times, key=lambda kind: -times[kind])
    groups = [(kind, [spot for spot in spots if spot.kind == kind]) for kind in order[:_KINDS]]
    if rest := [spot for spot in spots if spot.kind in order[_KINDS:]]:
        groups.append((_OTHERS, rest))
    largest = max(spot.part.share.value for spot in spots)
    return [_group(number, name, group, largest) for number, (name, group) in enumerate(groups)]


def _group(number: int, name: str, spots: Sequence[_Spot], largest: float) -> dict[str, Any]:
    colour, symbol = colour_and_symbol(number)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": in_plot(name),
        "x": [rounded(spot.intensity) for spot in spots],
        "y": [rounded(spot.gflops) for spot in spots],
        "hovertext": [_hover(spot) for spot in spots],
        "hoverinfo": "text",
        "marker": {
            "color": colour,
            "symbol": symbol,
            "opacity": 0.7,
            # The area is the share.
            "size": [rounded(max(_SMALLEST, _LARGEST * math.sqrt(s.part.share.value / largest))) for s in spots],
        },
    }


def _hover(spot: _Spot) -> str:
    part = spot.part
    lines = [f"{milliseconds(part.ms.value)} ms, {percent(part.share.value)}", f"{spot.gflops:.3g} GFLOP/s"]
    lines += [f"{spot.intensity:.3g} operations a byte"]
    lines += [f"{percent(part.of_roof)} of the roof"] if part.of_roof is not None else []
    lines += [f"held up by: {cause}" for cause in part.causes]
    return hover(part.name, [part.path, *lines] if part.path else lines)
