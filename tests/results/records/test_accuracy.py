"""To which artifacts an accuracy belongs."""

import msgspec
import pytest

from results import AccuracyOf, AccuracyRecord, StatedAccuracy, Store, TimedArtifact
from tests.fakes import make_accuracy, timed_artifact

TRAINED = "net.pth (sha256 0123456789ab)"


def of(artifact: TimedArtifact) -> AccuracyOf:
    return make_accuracy(artifact).of


def test_an_accuracy_is_of_its_own_file_and_of_equal_ones_with_the_same_weights() -> None:
    artifact = msgspec.structs.replace(timed_artifact(), weights=TRAINED)
    own = of(artifact)
    assert own.holds_for(artifact)
    other_batch = msgspec.structs.replace(artifact, sha256="9" * 64)
    assert own.holds_for(other_batch)
    assert own.holds_for(msgspec.structs.replace(other_batch, form="rewritten"))
    assert own.holds_for(msgspec.structs.replace(other_batch, format="pytorch", form="plain"))


@pytest.mark.parametrize(
    "change",
    [
        {"weights": "other.pth (sha256 ba9876543210)"},
        {"weights": "random(seed 0)"},
        {"form": "layer_norm_to_batch_norm+batch_norm"},
        {"form": "machine-specific"},
        {"form": "plain+float16"},
        {"form": None},
        {"format": "coreml"},
        {"name": "efficientmod_xs"},
    ],
)
def test_it_is_not_of_a_file_with_other_weights_or_another_form(change: dict[str, str]) -> None:
    artifact = msgspec.structs.replace(timed_artifact(), weights=TRAINED)
    assert not of(artifact).holds_for(msgspec.structs.replace(artifact, sha256="9" * 64, **change))


def test_weights_that_nothing_tells_apart_are_those_of_the_file_alone() -> None:
    artifact = msgspec.structs.replace(timed_artifact(), weights="the function's own")
    own = msgspec.structs.replace(of(artifact), weights=None)
    assert own.holds_for(artifact)
    assert not own.holds_for(msgspec.structs.replace(artifact, sha256="9" * 64))


def test_a_record_that_cannot_be_is_refused() -> None:
    record = make_accuracy(timed_artifact())
    for changes in ({"right": 361}, {"right_in_five": 5}, {"images": 0, "right": 0, "right_in_five": 0}):
        with pytest.raises(ValueError, match="which cannot be"):
            msgspec.structs.replace(record, **changes)
    with pytest.raises(ValueError, match="from 0 to 100 percent, not 101"):
        StatedAccuracy(id="s-accuracy", started_at="2026", of=record.of, top1=101)


def test_accuracies_are_found_by_their_files_names(tmp_path: object) -> None:
    store = Store(tmp_path)  # type: ignore[arg-type]
    record = make_accuracy(timed_artifact())
    store.keep(record)
    store.keep(record)
    (store.path / "torn.json").write_text("{")
    assert [*store.records(AccuracyRecord, names="*-accuracy*")] == [record]
