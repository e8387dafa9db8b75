"""Names beside points: none meets another, a point, a bar or a line that it must keep off."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from results.plots.picture import quiet_about_letters
from results.plots.style import Look

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

    Array = npt.NDArray[np.float64]

_DIRECTIONS = 24  # places that are tried around a point
_STEPS = (20, 60)  # outwards; farther ones only where nothing nearer is free
_FAR = 1.4  # from so many sizes of the font on, a line leads to the point
_BETWEEN_PT = 0.8  # a name and whatever it keeps off
_CROSSING = 2.0  # a leader that crosses a line is as bad as one so many steps longer, and so is a name on a thin one
_STRIKING = 15.0  # one that runs through a name or a point
_MISLEADING = 12.0  # a name that is nearer to another point than to its own
_COVERING = 1e6
_AT_ONCE = 500

Segment = tuple[tuple[float, float], tuple[float, float]]


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """A name that is to stand beside a point, or beside any one of several, in the axes' units."""

    text: str
    at: tuple[tuple[float, float], ...]
    look: Look
    is_bold: bool = False


def place_names(
    axes: "Axes",
    names: Sequence[Name],
    *,
    lines: Sequence[Segment],
    thin: Sequence[Segment],
    points: Sequence[tuple[float, float]],
    font: float,
    marker: float,
) -> "list[Annotation]":
    """Write names beside their points, each at the nearest place that is free; from afar a thin line leads to it.

    The figure is laid out for that, once and for all: what is free is seen in pixels. Names are placed from the most
    crowded point on. Where nothing is free, a name stands where it covers least.

    Args:
        lines: in the axes' units, to keep off: bars and fronts.
        thin: in the axes' units, to keep off where that costs little.
        points: in the axes' units, to keep off.
        font, marker: sizes in points.
    """
    import numpy as np

    figure = axes.get_figure(root=True)
    assert figure is not None
    drafts = [_written(axes, name, font, name.at[0], (0, 0)) for name in names]
    with quiet_about_letters():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    pixels = figure.dpi / 72
    room = _Room(axes, lines=lines, thin=thin, points=points, half=marker / 2 * pixels, between=_BETWEEN_PT * pixels)
    anchors = [axes.transData.transform(name.at) for name in names]
    found: dict[int, Annotation] = {}
    for i in _from_the_most_crowded([every[0] for every in anchors]):
        box = drafts[i].get_window_extent()
        drafts[i].remove()
        half = np.array([box.width, box.height]) / 2
        which, centre = room.take(anchors[i], half, step=0.45 * font * pixels)
        to_centre = centre - anchors[i][which]
        # A text is not written at the middle of its box.
        offset = (to_centre - (box.p0 + box.p1) / 2 + anchors[i][0]) / pixels
        nearest = np.clip(-to_centre, -half, half)  # to the point, from the centre
        is_far = math.hypot(*(to_centre + nearest)) > _FAR * font * pixels
        leader = (nearest / half + 1) / 2 if is_far else None
        found[i] = _written(axes, names[i], font, names[i].at[which], offset, leader)
    return [found[i] for i in range(len(names))]


def _written(
    axes: "Axes",
    name: Name,
    font: float,
    at: tuple[float, float],
    offset: "Array | tuple[float, float]",
    leader: "Array | None" = None,
) -> "Annotation":
    """A name off a point.

    Args:
        offset: of the text, in points.
        leader: where at the text's box a line to the point begins, in shares of its sides; None for no line.
    """
    line = {"arrowstyle": "-", "color": "0.55", "linewidth": 0.4, "shrinkA": 0, "shrinkB": 1, "relpos": leader}
    found = axes.annotate(
        name.text,
        at,
        xytext=(offset[0], offset[1]),
        textcoords="offset points",
        ha="center",
        va="center_baseline",
        fontsize=font,
        color=name.look.ink,
        fontweight="bold" if name.is_bold else "normal",
        parse_math=False,
        arrowprops=None if leader is None else line,
        zorder=5,
    )
    found.set_in_layout(False)
    return found


def _from_the_most_crowded(anchors: "Sequence[Array]") -> list[int]:
    import numpy as np

    if len(anchors) < 2:
        return list(range(len(anchors)))
    places = np.array(anchors)
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    nearest = np.sort(apart, axis=1)[:, 1 : 1 + min(3, len(places) - 1)].mean(axis=1)
    return [int(i) for i in np.argsort(nearest, kind="stable")]


class _Room:
    """What of a figure's axes is taken, in pixels."""

    def __init__(
        self,
        axes: "Axes",
        *,
        lines: Sequence[Segment],
        thin: Sequence[Segment],
        points: Sequence[tuple[float, float]],
        half: float,
        between: float,
    ) -> None:
        import numpy as np

        def in_pixels(segments: Sequence[Segment]) -> "Array":
            ends = np.array(segments, dtype=float).reshape(-1, 2)
            found: Array = (axes.transData.transform(ends) if len(ends) else ends).reshape(-1, 2, 2)
            return found

        whole = axes.get_window_extent()
        self._whole = np.array([whole.x0, whole.y0, whole.x1, whole.y1])
        self._between = between
        self._lines, self._thin = in_pixels(lines), in_pixels(thin)
        spots = in_pixels([(point, point) for point in points])[:, 0]
        self._spots = spots
        self._boxes: Array = np.hstack([spots - half, spots + half])  # (n, 4): x0, y0, x1, y1

    def take(self, anchors: "Array", half: "Array", *, step: float) -> "tuple[int, Array]":
        """The best place for a box beside one of these points, which is taken from now on.

        Args:
            half: of the box's width and height.

        Returns:
            Which of the points, and the box's centre.
        """
        import numpy as np

        for steps in _STEPS:
            around, distance = _candidates(half, step, steps)
            beside = np.repeat(anchors, len(around), axis=0)
            centres = beside + np.tile(around, (len(anchors), 1))
            boxes = np.hstack([centres - half - self._between, centres + half + self._between])
            leaders = np.stack([beside, np.clip(beside, boxes[:, :2], boxes[:, 2:])], axis=1)
            # The first point is the one to stand at, a little.
            cost = np.concatenate([distance + number for number in range(len(anchors))])
            cost += self._cost(boxes, leaders) + _MISLEADING * self._misleads(boxes, leaders, anchors)
            best = int(np.argmin(cost))
            if cost[best] < _COVERING:
                break
        self._boxes = np.vstack([self._boxes, boxes[best]])
        self._lines = np.vstack([self._lines, leaders[best][None]])
        return best // len(around), np.asarray(centres[best])

    def _misleads(self, boxes: "Array", leaders: "Array", own: "Array") -> "npt.NDArray[np.bool_]":
        """Whether each place is nearer to another point than the name's own one."""
        import numpy as np

        others = self._spots[~(self._spots[:, None] == own[None]).all(axis=2).any(axis=1)]
        apart = others[None] - np.clip(others[None], boxes[:, None, :2], boxes[:, None, 2:])
        nearest = np.hypot(*np.moveaxis(apart, 2, 0)).min(axis=1, initial=np.inf)
        return np.asarray(nearest < np.hypot(*(leaders[:, 1] - leaders[:, 0]).T))

    def _cost(self, boxes: "Array", leaders: "Array") -> "Array":
        """What each of some places is worth giving up, in steps that it could lie farther off instead."""
        import numpy as np

        pieces = -(-len(boxes) // _AT_ONCE)  # each place is set beside each line: of all at once there are too many
        every = zip(np.array_split(boxes, pieces), np.array_split(leaders, pieces), strict=True)
        return np.concatenate([self._cost_of_few(*few) for few in every])

    def _cost_of_few(self, boxes: "Array", leaders: "Array") -> "Array":
        import numpy as np

        outside = ((boxes[:, :2] < self._whole[:2]) | (boxes[:, 2:] > self._whole[2:])).any(axis=1)
        covered = meets(self._lines, boxes).sum(axis=0) + _overlap(self._boxes, boxes).sum(axis=0)
        # The point of the name itself is no obstacle to its leader.
        struck = (meets(leaders, self._boxes) & ~_holds(self._boxes, leaders[:, 0])).sum(axis=1)
        crossed = _cross(leaders, self._lines).sum(axis=1) + meets(self._thin, boxes).sum(axis=0)
        return np.asarray(_CROSSING * crossed + _STRIKING * struck + _COVERING * covered + 1e9 * outside)


def _candidates(half: "Array", step: float, count: int) -> "tuple[Array, Array]":
    """Centres of boxes around a point at 0, and how far off each is, in steps; to the right is a little nearer."""
    import numpy as np

    angles = np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS
    steps = np.arange(1, count + 1)
    towards = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # The box's side or corner that is nearest to the point lies so many steps off.
    beside = np.sign(np.round(towards, 6)) * np.minimum(np.abs(towards) * 1.5, 1) * half
    centres = beside[None] + towards[None] * (steps[:, None, None] * step)
    distance = steps[:, None] + 0.6 * (1 - towards[:, 0])[None] + 0.3 * (towards[:, 1] < 0)[None]
    return centres.reshape(-1, 2), distance.reshape(-1)


def _holds(boxes: "Array", points: "Array") -> "npt.NDArray[np.bool_]":
    """Whether boxes hold points, each point with each box."""
    import numpy as np

    within = (boxes[None, :, :2] <= points[:, None]) & (points[:, None] <= boxes[None, :, 2:])
    return np.asarray(within.all(axis=2))


def _overlap(first: "Array", second: "Array") -> "npt.NDArray[np.bool_]":
    """Whether boxes overlap, each of the first with each of the second."""
    import numpy as np

    apart = (first[:, None, 2:] <= second[None, :, :2]) | (second[None, :, 2:] <= first[:, None, :2])
    return ~np.asarray(apart.any(axis=2))


def meets(segments: "Array", boxes: "Array") -> "npt.NDArray[np.bool_]":
    """Whether lines meet boxes, each line (n, 2, 2) with each box (m, 4): Liang and Barsky (1984)."""
    import numpy as np

    start, along = segments[:, None, 0], segments[:, None, 1] - segments[:, None, 0]
    still = np.abs(along) < 1e-9
    safe = np.where(still, 1.0, along)
    first, last = (boxes[None, :, :2] - start) / safe, (boxes[None, :, 2:] - start) / safe
    enter = np.where(still, -np.inf, np.minimum(first, last)).max(axis=2)
    leave = np.where(still, np.inf, np.maximum(first, last)).min(axis=2)
    beside = still & ((start < boxes[None, :, :2]) | (start > boxes[None, :, 2:]))
    found: npt.NDArray[np.bool_] = (np.maximum(enter, 0) < np.minimum(leave, 1)) & ~beside.any(axis=2)
    return found


def _cross(first: "Array", second: "Array") -> "npt.NDArray[np.bool_]":
    """Whether lines cross, each of the first with each of the second."""
    import numpy as np

    def side(a: "Array", b: "Array", c: "Array") -> "Array":
        return np.asarray((b - a)[..., 0] * (c - a)[..., 1] - (b - a)[..., 1] * (c - a)[..., 0])

    a, b, c, d = first[:, None, 0], first[:, None, 1], second[None, :, 0], second[None, :, 1]
    found: npt.NDArray[np.bool_] = (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
    return found
