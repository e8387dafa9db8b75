"""Which files are let into the race."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from effmod_bench.errors import UnfinishedProofError
from effmod_bench.instrument.process.messages import PairJob
from exporters import ExportError
from results.statistics.tuning import Decision
from tests.effmod_bench.tuning.support import decisions, relu, tune
from tests.exporters.proof.support import write_sine
from tests.fakes import write_onnx


def test_what_is_not_equal_is_never_timed(forms: dict[str, Callable[[], Path]], jobs: list[PairJob]) -> None:
    forms["other"] = lambda: write_onnx(Path("made/0.5.onnx"), operator="Sigmoid")
    done = tune()
    assert done.exit_code == 0
    assert jobs == []
    assert done.stdout.splitlines()[-1] == "net.onnx"
    decision, reason = decisions("net.onnx")["other"]
    assert decision is Decision.DROPPED
    assert reason.startswith("not equal: 1e-05 is allowed. The first operator that departs is Sigmoid ")


def test_where_the_file_itself_is_no_steadier_that_is_the_reason(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob], folder: Path
) -> None:
    write_sine(folder / "net.onnx", 3000)
    forms["split"] = lambda: write_sine(Path("made/0.9.onnx"), 3000, split=True)
    assert tune().exit_code == 0
    assert jobs == []
    decision, reason = decisions("net.onnx")["split"]
    assert decision is Decision.DROPPED
    assert reason.startswith("not equal: 1e-05 is allowed. The file itself is steady to ")


def test_a_file_that_gives_nan_is_refused_before_the_race(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob], folder: Path
) -> None:
    forms["two"] = relu(Path("made/0.9.onnx"), 2)
    write_onnx(folder / "net.onnx", operator="Log")
    done = tune()
    assert done.exit_code == 4
    said = " ".join(done.stderr.split())
    assert "net.onnx gives NaN or infinity, so that nothing can be compared with it" in said
    assert "The first operator that gives NaN or infinity is Log " in said
    assert jobs == []
    assert not Path("out").exists()


def test_the_same_file_under_another_name_is_not_timed(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob]
) -> None:
    forms["again"] = relu(Path("made/0.9.onnx"), 1)
    assert tune().exit_code == 0
    assert jobs == []
    assert decisions("net.onnx")["again"] == (Decision.DROPPED, "the same file as original")


@pytest.mark.usefixtures("jobs")
def test_a_form_that_cannot_be_made_is_a_row_that_names_no_folder(forms: dict[str, Callable[[], Path]]) -> None:
    def fail() -> Path:
        raise ExportError(f"{Path.cwd()}/x.onnx does not fit")

    def crash() -> Path:
        raise UnfinishedProofError(f"{Path.cwd()}/x.onnx: the process that proved it ended by signal 11 (SIGSEGV)")

    forms["broken"] = fail
    forms["crashing"] = crash
    forms["good"] = relu(Path("made/0.9.onnx"), 2)
    assert tune().exit_code == 0
    assert decisions("0.9.onnx")["broken"] == (Decision.DROPPED, "cannot be made: x.onnx does not fit")
    decision, reason = decisions("0.9.onnx")["crashing"]
    assert decision is Decision.DROPPED
    assert reason == "cannot be made: x.onnx: the process that proved it ended by signal 11 (SIGSEGV)"


def test_a_wrong_folder_of_images_is_said_before_anything_races(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob]
) -> None:
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    done = tune("--allow-inexact", "--data", "nowhere")
    assert done.exit_code == 2
    assert "nowhere does not hold a folder of images for each class" in done.stderr
    assert jobs == []


@pytest.mark.usefixtures("folder")
def test_outputs_that_differ_from_run_to_run_are_refused(jobs: list[PairJob]) -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy")
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
    graph = helper.make_graph(nodes, "random", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), "net.onnx")
    done = tune()
    assert done.exit_code == 2
    assert "gives other outputs from run to run for the same input" in done.stderr
    assert jobs == []


@pytest.mark.usefixtures("forms")
def test_images_are_refused_for_a_file_that_takes_none(folder: Path, jobs: list[PairJob]) -> None:
    write_onnx(folder / "net.onnx", shape=(1, 3, 8, 6))
    done = tune("--allow-inexact", "--data", "nowhere")
    assert done.exit_code == 2
    assert "net.onnx takes no square images; leave --data out" in done.stderr
    assert jobs == []
