"""How accurate what was timed is, and who says so."""

from collections.abc import Callable, Iterable
from enum import StrEnum

import msgspec

from results.records.accuracy import AccuracyRecord, StatedAccuracy
from results.records.artifact import TimedArtifact

_IMAGENET = 50_000, 1000  # images and classes of the validation set


class AccuracySource(StrEnum):
    """Who says so. Where several do, the first of these counts."""

    MEASURED = "measured here"
    STATED = "stated by the user"
    PUBLISHED = "published"


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """How often the right class is the first, in percent, and who says so.

    Attributes:
        top5: how often it is among the first five; None where nobody says.
        low, high: of top-1, the ends of the 95 % interval (Wilson 1927); None where it was not measured here.
        images: that it was measured over; None where it was not measured here.
        skipped: of the folder's images, those that could not be read; None where it was not measured here.
        data: these images, in words.
        over: the images, in words that tell them from all others, where they are none of ImageNet's validation set,
            over which what is published is, and what is stated for all that is known. Accuracies over different images
            cannot be compared.
    """

    top1: float
    top5: float | None = None
    low: float | None = None
    high: float | None = None
    images: int | None = None
    skipped: int | None = None
    source: AccuracySource
    data: str | None = None
    over: str | None = None


def accuracy_finder(
    records: Iterable[AccuracyRecord | StatedAccuracy],
) -> Callable[[TimedArtifact], Accuracy | None]:
    """What records say of an artifact: the latest of its own file before the latest of an equal one, and what was
    measured before what was stated. None where none is of its weights."""
    latest_first = sorted(records, key=lambda record: record.started_at, reverse=True)
    # Of a store with many measurements, most are looked for by their network's name.
    known: dict[TimedArtifact, Accuracy | None] = {}

    def find(artifact: TimedArtifact) -> Accuracy | None:
        if artifact not in known:
            of_it = [record for record in latest_first if record.of.holds_for(artifact)]
            best = sorted(of_it, key=lambda r: (isinstance(r, StatedAccuracy), r.of.sha256 != artifact.sha256))
            known[artifact] = _accuracy(best[0]) if best else None
        return known[artifact]

    return find


def _accuracy(record: AccuracyRecord | StatedAccuracy) -> Accuracy:
    if isinstance(record, StatedAccuracy):
        return Accuracy(top1=record.top1, source=AccuracySource.STATED)
    from scipy.stats import binomtest  # here, so that reading records does not wait for it

    interval = binomtest(record.right, record.images).proportion_ci(confidence_level=0.95, method="wilson")
    return Accuracy(
        top1=100 * record.right / record.images,
        top5=100 * record.right_in_five / record.images,
        low=100 * float(interval.low),
        high=100 * float(interval.high),
        images=record.images,
        skipped=record.skipped,
        source=AccuracySource.MEASURED,
        data=f"{record.data} ({record.classes} classes, sha256 {record.data_sha256[:12]}, {record.precision})",
        over=None if _is_imagenet(record) else f"{record.data} ({record.classes} classes, {record.data_sha256[:7]})",
    )


def _is_imagenet(record: AccuracyRecord) -> bool:
    """By its size: copies of it that were made smaller have other hashes."""
    return (record.images + record.skipped, record.classes) == _IMAGENET
