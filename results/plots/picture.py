"""A picture's file: which kinds there are, and that it is written whole or not at all."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from results.whole import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class PlotError(ValueError):
    """There is nothing to draw, or no way to draw it; the message says which."""


def check_ending(path: Path) -> None:
    """Refuse a file of a kind that cannot be drawn.

    Raises:
        PlotError: it is one.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if path.suffix.lower().lstrip(".") not in FigureCanvasAgg.get_supported_filetypes():
        raise PlotError(f"cannot draw a {path.suffix or 'file without an ending'}; choose .png, .svg or .pdf")


@contextmanager
def quiet_about_letters() -> Iterator[None]:
    """A file's name may be in any script; what the font lacks is drawn as a box."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def save(figure: "Figure", path: Path) -> None:
    """Write a picture; its ending is the format (.png, .svg, .pdf). The same one has the same bytes each time.

    Raises:
        PlotError: the ending is none that can be drawn.
        OSError: the file cannot be written; one that was there before is still what it was.
    """
    import matplotlib

    check_ending(path)
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    # Publishers refuse fonts of type 3, matplotlib's default.
    settings = matplotlib.rc_context({"svg.hashsalt": "effmod", "pdf.fonttype": 42})
    with whole(path) as partial, settings, quiet_about_letters():
        figure.savefig(partial, metadata=undated.get(path.suffix.lower()))
