"""How a training went: its loss and its accuracy, epoch by epoch."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from results.colours import BLACK, VERMILLION
from results.plots.picture import PlotError
from results.plots.style import GREY, PALETTE, WIDTH_IN, Page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LogRow = dict[str, float]


def read_log(path: Path) -> list[LogRow]:
    """The epochs of a log that `effmod train` wrote, by its columns.

    Raises:
        PlotError: it is no such log, or has no epoch.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        raise PlotError(f"{path} is no log of 'effmod train': {error}") from error
    if not rows or not {"epoch", "train_loss", "top1", "ema_top1", "lr"} <= rows[0].keys():
        raise PlotError(f"{path} is no log of 'effmod train', or has no epoch")
    return rows


def training(rows: Sequence[LogRow], *, width_in: float = WIDTH_IN) -> "Figure":
    """Loss and learning rate on the left, top-1 on the right: of the network, and of its averaged weights."""
    from matplotlib.figure import Figure

    page = Page(width_in)
    figure = Figure(figsize=(width_in, width_in * 0.38), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    left.plot(epochs, [row["train_loss"] for row in rows], color=BLACK, linewidth=1.2)
    _name(left, page, "loss on the training images")
    rate = left.twinx()
    rate.plot(epochs, [row["lr"] for row in rows], color=GREY, linewidth=0.8, linestyle=":")
    rate.set_ylabel("learning rate (dotted)", fontsize=page.small, color=GREY)
    rate.tick_params(labelsize=page.small, colors=GREY)
    right.plot(epochs, [row["ema_top1"] for row in rows], color=VERMILLION, linewidth=1.4, label="averaged weights")
    right.plot(epochs, [row["top1"] for row in rows], color=PALETTE[0], linewidth=0.9, label="network")
    right.legend(fontsize=page.small, frameon=False, loc="lower right")
    _name(right, page, "top-1 on the validation images (%)")
    return figure


def _name(axes: "Axes", page: Page, what: str) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch", fontsize=page.font)
    axes.set_ylabel(what, fontsize=page.small)
    axes.tick_params(labelsize=page.small)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(axes.lines[0].get_xdata()) == 1:  # type: ignore[arg-type]
        for line in axes.lines:
            line.set_marker("o")
    axes.spines[["top"]].set_visible(False)
