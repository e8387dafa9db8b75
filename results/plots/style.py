"""How pictures look: colours and markers, fonts by a picture's width, axes with round numbers."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from results.colours import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

GREY = "#595959"
RED = "#7F2A00"  # darker than vermillion, for a second one of equal weight
FRONT = "#bfbfbf"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY)  # vermillion is of what is to be seen first
# Shapes that stay apart in grey, and when small.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p", ">", "h")

WIDTH_IN = 7.2
"""Of a picture where nobody says: a page's."""
_NARROW_IN = 5.0  # less is a column's
_LOG_FROM = 3.0  # where the largest of an axis is so many times the smallest, powers are what one reads


class Look(msgspec.Struct, frozen=True):
    """What tells one thing of a picture from the others: each has another colour, another marker, or both."""

    colour: str
    marker: str

    @property
    def ink(self) -> str:
        """The same colour, dark enough for small letters on white."""
        parts = (int(self.colour[i : i + 2], 16) for i in (1, 3, 5))
        return "#" + "".join(f"{int(part * 0.72):02x}" for part in parts)


OWN = Look(BLACK, "*")


def looks(count: int) -> list[Look]:
    """A look for each of so many things that are alike in weight."""
    shapes = MARKERS[1:]  # the first is of what is to be seen first
    return [Look(PALETTE[(i + i // len(shapes)) % len(PALETTE)], shapes[i % len(shapes)]) for i in range(count)]


class Page(msgspec.Struct, frozen=True):
    """A picture's width, and what follows from it."""

    width_in: float = WIDTH_IN

    @property
    def is_narrow(self) -> bool:
        """Whether it is for a paper's column."""
        return self.width_in < _NARROW_IN

    @property
    def font(self) -> float:
        """Of axes, in points."""
        return 7.0 if self.is_narrow else 9.0

    @property
    def small(self) -> float:
        """Of names, legends and remarks."""
        return 6.0 if self.is_narrow else 7.5

    @property
    def marker(self) -> float:
        """The side of a marker, in points."""
        return 3.5 if self.is_narrow else 5.5

    def characters(self, font: float) -> int:
        """About how many of this size stand in a line."""
        return int(self.width_in * 72 / (0.56 * font))

    @contextmanager
    def figure(self, height_in: float) -> "Iterator[Figure]":
        """An empty figure, whose parts have this page's fonts if they are made within."""
        import matplotlib
        from matplotlib.figure import Figure

        rules: Any = {  # matplotlib has a type of its own for them
            "font.size": self.font,
            "axes.labelsize": self.font,
            "xtick.labelsize": self.small + 0.5,
            "ytick.labelsize": self.small + 0.5,
            "legend.fontsize": self.small,
            "axes.linewidth": 0.6,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.linewidth": 0.4,
            "grid.alpha": 0.4,
            "lines.linewidth": 0.9 if self.is_narrow else 1.1,
        }
        with matplotlib.rc_context(rules):
            yield Figure(figsize=(self.width_in, height_in), dpi=200 if self.is_narrow else 150, layout="constrained")


def is_wide(low: float, high: float) -> bool:
    """Whether values from one to the other are read by powers."""
    return high / low >= _LOG_FROM


def fit(
    axis: "Axis", values: Sequence[float], *, narrow: bool, least: float | None = None, may_be_log: bool = True
) -> None:
    """Let an axis hold these values, with room at both ends and round numbers: by powers where they span many.

    Args:
        values: each more than 0 where the axis may be by powers.
        least: how much a straight axis shows where the values lie closer together; None for half of their middle.
        may_be_log: False for what is read by differences, such as percentages.
    """
    low, high = min(values), max(values)
    if may_be_log and is_wide(low, high):
        margin = (high / low) ** 0.06
        _set(axis, low / margin, high * margin, _powers(low / margin, high * margin, narrow=narrow), log=True)
        return
    from matplotlib.ticker import MaxNLocator

    middle = (low + high) / 2
    span = max((high - low) * 1.2, least if least is not None else middle / 2)
    ends = middle - span / 2, middle + span / 2
    ticks = [float(tick) for tick in MaxNLocator(nbins=6 if narrow else 7, steps=[1, 2, 5, 10]).tick_values(*ends)]
    _set(axis, *ends, [tick for tick in ticks if ends[0] <= tick <= ends[1]], log=False)


def mark_at(axis: "Axis", values: Sequence[float], *, most: int, log: bool) -> None:
    """Ticks at the values themselves, of which there are few; at every second one, or third, where they are many."""
    distinct = sorted(set(values))
    step = -(-len(distinct) // most)
    if log:
        margin = (distinct[-1] / distinct[0]) ** 0.06
        ends = distinct[0] / margin, distinct[-1] * margin
    else:
        margin = (distinct[-1] - distinct[0]) * 0.06
        ends = distinct[0] - margin, distinct[-1] + margin
    _set(axis, *ends, distinct[::step], log=log)


def _powers(low: float, high: float, *, narrow: bool) -> list[float]:
    """The finest round numbers of a logarithmic axis that are not too many."""
    most = 6 if narrow else 9
    for steps in ((1, 1.5, 2, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [step * 10.0**exponent for exponent in exponents for step in steps]
        found = [tick for tick in ticks if low <= tick <= high]
        if len(found) <= most:
            return found
    return found[:: -(-len(found) // most)]


def _set(axis: "Axis", low: float, high: float, ticks: Sequence[float], *, log: bool) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes: Axes = axis.axes
    is_x = axis is axes.xaxis
    if log:
        (axes.set_xscale if is_x else axes.set_yscale)("log")
    (axes.set_xlim if is_x else axes.set_ylim)(low, high)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.10g}"))
