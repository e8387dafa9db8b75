"""What is known of each epoch, as a table that pandas reads."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import msgspec

from models.training.checkpoints import keep_bytes

LOG = "log.csv"


class Epoch(msgspec.Struct, frozen=True, kw_only=True):
    """One epoch.

    Attributes:
        epoch: from 1.
        lr: at its beginning.
        train_loss: the mean over its steps, on changed and mixed images.
        top1, top5: of the network on the validation images, in percent.
        ema_top1, ema_top5: of its averaged weights.
        seconds: that it took, validation included.
        images: that it trained on.
    """

    epoch: int
    lr: float
    train_loss: float
    top1: float
    top5: float
    ema_top1: float
    ema_top5: float
    seconds: float
    images: int


def write_log(folder: Path, epochs: Sequence[Epoch]) -> None:
    """
    Raises:
        NotKeptError: it cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Epoch.__struct_fields__)
    writer.writerows(msgspec.structs.astuple(epoch) for epoch in epochs)
    keep_bytes(folder / LOG, text.getvalue().encode())
