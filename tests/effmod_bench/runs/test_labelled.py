"""`effmod verify --data` as a user runs it: what it leaves beside a file and in a store, and two files at once."""

import json
import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from effmod_bench.cli import app
from effmod_bench.targets.subjects import file_subject
from exporters import RANDOM, OnnxConfig, deliver, obtain, read_sidecar, sidecar_path
from exporters.derived.rewritten import rewrite_file
from models import find_model
from results import AccuracyRecord, Store
from tests.exporters.proof.test_accuracy import COLOURS, write_colour_meter, write_images

# Its scores are the mean colours of an image, and so it tells a red one from a green and a blue one.
OWN = """
    from torch import nn

    def net():
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3))
"""


def effmod(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "200"})


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network's file, checkpoints of it, what was exported of them, and images."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own.py").write_text(textwrap.dedent(OWN))
    network = find_model(f"{folder}/own.py:net", image_size=32)
    right, wrong = torch.eye(3), torch.eye(3)[[1, 0, 2]]  # takes red for green
    for name, weight in (("right", right), ("wrong", wrong)):
        torch.save({"2.weight": weight, "2.bias": torch.zeros(3)}, folder / f"{name}.pth")
        made = obtain(network, OnnxConfig(image_size=32), checkpoint=folder / f"{name}.pth")
        deliver(made.path, folder / name)
    deliver(obtain(network, OnnxConfig(image_size=32), checkpoint=RANDOM).path, folder / "random")
    write_images(folder / "val", {name: [colour] * 4 for name, colour in COLOURS.items()})
    return folder


@pytest.fixture
def folder(own: Path, tmp_path: Path) -> Path:
    """The same, to be written into."""
    return shutil.copytree(own, tmp_path / "own")


def file(folder: Path, name: str) -> Path:
    [path] = (folder / name).glob("*.onnx")
    return path


def records(store: Path) -> list[AccuracyRecord]:
    return Store(store).read_kind(AccuracyRecord)


def rows(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_an_accuracy_stays_in_the_sidecar_and_in_the_store(folder: Path) -> None:
    path = file(folder, "right")
    before = json.loads(sidecar_path(path).read_text())
    result = effmod("verify", path, "--data", folder / "val", "--store", folder / "records")
    assert result.exit_code == 0, result.output
    assert (
        "is tried on the images alone; to compare it with own.py:net, too: --against PATH/own.py:net" in result.stderr
    )
    sidecar = read_sidecar(path)
    assert sidecar is not None
    [accuracy] = sidecar.accuracy
    assert (accuracy.right, accuracy.images, accuracy.top1, accuracy.data.classes) == (12, 12, 100, 3)
    assert json.loads(sidecar_path(path).read_text()) | {"accuracy": []} == before
    [record] = records(folder / "records")
    assert (record.right, record.images, record.started_at) == (12, 12, accuracy.measured_at)
    assert record.of.sha256 == sidecar.sha256
    assert record.of.name == "own.py:net"
    assert record.of.weights is None  # that name may stand for other code: it is the file's own accuracy


def test_a_file_that_is_timed_brings_its_accuracy_along(folder: Path) -> None:
    path = file(folder, "right")
    assert file_subject(path, {}, batch_size=1).accuracies == ()
    effmod("verify", path, "--data", folder / "val", "--store", folder / "records")
    assert list(file_subject(path, {}, batch_size=1).accuracies) == records(folder / "records")
    shutil.copy(file(folder, "wrong"), path)  # another file beside this sidecar
    assert file_subject(path, {}, batch_size=1).accuracies == ()


def test_an_accuracy_of_random_weights_is_kept_nowhere(folder: Path) -> None:
    path = file(folder, "random")
    options = ("--against", f"{folder}/own.py:net", "--data", folder / "val", "--store", folder / "records")
    result = effmod("verify", path, *options)
    assert result.exit_code == 0, result.output
    assert "random weights: its accuracy says nothing of the network, and is kept nowhere" in result.stderr
    assert records(folder / "records") == []
    sidecar = read_sidecar(path)
    assert sidecar is not None
    assert sidecar.accuracy == ()


def test_nor_is_one_of_a_file_that_was_made_of_such_a_file(folder: Path) -> None:
    original = file(folder, "random")
    rewritten, _ = rewrite_file(original, original.parent, ("batch_norm",), {"input": (1, 3, 32, 32)})
    result = effmod("verify", rewritten, "--data", folder / "val", "--store", folder / "records")
    assert result.exit_code == 0, result.output
    assert "is kept nowhere" in result.stderr
    assert records(folder / "records") == []
    rewritten, _ = rewrite_file(file(folder, "right"), folder / "right", ("batch_norm",), {"input": (1, 3, 32, 32)})
    effmod("verify", rewritten, "--data", folder / "val", "--store", folder / "records")
    [record] = records(folder / "records")
    assert (record.of.name, record.of.weights, record.right) == (rewritten.name, None, 12)
    assert json.loads(sidecar_path(rewritten).read_text())["accuracy"][0]["right"] == 12


def test_a_file_without_a_sidecar_has_its_accuracy_in_a_store_alone(folder: Path) -> None:
    path = write_colour_meter(folder / "theirs.onnx")
    said = effmod("verify", path, "--data", folder / "val")
    assert said.exit_code == 0, said.output
    assert "has no sidecar to keep its accuracy in; --store FOLDER keeps it" in said.stderr
    effmod("verify", path, "--data", folder / "val", "--store", folder / "records")
    [record] = records(folder / "records")
    assert (record.of.name, record.of.form, record.of.weights) == ("theirs.onnx", None, None)
    assert not sidecar_path(path).exists()


def test_two_files_are_tried_on_the_same_images(folder: Path) -> None:
    right, wrong = file(folder, "right"), file(folder, "wrong")
    options = ("--data", folder / "val", "--store", folder / "records")
    first, second = rows(effmod("verify", wrong, "--against", right, *options, "--output-format", "json"))
    assert (first["accuracy"]["right"], second["accuracy"]["right"], second["paired"]) == (4, 12, None)
    paired = first["paired"]
    assert (paired["only_first"], paired["only_second"], paired["both"], paired["same"]) == (0, 8, 4, 4)
    assert paired["p_value"] == pytest.approx(2 / 2**8)
    assert paired["difference"] == pytest.approx(-200 / 3)
    assert {record.right for record in records(folder / "records")} == {4, 12}
    assert all((sidecar := read_sidecar(path)) and sidecar.accuracy for path in (right, wrong))
    table = effmod("verify", wrong, "--against", right, *options).stdout
    assert "right less often" in table
    assert "no difference known" in effmod("verify", right, "--against", right, *options).stdout


def test_a_column_that_two_files_have_not_is_refused_before_they_are_tried(folder: Path) -> None:
    right, wrong = file(folder, "right"), file(folder, "wrong")
    options = ("--data", folder / "val", "--store", folder / "records", "--columns", "p_valu")
    refused = effmod("verify", right, "--against", wrong, *options)
    assert refused.exit_code == 2
    assert "did you mean 'p_value'" in refused.stderr
    assert records(folder / "records") == []


def test_a_file_that_is_not_its_sidecars_is_refused_after_the_table_and_not_kept(folder: Path) -> None:
    right, wrong = file(folder, "right"), file(folder, "wrong")
    shutil.copy(wrong, right)
    result = effmod("verify", right, "--against", wrong, "--data", folder / "val")
    assert result.exit_code == 4
    assert "no difference known" in result.stdout
    assert "is not the file that its sidecar" in result.stderr
    sidecar = read_sidecar(right)
    assert sidecar is not None
    assert sidecar.accuracy == ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--store", "records"), "--store is for labelled images: add --data FOLDER"),
        (("--skip-corrupt",), "--skip-corrupt is for labelled images: add --data FOLDER"),
        (("--data", "val", "--against", "b.onnx", "--checkpoint", "right.pth"), "--checkpoint is of no use where two"),
        (("--data", "none"), "none does not hold a folder of images for each class"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: tuple[str, ...], said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    write_colour_meter(folder / "b.onnx")
    result = effmod("verify", "b.onnx", *options)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_a_checkpoint_that_is_given_for_another_network_is_refused(folder: Path) -> None:
    against = ("--against", f"{folder}/own.py:net")
    done = effmod("verify", file(folder, "right"), *against, "--checkpoint", f"own.py:net={folder}/right.pth")
    assert done.exit_code == 0, done.output
    done = effmod("verify", file(folder, "right"), *against, "--checkpoint", f"other={folder}/right.pth")
    assert done.exit_code == 2
    assert "other is not what this is about, which is " in done.stderr


def test_a_corrupt_image_is_named_and_skipped_where_that_is_asked(folder: Path) -> None:
    (folder / "val" / "2green" / "1.png").write_bytes(b"no image")
    path = file(folder, "right")
    refused = effmod("verify", path, "--data", folder / "val")
    assert refused.exit_code == 2
    assert "2green/1.png" in refused.stderr
    done = effmod("verify", path, "--data", folder / "val", "--skip-corrupt", "--store", folder / "records")
    assert done.exit_code == 0, done.output
    assert "1 cannot be read, and were skipped: 2green/1.png" in done.stderr
    [record] = records(folder / "records")
    assert (record.images, record.skipped, record.right) == (11, 1, 11)
