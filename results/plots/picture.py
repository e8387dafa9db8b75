"""A picture's file: which kinds there are, and that it is written whole or not at all."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

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


def save(figure: "Figure", path: Path) -> None:
    """Write a picture; its ending is the format (.png, .svg, .pdf). The same one has the same bytes each time.

    Raises:
        PlotError: the ending is none that can be drawn.
        OSError: the file cannot be written; one that was there before is still what it was.
    """
    import matplotlib

    check_ending(path)
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with tempfile.TemporaryDirectory(prefix=".effmod-", dir=path.parent) as folder:
        partial = Path(folder) / path.name
        with matplotlib.rc_context({"svg.hashsalt": "effmod"}):
            figure.savefig(partial, metadata=undated.get(path.suffix.lower()))
        partial.replace(path)
