from collections.abc import Callable
from pathlib import Path

import numpy as np

from effmod_bench.instrument import rounds as runner
from effmod_bench.instrument.pairs import draw_job
from effmod_bench.instrument.place import Here
from effmod_bench.instrument.process.messages import Job, Timed
from effmod_bench.instrument.subject import Subject, stamp
from effmod_bench.targets.subjects import file_subject, hashed_files
from exporters import sha256_of
from exporters.onnx.evaluator import run_onnx
from models import Preprocessing
from results import BenchPlan, ComparisonPlan, Outcome, Store
from tests.effmod_bench.instrument.support import Answer, Watcher, timed
from tests.fakes import MACHINE, timed_artifact, write_onnx, write_onnx_with_weights_beside


def test_a_file_that_changes_during_the_run_is_a_failed_round(
    store: Store, answer_with: Callable[[Answer], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"one")

    def answer(job: Job) -> Timed:
        path.write_bytes(b"another")
        return timed(job)

    answer_with(answer)
    target = Subject(path=path, artifact=timed_artifact("a"), preprocessing=Preprocessing(), stamps=stamp(path))
    runner.run("run", BenchPlan(runs=4, rounds=2), [target], Here(MACHINE), store, Watcher(), on_record=lambda _: None)
    first, second = store.read()
    assert first.outcome is Outcome.OK
    assert second.failure == "a.onnx was changed or deleted during the run"


def test_a_file_that_was_replaced_while_effmod_waited_is_not_timed_under_the_old_hash(
    store: Store, answer_with: Callable[[Answer], None], tmp_path: Path
) -> None:
    answer_with(timed)
    target = file_subject(write_onnx(tmp_path / "x.onnx"), {}, batch_size=1)
    write_onnx(tmp_path / "x.onnx", nodes=2)
    runner.run("run", BenchPlan(runs=2, rounds=2), [target], Here(MACHINE), store, Watcher(), on_record=lambda _: None)
    assert [record.failure for record in store.read()] == ["x.onnx was changed or deleted during the run"] * 2


def test_of_a_file_that_is_a_link_the_weights_that_were_hashed_are_those_that_are_loaded(
    store: Store, answer_with: Callable[[Answer], None], tmp_path: Path
) -> None:
    for folder, value in (("real", 7.0), ("link", 1.0)):
        (tmp_path / folder).mkdir()
        write_onnx_with_weights_beside(tmp_path / folder / "m.onnx", value)
    link = tmp_path / "link" / "m.onnx"
    link.unlink()
    link.symlink_to("../real/m.onnx")
    asked = []

    def answer(job: Job) -> Timed:
        asked.append(job.session)
        return timed(job)

    answer_with(answer)
    target = file_subject(Path("link/m.onnx"), {}, batch_size=1)
    assert target.artifact.sha256 == sha256_of(link, tmp_path / "link" / "w.bin")
    runner.run("run", BenchPlan(runs=1, rounds=1), [target], Here(MACHINE), store, Watcher(), on_record=lambda _: None)
    members = draw_job(ComparisonPlan(), (target, target), Here(MACHINE), target=1, index=0).members
    for session in (*asked, *(member.session for member in members.values())):
        (output,) = run_onnx(Path(session.path), [{"x": np.zeros((1, 3, 8, 8), np.float32)}])
        assert (Path(session.path).is_absolute(), set(map(float, output.flat))) == (True, {1.0})
        assert session.sha256 == target.artifact.sha256
    assert len(asked) == 1


def test_of_a_package_only_the_data_must_stay_the_same(
    store: Store, answer_with: Callable[[Answer], None], tmp_path: Path
) -> None:
    data = tmp_path / "a.mlpackage" / "Data"
    data.mkdir(parents=True)
    (data / "weight.bin").write_text("old")
    changes = iter((data.parent / "Manifest.json", data / "weight.bin"))

    def answer(job: Job) -> Timed:
        next(changes).write_text("new")
        return timed(job)

    answer_with(answer)
    target = Subject(
        path=data.parent,
        artifact=timed_artifact("a"),
        preprocessing=Preprocessing(),
        stamps=stamp(*hashed_files(data.parent)),
    )
    runner.run("run", BenchPlan(runs=3, rounds=3), [target], Here(MACHINE), store, Watcher(), on_record=lambda _: None)
    assert [record.failure for record in store.read()] == [
        None,
        None,
        "a.mlpackage was changed or deleted during the run",
    ]
