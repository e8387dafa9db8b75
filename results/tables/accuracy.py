"""How accurate what was timed is: a column where anybody but the paper says so, with a mark that says who."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from results.statistics.accuracy import Accuracy, AccuracySource
from results.statistics.summary import Measurement
from results.tables.table import Cell, Column, Note
from results.tables.words import digits

_MARKS = {AccuracySource.MEASURED: "ᵐ", AccuracySource.STATED: "ˢ", AccuracySource.PUBLISHED: "ᵖ"}
PUBLISHED_TOP1 = "published_top1"
# What is shown of an accuracy where it is not the paper's alone.
_SHOWN = {"top1": False, PUBLISHED_TOP1: True}
_SHOWN_MEASURED = {"top1_low": False, "top1_high": False}


def _field(
    name: str, key: str, header: str, *, decimals: int | None = None, spare: int = 0, alone: str | None = None
) -> Column[Measurement]:
    """A field of an accuracy, a detail until `settle_accuracy` finds it needed."""

    def get(row: Measurement) -> Cell:
        found = row.accuracy and getattr(row.accuracy, name)
        return found if found is None or isinstance(found, int | float) else str(found)

    show = str if decimals is None else digits(decimals)
    return Column(key=key, header=header, get=get, show=show, detail=True, spare=spare, alone=alone)


def _mark(row: Measurement) -> str:
    return f" {_MARKS[row.accuracy.source]}" if row.accuracy else ""


ACCURACY_COLUMNS: tuple[Column[Measurement], ...] = (
    Column(
        key=PUBLISHED_TOP1,
        header="published\ntop-1 %",
        spare=3,
        get=lambda row: row.published.top1 if row.published else None,
        show=digits(1),
        published=True,
    ),
    msgspec.structs.replace(_field("top1", "top1", "top-1\n%", decimals=1, spare=1), mark=_mark),
    _field("low", "top1_low", "95 %\nfrom", decimals=1, spare=5, alone="top-1\n95 % from"),
    _field("high", "top1_high", "\nto", decimals=1, spare=5, alone="top-1\n95 % to"),
    _field("source", "top1_source", "top-1 is"),
    _field("top5", "top5", "top-5\n%", decimals=1),
    _field("images", "images", "images"),
    _field("skipped", "images_skipped", "images\nskipped"),
    _field("data", "top1_data", "images of"),
)


def settle_accuracy(
    columns: Iterable[Column[Measurement]], measurements: Sequence[Measurement]
) -> list[Column[Measurement]]:
    """The columns with that of the accuracies in the place of the paper's, where there are others than those."""
    own = [m.own_accuracy for m in measurements if m.own_accuracy]
    details = (_SHOWN if own else {}) | (_SHOWN_MEASURED if any(each.low is not None for each in own) else {})
    return [msgspec.structs.replace(column, detail=details.get(column.key, column.detail)) for column in columns]


def accuracy_notes(measurements: Sequence[Measurement]) -> Iterator[str]:
    """What the marks of the column mean."""
    for source in AccuracySource:
        of_source = [m for m in measurements if m.accuracy and m.accuracy.source is source]
        if of_source:
            yield f"{_MARKS[source]} {_WORDS[source]}{_over(of_source)}."
        elsewhere = [m for m in of_source if source is AccuracySource.STATED and _is_random(m)]
        if elsewhere:
            names = ", ".join(dict.fromkeys(m.name for m in elsewhere))
            words = f"Timed with random weights, of which no accuracy is: what is stated is of trained ones: {names}."
            yield Note(words, "top1")


def checkpoint_notes(measurements: Sequence[Measurement]) -> Iterator[str]:
    """Of which rows the paper's accuracy stands beside a checkpoint, whose own nobody says."""
    published = [m for m in measurements if m.accuracy and m.accuracy.source is AccuracySource.PUBLISHED]
    named = dict.fromkeys(f"{m.name} of {m.artifact.weights}" for m in published if _is_checkpoint(m))
    if named:
        yield (
            "The published top-1 is of the paper's weights; timed with a checkpoint of one's own, whose top-1 'effmod "
            f"verify --data' measures: {', '.join(named)}."
        )


_WORDS = {
    AccuracySource.MEASURED: "top-1 measured here, of this file or of an equal one with the same weights",
    AccuracySource.STATED: "top-1 stated by the user",
    AccuracySource.PUBLISHED: "top-1 published, of the paper's weights",
}


def _over(measurements: Iterable[Measurement]) -> str:
    """The images behind measured accuracies, in words; "" for others."""
    found = dict.fromkeys(_images(m.accuracy) for m in measurements if m.accuracy and m.accuracy.images is not None)
    return f", with its 95 % interval (Wilson 1927), over {'; '.join(found)}" if found else ""


def _images(accuracy: Accuracy) -> str:
    skipped = f" ({accuracy.skipped} more cannot be read)" if accuracy.skipped else ""
    return f"{accuracy.images:,} images{skipped} of {accuracy.data}"


def _is_checkpoint(measurement: Measurement) -> bool:
    return "(sha256 " in (measurement.artifact.weights or "")


def _is_random(measurement: Measurement) -> bool:
    return (measurement.artifact.weights or "").startswith("random(")
