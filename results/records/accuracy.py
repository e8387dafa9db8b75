"""The records of accuracies: what was measured of an artifact, and what a person says of it."""

import math

import msgspec

from results.records.artifact import EQUAL_FORMS, TimedArtifact
from results.records.base import Count, Record

ACCURACY_NAME = "-accuracy"
"""In the id of each of these records, and so in its file's name: they are found without the others being opened."""


class AccuracyOf(msgspec.Struct, frozen=True, kw_only=True):
    """The artifact that an accuracy is of.

    Attributes:
        name, format, form: as of a timed artifact.
        weights: in words that tell them from all others, such as "net.pth (sha256 0123456789ab)"; None where only the
            file itself does.
    """

    name: str
    sha256: str
    format: str
    form: str | None
    image_size: Count | None
    weights: str | None

    def holds_for(self, artifact: TimedArtifact) -> bool:
        """Whether it is this artifact, or another file of the same network with the same weights that computes what
        this one does: in float32, in a form that is proved equal."""
        if self.sha256 == artifact.sha256:
            return True
        return (
            self.weights is not None
            and (self.name, self.weights, self.image_size) == (artifact.name, artifact.weights, artifact.image_size)
            and all(each.format in _FLOAT32_FORMATS and each.form in EQUAL_FORMS for each in (self, artifact))
        )


# Whose files of these forms compute in float32; a Core ML package usually does not.
_FLOAT32_FORMATS = ("onnx", "pytorch")


class AccuracyRecord(Record, frozen=True, kw_only=True, tag="accuracy"):
    """How often an artifact was right over a folder of labelled images.

    Attributes:
        started_at: when it was known.
        of: what was tried.
        precision: that it was evaluated in, its own.
        images: that were classified.
        skipped: images that could not be read, and were left out.
        right, right_in_five: of those classified, whose class was the first, or among the first five.
        data: name of the folder.
        classes: how many it holds.
        data_sha256: over the name and size of each image.

    Raises:
        ValueError: no image was classified, or more are right than there are.
    """

    of: AccuracyOf
    precision: str
    images: Count
    skipped: Count = 0
    right: Count
    right_in_five: Count
    data: str
    classes: Count
    data_sha256: str

    def __post_init__(self) -> None:
        if not self.right <= self.right_in_five <= self.images or not self.images:
            raise ValueError(
                f"{self.right} of {self.images} images are right, and {self.right_in_five} in five, which cannot be"
            )


class StatedAccuracy(Record, frozen=True, kw_only=True, tag="stated-accuracy"):
    """An accuracy that a person states of a network or file, or that stands in the row of a plug-in.

    Attributes:
        started_at: when it was entered.
        of: what was timed as that.
        top1: in percent.

    Raises:
        ValueError: it is no percentage.
    """

    of: AccuracyOf
    top1: float

    def __post_init__(self) -> None:
        if not 0 <= self.top1 <= 100 or math.isnan(self.top1):
            raise ValueError(f"a top-1 is from 0 to 100 percent, not {self.top1}")
