"""`effmod tune` with files that are really made and proved; the worker's times are made up."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.instrument.process.messages import PairJob
from results import ComparisonProcess, Store
from results.statistics.tuning import LOOKS, Decision
from tests.effmod_bench.tuning.support import decisions, let_take, relu, report, tune
from tests.fakes import write_onnx


def test_the_fastest_is_compared_again_and_left_in_the_folder_with_a_report(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob]
) -> None:
    forms["two"] = relu(Path("made/0.9.onnx"), 2)
    forms["three"] = relu(Path("made/0.8.onnx"), 3)
    forms["four"] = relu(Path("made/1.1.onnx"), 4)
    done = tune()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "out/0.8.onnx"
    assert Path("out/0.8.onnx").read_bytes() == Path("made/0.8.onnx").read_bytes()
    assert "three is 1.25" in done.stderr
    found = decisions("0.8.onnx")
    assert found["three"] == (Decision.CHOSEN, "compared again, in new processes")
    assert found["four"] == (Decision.DROPPED, "slower than three")
    assert found["two"] == (Decision.DROPPED, "slower than three")
    assert report("0.8.onnx").verdict == "faster"
    stored = Store(Path("effmod-results")).read_kind(ComparisonProcess)
    assert {record.run_id for record in stored} == set(report("0.8.onnx").run_ids)
    assert len(stored) == len(jobs)


def test_a_winner_that_is_not_faster_when_compared_again_is_not_taken(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms["lucky"] = relu(Path("made/lucky.onnx"), 2)
    started: list[PairJob] = []
    let_take(monkeypatch, started, lambda _: 0.9 if len(started) <= LOOKS[0] else 1.0)
    done = tune()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "net.onnx"
    assert "Nothing was found to be faster than the original file" in done.stderr
    found = decisions("net.onnx")
    assert found["original"][0] is Decision.CHOSEN
    assert found["lucky"] == (Decision.DROPPED, "not distinguishable when it was compared again")


def test_interrupted_it_gives_the_best_so_far(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    forms["slow"] = relu(Path("made/0.9.onnx"), 3)
    started: list[PairJob] = []

    def ratio(job: PairJob) -> float:
        if len(started) > 5:
            raise KeyboardInterrupt
        return float(Path(job.members["B"].session.path).stem)

    def never(*_: object) -> None:
        raise AssertionError("who interrupts it does not wait for images")

    let_take(monkeypatch, started, ratio)
    monkeypatch.setattr("effmod_bench.tuning.making.check", lambda *_: None)
    monkeypatch.setattr("effmod_bench.tuning.tune.measure_top1", never)
    done = tune("--allow-inexact", "--data", "images")
    assert done.exit_code == 130
    assert done.stdout.splitlines()[-1] == "out/0.8.onnx"
    assert decisions("0.8.onnx")["fast"] == (Decision.CHOSEN, "not compared again")
    assert report("0.8.onnx").verdict is None


def test_unknown_operators_and_open_shapes_are_refused(folder: Path, jobs: list[PairJob]) -> None:
    write_onnx(folder / "net.onnx", shape=(1, 3, "height", 8))
    done = tune()
    assert done.exit_code == 2
    assert "--input-shape" in done.stderr
    write_onnx(folder / "net.onnx", operator="NoSuchOperator")
    done = tune()
    assert done.exit_code == 2
    assert "NoSuchOperator" in done.stderr
    assert jobs == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tune", "efficientmod_*"), "stands for"),
        (("tune", "net.onnx", "--image-size", "64"), "--image-size is for networks"),
        (("tune", "efficientmod_xxs", "--input-shape", "1,3,64,64"), "--input-shape is for .onnx files"),
        (("tune", "net.onnx", "--device", "coreml"), "is for the CPU and NVIDIA"),
        (("tune", "net.onnx", "--tf32"), "--tf32 goes with --device cuda"),
        (("tune", "net.onnx", "--data", "images"), "--data goes with --allow-inexact"),
        (("tune", "missing.onnx"), "missing.onnx"),
    ],
)
def test_wrong_use_is_said_before_anything_is_made(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    write_onnx(folder / "net.onnx")
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert message in done.stderr
