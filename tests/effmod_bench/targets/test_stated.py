"""What a person, or a plug-in's row, states of a target."""

from pathlib import Path

import msgspec
import pytest

from effmod_bench.errors import TargetError
from effmod_bench.instrument.subject import Subject
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs.plan import Invocation, RunPlan, begin
from effmod_bench.targets.stated import check_stated, with_stated
from effmod_bench.targets.target import FileTarget, NetworkTarget
from models import Preprocessing, find_model
from results import AccuracyRecord, Record, StatedAccuracy, Store
from tests.effmod_bench.runs.support import run_plan
from tests.fakes import make_accuracy, timed_artifact, write_onnx

SPEC = find_model("efficientmod_xxs")
NETWORK = NetworkTarget(spec=SPEC, choices=ExportChoices(), as_it_is=False)


def subject(**changes: str) -> Subject:
    artifact = msgspec.structs.replace(timed_artifact(), **changes)
    return Subject(path=Path("xxs.onnx"), stamps=(), preprocessing=Preprocessing(), artifact=artifact)


def said(found: Subject) -> list[float]:
    return [each.top1 for each in found.accuracies if isinstance(each, StatedAccuracy)]


def test_a_target_is_named_as_the_user_or_a_table_does(tmp_path: Path) -> None:
    own = NetworkTarget(
        spec=msgspec.structs.replace(SPEC, name="nets/mine.py:net"), choices=ExportChoices(), as_it_is=False
    )
    file = FileTarget(path=write_onnx(tmp_path / "a.onnx"), shapes={}, batch_size=1)
    for target, names in ((own, ("nets/mine.py:net", "mine.py:net")), (file, (str(file.path), "a.onnx"))):
        for name in names:
            check_stated({name: 77.3}, [target])
            assert said(with_stated(subject(), target, {name: 77.3})) == [77.3]
    with pytest.raises(TargetError, match=r"--top1 net: that is none of the targets; they are nets/mine\.py:net"):
        check_stated({"net": 77.3}, [own])


def test_a_plug_ins_row_speaks_for_its_own_form_size_and_weights_alone() -> None:
    row = msgspec.structs.replace(NETWORK, spec=msgspec.structs.replace(SPEC, top1=70.0))
    assert said(with_stated(subject(), NETWORK, {})) == []
    assert said(with_stated(subject(), row, {})) == [70]
    assert said(with_stated(subject(), row, {"efficientmod_xxs": 77.3})) == [77.3]
    assert said(with_stated(subject(form="layer_norm_to_batch_norm"), row, {})) == []
    trained = msgspec.structs.replace(row, choices=ExportChoices(checkpoint=Path("net.pth")))
    assert said(with_stated(subject(), trained, {})) == []
    smaller = msgspec.structs.replace(row, spec=msgspec.structs.replace(row.spec, image_size=192))
    assert said(with_stated(subject(), smaller, {})) == []


def test_a_row_with_more_than_all_right_is_refused() -> None:
    with pytest.raises(ValueError, match="top1 is from 0 to 100 percent, not 101"):
        msgspec.structs.replace(SPEC, top1=101)


def test_what_is_known_of_targets_is_stored_once_before_they_are_measured(tmp_path: Path) -> None:
    store = Store(tmp_path)
    measured = make_accuracy(timed_artifact())
    known = with_stated(subject(), NETWORK, {"efficientmod_xxs": 77.3})
    known = msgspec.structs.replace(known, accuracies=(measured, *known.accuracies))
    run = msgspec.structs.replace(run_plan(), artifacts=())
    invocation = Invocation(run=run, store=store, resumed=False, wait=True, round_timeout_s=None)
    begun = begin(invocation, [known], None)
    stored = [*store.records(AccuracyRecord, names="*-accuracy*"), *store.records(StatedAccuracy)]
    assert stored == list(known.accuracies)
    again = msgspec.structs.replace(invocation, run=begun, resumed=True)
    begin(again, [with_stated(subject(), NETWORK, {"efficientmod_xxs": 77.3})], None)
    assert len(store.read_kind(StatedAccuracy)) == 1


def test_what_was_stated_is_not_lost_whenever_a_run_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    run = msgspec.structs.replace(run_plan(), artifacts=())
    store.write(run)
    known = with_stated(subject(), NETWORK, {"efficientmod_xxs": 77.3})
    invocation = Invocation(run=run, store=store, resumed=False, wait=True, round_timeout_s=None)

    def interrupted(_: Record) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "keep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            begin(invocation, [known], None)
    (stored,) = store.read_kind(RunPlan)
    begin(msgspec.structs.replace(invocation, run=stored, resumed=True), [known], None)
    assert [each.top1 for each in store.read_kind(StatedAccuracy)] == [77.3]
