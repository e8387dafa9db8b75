"""Which of several accuracies counts."""

import msgspec
import pytest

from results import Accuracy, AccuracySource, StatedAccuracy, summarise
from results.statistics.accuracy import accuracy_finder
from tests.fakes import make_accuracy, make_round, timed_artifact

TRAINED = msgspec.structs.replace(timed_artifact(), weights="net.pth (sha256 0123456789ab)")


def stated(top1: float, *, day: int = 9) -> StatedAccuracy:
    return StatedAccuracy(id=f"{day}-accuracy", started_at=f"2026-01-0{day}", of=make_accuracy(TRAINED).of, top1=top1)


def test_what_was_measured_counts_before_what_is_stated_and_what_is_published() -> None:
    published = summarise([make_round([5.0], artifact=TRAINED)])[0].accuracy
    assert published == Accuracy(top1=76.0, source=AccuracySource.PUBLISHED)
    [said] = summarise([make_round([5.0], artifact=TRAINED)], accuracies=[stated(77.3)])
    assert said.accuracy == Accuracy(top1=77.3, source=AccuracySource.STATED)
    [measured] = summarise([make_round([5.0], artifact=TRAINED)], accuracies=[stated(77.3), make_accuracy(TRAINED)])
    assert measured.accuracy is not None
    assert (measured.accuracy.source, measured.accuracy.images) == (AccuracySource.MEASURED, 360)
    assert measured.accuracy.top1 == pytest.approx(75)
    # Wilson's of 270 of 360.
    assert (measured.accuracy.low, measured.accuracy.high) == pytest.approx((70.28, 79.20), abs=0.01)


def test_only_what_is_over_images_as_imagenets_are_compares_with_what_is_published() -> None:
    record = make_accuracy(TRAINED)
    imagenet = msgspec.structs.replace(record, images=49_999, skipped=1, classes=1000)
    for each, over in ((record, "val (10 classes, d1d1d1d)"), (imagenet, None), (stated(77.3), None)):
        found = accuracy_finder([each])(TRAINED)
        assert found is not None
        assert found.over == over


def test_random_weights_have_none_of_a_checkpoints() -> None:
    plain = msgspec.structs.replace(timed_artifact(), sha256="9" * 64, weights="random(seed 0)")
    [measurement] = summarise([make_round([5.0], artifact=plain)], accuracies=[make_accuracy(TRAINED)])
    assert measurement.own_accuracy is None


def test_the_latest_of_a_files_own_counts_before_that_of_an_equal_file() -> None:
    equal = msgspec.structs.replace(TRAINED, sha256="9" * 64)
    older = msgspec.structs.replace(make_accuracy(TRAINED, right=300), id="a-accuracy", started_at="2026-01-01")
    newer = msgspec.structs.replace(make_accuracy(TRAINED, right=310), id="b-accuracy", started_at="2026-01-02")
    of_equal = msgspec.structs.replace(make_accuracy(equal, right=320), id="c-accuracy", started_at="2026-01-03")
    found = accuracy_finder([newer, of_equal, older])
    assert (own := found(TRAINED)) is not None
    assert own.top1 == pytest.approx(100 * 310 / 360)
    assert (other := found(equal)) is not None
    assert other.top1 == pytest.approx(100 * 320 / 360)
