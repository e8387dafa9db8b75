from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from effmod_bench.cli import app
from effmod_bench.errors import TargetError
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs import prepare
from effmod_bench.runs.plan import Anchor, Command, RunPlan, check_same
from effmod_bench.runs.resume import check_folder, find_run
from exporters import PRETRAINED
from results import BenchPlan, ComparisonPlan, Store, StoreError
from tests.fakes import timed_artifact, write_onnx


def run_plan(day: int = 1) -> RunPlan:
    return RunPlan(
        id=f"202601{day:02}T000000-0000",
        started_at=f"2026-01-{day:02}T00:00:00.000+00:00",
        targets=("efficientmod_xxs",),
        plan=BenchPlan(targets=("efficientmod_xxs",), runs=4, rounds=2),
        choices=ExportChoices(image_size=32, checkpoint=Path("weights") / "best.pth"),
        input_shapes=((None, (1, 3, 8, 8)), ("x", (2,))),
        artifacts=(timed_artifact(),),
    )


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(run_plan())
    assert store.read_kind(RunPlan) == [run_plan()]


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


def test_a_plan_is_stored_again_in_its_own_place(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(msgspec.structs.replace(run_plan(), artifacts=()))
    with pytest.raises(StoreError, match="never overwritten"):
        store.write(run_plan())
    store.write(run_plan(), again=True)
    assert store.read_kind(RunPlan) == [run_plan()]
    assert len(list(tmp_path.iterdir())) == 1


def effmod(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})


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


def test_a_store_of_which_nothing_was_measured_says_so(tmp_path: Path) -> None:
    Store(tmp_path).write(msgspec.structs.replace(run_plan(), artifacts=()))
    done = effmod("show", str(tmp_path))
    assert done.exit_code == 5
    assert "holds no records; 'effmod bench" in " ".join(done.stderr.split())


def test_other_files_are_not_gone_on_with() -> None:
    run = run_plan()
    check_same(run, run.artifacts)
    changed = msgspec.structs.replace(run.artifacts[0], sha256="6" * 64)
    with pytest.raises(
        TargetError, match=r"efficientmod_xxs is not what run .* \(sha256 555555555555 then, 666666666666"
    ):
        check_same(run, [changed])
    with pytest.raises(TargetError, match="timed 1 artifacts, and its targets stand for 2 now"):
        check_same(run, [*run.artifacts, changed])


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
        choices=ExportChoices(checkpoint=Path(checkpoint) if checkpoint else None),
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
