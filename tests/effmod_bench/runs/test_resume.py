from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.errors import TargetError
from effmod_bench.options.export import ExportChoices, NetworkChoices
from effmod_bench.runs import prepare
from effmod_bench.runs.plan import Anchor, Command
from effmod_bench.runs.resume import check_folder, find_run, with_earlier
from effmod_bench.screen.console import Console
from exporters import PRETRAINED
from results import ComparisonPlan, Store
from tests.effmod_bench.runs.support import run_plan
from tests.effmod_bench.support import effmod
from tests.fakes import make_comparison_process, write_onnx


def test_the_latest_run_is_found_and_any_by_its_name(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for day in (2, 3, 1):
        store.write(run_plan(day))
    assert find_run(store, None, Command.BENCH) == run_plan(3)
    assert find_run(store, "20260101T000000-0000", Command.BENCH) == run_plan(1)


def test_each_command_finds_its_own_runs_and_names_the_other_for_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(run_plan(1))
    with pytest.raises(TargetError, match="holds no run of 'effmod compare' to resume"):
        find_run(store, None, Command.COMPARE)
    compared = msgspec.structs.replace(run_plan(2), compared=ComparisonPlan())
    store.write(compared)
    store.write(run_plan(3))
    assert find_run(store, None, Command.COMPARE) == compared
    assert find_run(store, None, Command.BENCH) == run_plan(3)
    said = f"run {compared.id} is of 'effmod compare'; go on with it: effmod compare --resume {compared.id} --store"
    with pytest.raises(TargetError, match=said):
        find_run(store, compared.id, Command.BENCH)
    with pytest.raises(TargetError, match=f"effmod bench --resume {run_plan(3).id}"):
        find_run(store, run_plan(3).id, Command.COMPARE)


@pytest.mark.parametrize("command", ["bench", "compare"])
def test_a_run_that_is_cut_short_before_its_first_round_is_gone_on_with(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nodes, name in enumerate(("old", "a", "b"), start=1):
        write_onnx(tmp_path / f"{name}.onnx", nodes=nodes)
    few = ("--runs", "1", "--rounds", "1") if command == "bench" else ("--processes", "2", "--blocks", "1")
    assert effmod(command, "old.onnx", "b.onnx", *few).exit_code == 0

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "check_runs", interrupt)  # where the exports begin
        done = effmod(command, "a.onnx", "b.onnx", *few)
    assert done.exit_code == 130
    store = Store(tmp_path / "effmod-results")
    run = find_run(store, None, Command(command))
    assert (run.targets, run.artifacts) == (("a.onnx", "b.onnx"), ())
    assert f"go on: effmod {command} --resume {run.id} --store effmod-results" in done.stderr
    write_onnx(tmp_path / "a.onnx", nodes=4)  # nothing was measured, so nothing is mixed
    again = effmod(command, "--resume", "--output-format", "json")
    assert again.exit_code == 0, again.output
    assert f"run {run.id} of a.onnx, b.onnx: 2 " in again.stderr
    assert "a.onnx" in again.stdout
    assert "old.onnx" not in again.stdout
    assert len(find_run(store, run.id, Command(command)).artifacts) == 2
    assert "nothing is left to do" in effmod(command, "--resume").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runs", "4000"], "--runs does not go with --resume"),
        (["--image-size", "224"], "--image-size does not go with --resume"),
        (["--dry-run"], "--dry-run does not go with --resume"),
        (["20260102T000000-0000"], "holds no run '20260102T000000-0000'; the latest are 20260101T000000-0000"),
        (["a", "b"], "--resume takes one run, not 2: a, b"),
        (["--store", "empty"], "the store empty holds no run of 'effmod bench' to resume; repeat"),
    ],
)
def test_a_resume_that_makes_no_sense_says_why(arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    store = Store(tmp_path / "effmod-results")
    store.check_writable()
    store.write(run_plan())
    done = CliRunner().invoke(app, ["bench", "--resume", *arguments])
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
    assert [path.suffix for path in store.path.iterdir()] == [".json"]


@pytest.mark.parametrize(
    ("targets", "anchor", "checkpoint", "named"),
    [
        (("mine.onnx",), None, None, "mine.onnx"),
        (("efficientmod_xxs", "folder/mine.mlpackage"), None, None, "folder/mine.mlpackage"),
        (("nets/own.py:build",), None, None, "nets/own.py"),
        (("efficientmod_xxs",), "base.onnx", None, "base.onnx"),
        (("efficientmod_xxs",), None, "best.pth", "best.pth"),
        (("efficientmod_xxs",), None, "efficientmod_xxs=best.pth", "best.pth"),
    ],
)
def test_a_file_that_is_named_from_another_folder_is_not_looked_for_in_this_one(
    targets: tuple[str, ...],
    anchor: str | None,
    checkpoint: str | None,
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = msgspec.structs.replace(
        run_plan(),
        targets=targets,
        anchor=Anchor(target=anchor, plan=ComparisonPlan()) if anchor else None,
        choices=NetworkChoices(checkpoint=[checkpoint] if checkpoint else None).choices(),
    )
    store = Store(tmp_path / "begun" / "records")
    store.check_writable()
    store.write(run)
    (tmp_path / "begun" / named).parent.mkdir(exist_ok=True)
    (tmp_path / "begun" / named).touch()
    monkeypatch.chdir(tmp_path / "begun")
    check_folder(run, store)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["bench", "--resume", "--store", "begun/records"])
    assert done.exit_code == 2
    said = "".join(done.stderr.split())  # a path may be broken between two lines
    assert f"names{named}relativetothefolderinwhichitwasbegun" in said
    assert f"--store{store.path}" in said


def test_files_that_are_named_from_the_root_and_weights_of_timm_are_the_same_everywhere(tmp_path: Path) -> None:
    run = msgspec.structs.replace(
        run_plan(), targets=(str(tmp_path / "gone.onnx"), "timm:resnet18"), choices=ExportChoices(checkpoint=PRETRAINED)
    )
    check_folder(run, Store(tmp_path))


def test_a_store_that_cannot_be_read_leaves_a_run_its_own_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, own = Store(tmp_path / "records"), [make_comparison_process(run_id="2", minute=2)]
    store.check_writable()
    for run_id, minute in (("1", 1), ("3", 3)):
        store.write(make_comparison_process(run_id=run_id, minute=minute))
    assert [pair.run_id for pair in with_earlier(Console(), own, store)] == ["1", "2"]
    assert capsys.readouterr().err == ""
    (store.path / "later.json").write_text('{"schema_version": 99, "kind": "comparison"}')
    assert with_earlier(Console(), own, store) == own
    assert "warning: earlier runs are left out of the intervals: " in capsys.readouterr().err
    assert with_earlier(Console(), own, Store(tmp_path / "gone")) == own
    assert with_earlier(Console(), [], store) == []
