from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.resuming import Anchor, RunPlan, check_folder, check_same, find_run
from effmod_bench.targets import ExportChoices, TargetError
from exporters import PRETRAINED
from results import BenchPlan, ComparisonPlan, Store
from tests.fakes import timed_artifact


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
    assert find_run(store, None) == run_plan(3)
    assert find_run(store, "20260101T000000-0000") == run_plan(1)


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
        (["--store", "empty"], "the store empty holds no run to resume; repeat the command"),
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
