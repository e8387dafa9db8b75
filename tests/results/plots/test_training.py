from pathlib import Path

import numpy as np
import pytest
from matplotlib.lines import Line2D

from results.plots.picture import PlotError, save
from results.plots.training import read_log, training

LOG = """epoch,lr,train_loss,top1,top5,ema_top1,ema_top5,seconds,images
1,1e-06,1.1,30.5,90.0,20.0,80.0,1.5,48
2,0.004,0.9,50.0,95.0,45.0,93.0,1.4,48
"""


def _heights(line: Line2D) -> list[float]:
    return [float(y) for y in np.asarray(line.get_ydata())]


def test_loss_and_accuracy_of_a_log_are_drawn(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG)
    figure = training(read_log(tmp_path / "log.csv"))
    loss, accuracy, rate = figure.axes
    assert _heights(loss.lines[0]) == [1.1, 0.9]
    assert {line.get_label(): _heights(line) for line in accuracy.lines} == {
        "averaged weights": [20.0, 45.0],
        "network": [30.5, 50.0],
    }
    assert _heights(rate.lines[0]) == [1e-6, 0.004]
    save(figure, tmp_path / "log.png")
    assert (tmp_path / "log.png").stat().st_size > 1000


@pytest.mark.parametrize("text", ["", "epoch,loss\n1,2\n", LOG.replace("0.9", "low"), LOG.partition("\n")[0]])
def test_what_is_no_log_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(PlotError, match=r"log\.csv is no log of 'effmod train'"):
        read_log(tmp_path / "log.csv")
