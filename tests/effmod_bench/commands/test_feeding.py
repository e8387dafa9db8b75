"""--feed and --feeds, as a user gives them: with real workers, and files that take microseconds."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from effmod_bench.runs.plan import RunPlan
from results import Round, StabilityWarning, Store
from tests.effmod_bench.support import effmod
from tests.fakes import value, write_graph

pytestmark = pytest.mark.xdist_group("measures")  # they would disturb each other's times

FEW = ("--runs", "6", "--rounds", "1", "--warmup", "3", "--threads", "1", "--quiet", "--output-format", "json")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_branch(path: Path) -> Path:
    """A file that does a hundred times as much where its second input is true."""
    sines = [helper.make_node("Sin", ["x" if i == 0 else f"s{i}"], [f"s{i + 1}"]) for i in range(100)]
    much = helper.make_graph(sines, "much", [], [value("s100", TensorProto.FLOAT, [1, 4096])])
    little = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["r"])], "little", [], [value("r", TensorProto.FLOAT, [1, 4096])]
    )
    return write_graph(
        path,
        [("If", ["flag"], ["y"], {"then_branch": much, "else_branch": little})],
        [value("x", TensorProto.FLOAT, [1, 4096]), value("flag", TensorProto.BOOL, [])],
        [value("y", TensorProto.FLOAT, [1, 4096])],
    )


def test_a_time_that_depends_on_what_was_made_up_is_warned_of() -> None:
    write_branch(Path("branch.onnx"))
    (row,) = json.loads(effmod("bench", "branch.onnx", *FEW).stdout)
    assert {StabilityWarning.INPUT_DEPENDENT, StabilityWarning.MADE_UP_INPUT} <= set(row["warnings"])
    assert row["input_dependence"]["fed_ms"] > 5 * row["input_dependence"]["other_ms"]
    assert [x["fed"]["value"] for x in row["artifact"]["inputs"]] == ["normal", "1"]
    (row,) = json.loads(effmod("bench", "branch.onnx", "--feed", "flag=0", "--feed", "x=normal", *FEW).stdout)
    assert {StabilityWarning.INPUT_DEPENDENT, StabilityWarning.MADE_UP_INPUT}.isdisjoint(row["warnings"])


def test_feeds_of_a_folder_are_taken_in_turn_and_a_resumed_run_takes_the_same() -> None:
    write_graph(
        Path("sum.onnx"),
        [("ReduceSum", ["x"], ["y"], {"keepdims": 0})],
        [value("x", TensorProto.FLOAT, [1, 64])],
        [value("y", TensorProto.FLOAT, [])],
    )
    Path("feeds").mkdir()
    for number in range(3):
        np.savez(f"feeds/{number}.npz", x=np.full((1, 64), number, np.float32))
    (row,) = json.loads(effmod("bench", "sum.onnx", "--feeds", "feeds", *FEW).stdout)
    assert row["feed_spread"] is not None
    (fed,) = (x["fed"] for x in row["artifact"]["inputs"])
    assert (fed["value"], fed["given"], fed["feeds"]) == ("0.npz", True, 3)
    store = Store(Path("effmod-results"))
    (run,) = store.read_kind(RunPlan)
    (record,) = store.read_kind(Round)
    (store.path / f"{record.id}.json").unlink()
    assert effmod("bench", "--resume").exit_code == 0
    assert [again.artifact for again in store.read_kind(Round)] == [record.artifact]
    np.savez("feeds/1.npz", x=np.full((1, 64), 9, np.float32))
    (store.path / f"{record.id}.json").unlink()
    done = effmod("bench", "--resume")
    assert done.exit_code == 2
    assert f"sum.onnx is not fed what run {run.id} fed it" in done.stderr


@pytest.mark.parametrize("command", ["bench", "compare"])
def test_a_network_is_not_fed(command: str) -> None:
    done = effmod(command, "efficientmod_xxs", "efficientmod_xs", "--feed", "input=zeros")
    assert done.exit_code == 2
    assert "--feed is for .onnx files and packages, and no target is one" in done.stderr


@pytest.mark.parametrize("command", [("bench",), ("compare", "--control"), ("tune",), ("export",)])
def test_what_does_not_fit_ends_before_anything_is_measured(command: tuple[str, ...]) -> None:
    write_branch(Path("branch.onnx"))
    for wrong, said in (("flag=2", "takes bool, and 2 is none"), ("ratio=1", "branch.onnx has no input 'ratio'")):
        done = effmod(*command, "branch.onnx", "--feed", wrong)
        assert done.exit_code == 2, done.output
        assert said in done.stderr
    assert not Path("effmod-results").exists() or not Store(Path("effmod-results")).read_kind(Round)
