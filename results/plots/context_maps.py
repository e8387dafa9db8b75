"""Maps over the image that they are of: where a network's blocks respond. Matplotlib is imported when it is drawn."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from results.plots.picture import check_ending, save
from results.tables.visible import visible

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes

    Array = npt.NDArray[np.generic]

_FEWEST, _MOST = 4, 8  # panels in a row
_COLOURS = "viridis"  # what is higher is brighter, in grey, too
_OPACITY = 0.6

# In inches.
_PANEL, _GAP, _MARGIN = 1.5, 0.12, 0.15
_SIDE = 0.85  # for a row's name
_BAR, _TICKS = 0.1, 0.55  # a scale, and its numbers
_LINE = 0.17  # of small text
_CHARACTER = 0.058  # of it, in prose
_WIDE_CHARACTER = 0.105  # of larger text, in names

_CONTEXT_NOTE = (
    "Each map is the mean of a block's context over its channels, a square for each of its positions, over the image "
    "as the network sees it. A map has a scale of its own: from its lowest value, dark, to its highest, bright, which "
    "both stand above it."
)
_CHUNKS_NOTE = (
    "By chunks: the block's values come in chunks of as many channels as its context has, and each chunk meets the "
    "same context. Means over a chunk's channels. Here a row has one scale, which stands beside it."
)


class MapGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Contexts that stand together, those of a stage: each (H, W), by its block's name. The label has short lines."""

    label: str
    maps: "dict[str, Array]"


class ChunkMaps(msgspec.Struct, frozen=True, kw_only=True):
    """What a block's context makes of its values: for each row's name the maps of the chunks, (r, H, W)."""

    label: str
    rows: "dict[str, Array]"


def plot_context_maps(
    image: "Array",
    groups: Sequence[MapGroup],
    path: Path,
    *,
    title: Sequence[str],
    warning: str = "",
    chunks: ChunkMaps | None = None,
) -> None:
    """Draw maps over an image into a file; its ending is the format (.png, .svg, .pdf).

    Args:
        image: (S, S, 3), bytes.
        groups: each begins a row of its own.
        title: its lines.
        warning: what else must be known of the maps.

    Raises:
        PlotError: the ending is none that can be drawn.
        OSError: the file cannot be written.
    """
    check_ending(path)
    sheet = _Sheet(image, groups, chunks)
    sheet.head(title, warning)
    for group in groups:
        sheet.contexts(group)
    if chunks:
        sheet.chunks(chunks)
    sheet.notes()
    save(sheet.figure, path)


class _Sheet:
    """A page that is filled from its top; everything on it has a size in inches, so that nothing overlaps."""

    def __init__(self, image: "Array", groups: Sequence[MapGroup], chunks: ChunkMaps | None) -> None:
        from matplotlib.figure import Figure

        longest = max((len(group.maps) for group in groups), default=0)
        widest = max((len(maps) for maps in chunks.rows.values()), default=0) if chunks else 0
        self._columns = max(_FEWEST, min(longest, _MOST), widest)
        self._width = 2 * _MARGIN + _SIDE + self._columns * (_PANEL + _GAP) + (_BAR + _TICKS if chunks else 0)
        room = self._width - 2 * _MARGIN
        texts = [_CONTEXT_NOTE, *([_CHUNKS_NOTE] if chunks else [])]
        self._notes = [line for text in texts for line in textwrap.wrap(text, int(room / _CHARACTER))]
        lines = sum(-(-len(group.maps) // self._columns) for group in groups)
        self._height = (
            2 * _MARGIN
            + self._row_height(0)
            + lines * self._row_height(2)
            + ((len(chunks.rows) * self._row_height(0) + 3 * _LINE) if chunks else 0)
            + len(self._notes) * _LINE
        )
        self.figure: Figure = Figure(figsize=(self._width, self._height), dpi=150)
        self._image = image
        self._top = _MARGIN

    def head(self, title: Sequence[str], warning: str) -> None:
        """The image, and beside it what the maps are of."""
        self._draw_image(self._panel(_MARGIN, self._top))
        left = _MARGIN + _PANEL + _GAP
        room = self._width - left - _MARGIN
        top = self._top
        for i, text in enumerate(title):
            lines = textwrap.wrap(visible(text), int(room / _WIDE_CHARACTER), max_lines=2, placeholder=" ...")
            top = self._text(left, top, *lines, size=9, weight="normal" if i else "bold")
        lines = textwrap.wrap(warning, int(room / _WIDE_CHARACTER))
        self._text(left, top, *lines, size=9, color="firebrick")
        self._top += self._row_height(0)

    def contexts(self, group: MapGroup) -> None:
        """A stage's contexts, each with its range."""
        maps = list(group.maps.items())
        for start in range(0, len(maps), self._columns):
            part = maps[start : start + self._columns]
            top = self._top + 2 * _LINE
            if not start:
                self._text(_MARGIN, top, *group.label.splitlines())
            for left, (name, values) in zip(self._lefts(), part, strict=False):
                low, high = _range(values)
                self._text(left, self._top, name, weight="bold")
                self._text(
                    left, self._top + _LINE, f"{_number(low)} to {_number(high)}" if low < high else _number(low)
                )
                self._draw_map(self._panel(left, top), values, low, high)
            self._top += self._row_height(2)

    def chunks(self, chunks: ChunkMaps) -> None:
        """A row each for v, ctx and the two together, a column a chunk."""
        self._top += _LINE
        self._text(_MARGIN, self._top, chunks.label, weight="bold")
        self._top += _LINE
        for left, number in zip(self._lefts(), range(max(map(len, chunks.rows.values()))), strict=False):
            self._text(left, self._top, f"chunk {number}")
        self._top += _LINE
        for name, maps in chunks.rows.items():
            self._text(_MARGIN, self._top, name)
            low, high = _range(maps)
            for left, values in zip(self._lefts(), maps, strict=False):
                drawn = self._draw_map(self._panel(left, self._top), values, low, high)
            beside = _MARGIN + _SIDE + len(maps) * (_PANEL + _GAP)
            bar = self.figure.colorbar(drawn, cax=self._axes(beside, self._top, _BAR, _PANEL))
            bar.ax.tick_params(labelsize=6, length=2)
            self._top += self._row_height(0)

    def notes(self) -> None:
        """How the maps are to be read."""
        for line in self._notes:
            self._top = self._text(_MARGIN, self._top, line, color="0.3")

    @staticmethod
    def _row_height(lines: int) -> float:
        return _PANEL + _GAP + lines * _LINE

    def _lefts(self) -> Iterator[float]:
        return (_MARGIN + _SIDE + i * (_PANEL + _GAP) for i in range(self._columns))

    def _panel(self, left: float, top: float) -> "Axes":
        axes = self._axes(left, top, _PANEL, _PANEL)
        axes.set_axis_off()
        return axes

    def _axes(self, left: float, top: float, width: float, height: float) -> "Axes":
        bottom = self._height - top - height
        return self.figure.add_axes(
            (left / self._width, bottom / self._height, width / self._width, height / self._height)
        )

    def _text(self, left: float, top: float, *lines: str, size: float = 7.5, **style: Any) -> float:
        """Lines one below the other; returns where the next is."""
        for line in lines:
            self.figure.text(
                left / self._width, 1 - top / self._height, line, size=size, va="top", parse_math=False, **style
            )
            top += _LINE * size / 7.5
        return top

    def _draw_image(self, axes: "Axes") -> None:
        axes.imshow(self._image, extent=(0, 1, 0, 1))

    def _draw_map(self, axes: "Axes", values: "Array", low: float, high: float) -> Any:
        axes.imshow(self._image.mean(axis=2), cmap="gray", vmin=0, vmax=255, extent=(0, 1, 0, 1))
        return axes.imshow(
            values,
            cmap=_COLOURS,
            alpha=_OPACITY,
            vmin=low,
            vmax=high if low < high else low + 1,
            extent=(0, 1, 0, 1),
            interpolation="nearest",
        )


def _range(values: "Array") -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _number(value: float) -> str:
    return f"{value:.2g}".replace("-", "−")
