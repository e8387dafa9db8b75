"""How often an artifact is right, as its sidecar keeps it."""

import msgspec

from exporters.config import ComputePrecision

Interval = tuple[float, float]


class DataSet(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of labelled images.

    Attributes:
        name: of the folder, without the one that it lies in.
        classes: how many folders of images it holds.
        sha256: over the name and the size in bytes of each image.
    """

    name: str
    classes: int
    sha256: str


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """How often the right class is an artifact's first, or among its first five.

    Attributes:
        precision: that the artifact was evaluated in.
        images: that were classified.
        skipped: images that cannot be read, and were left out.
        right, right_in_five: how many of those classified were.
        top1, top5: the same in percent.
        top1_interval, top5_interval: of 95 %, in percent (Wilson 1927, without a correction of continuity). It speaks
            for images drawn as these were.
        measured_at: UTC, ISO 8601.
    """

    precision: ComputePrecision
    images: int
    skipped: int = 0
    right: int
    right_in_five: int
    top1: float
    top1_interval: Interval
    top5: float
    top5_interval: Interval
    data: DataSet
    measured_at: str = ""
