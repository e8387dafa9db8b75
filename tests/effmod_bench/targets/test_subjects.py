import os
import sys
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.errors import ExitCode, TargetError
from effmod_bench.instrument.machine import memory
from effmod_bench.screen.console import Console
from effmod_bench.targets.subjects import file_subject, say_changed
from exporters import OnnxConfig, deliver, obtain, sidecar_path
from exporters.derived.machine import optimize, read_machine_file
from exporters.feeds.given import Given
from models import find_model
from results import ArtifactSource, Subnormals
from tests.fakes import value, write_graph, write_onnx, write_onnx_with_weights_beside

SPEC = find_model("mobilenetv2_100")


@pytest.fixture
def machine_specific(tmp_path: Path) -> Path:
    """A network of the zoo, as ONNX Runtime optimized it here."""
    rng = np.random.default_rng(0)
    feeds = [{"input": rng.standard_normal((1, 3, 32, 32)).astype(np.float32)} for _ in range(2)]
    optimize(obtain(SPEC, OnnxConfig(image_size=32)).path, tmp_path / "fast.onnx", feeds)
    return tmp_path / "fast.onnx"


def test_a_machine_specific_file_is_known_by_its_sidecar(machine_specific: Path) -> None:
    subject = file_subject(machine_specific, {}, batch_size=1)
    artifact = subject.artifact
    assert (artifact.name, artifact.source, artifact.form) == (SPEC.name, ArtifactSource.ZOO, "machine-specific")
    assert artifact.inputs[0].shape == (1, 3, 32, 32)
    assert subject.preprocessing == SPEC.preprocessing


def test_one_of_a_users_own_file_has_that_files_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    feeds = [{"x": rng.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(2)]
    optimize(write_onnx(tmp_path / "mine.onnx"), tmp_path / "fast.onnx", feeds)
    artifact = file_subject(tmp_path / "fast.onnx", {}, batch_size=1).artifact
    assert (artifact.name, artifact.source, artifact.form) == ("fast.onnx", ArtifactSource.FILE, "machine-specific")


def test_apart_from_its_sidecar_it_is_any_users_file(machine_specific: Path) -> None:
    sidecar_path(machine_specific).unlink()
    artifact = file_subject(machine_specific, {}, batch_size=1).artifact
    assert (artifact.name, artifact.source, artifact.form) == ("fast.onnx", ArtifactSource.FILE, None)


def test_a_sidecar_of_another_file_says_nothing(machine_specific: Path) -> None:
    write_onnx(machine_specific)
    assert file_subject(machine_specific, {}, batch_size=1).artifact.form is None


def test_a_file_that_was_changed_since_it_was_exported_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported = deliver(obtain(SPEC, OnnxConfig(image_size=32)).path, tmp_path)
    say_changed(Console(), [file_subject(exported, {}, batch_size=1)])
    assert capsys.readouterr().err == ""
    model = onnx.load(exported)
    model.doc_string = "mine"
    onnx.save(model, exported)
    say_changed(Console(), [file_subject(exported, {}, batch_size=1)])
    said = " ".join(capsys.readouterr().err.split())
    assert f"{exported.name} was changed since it was exported: its hash is not its sidecar's" in said


@pytest.mark.parametrize("command", [["bench"], ["compare", "mobilenetv2_100"], ["verify", "--against", SPEC.name]])
def test_one_that_was_made_elsewhere_is_refused_before_anything_runs(
    command: list[str], machine_specific: Path
) -> None:
    machine = read_machine_file(machine_specific)
    assert machine is not None
    elsewhere = msgspec.structs.replace(machine, runtime="onnxruntime 1.0.0")
    sidecar_path(machine_specific).write_bytes(msgspec.json.encode(elsewhere))
    done = CliRunner().invoke(app, [*command, str(machine_specific)])
    assert done.exit_code == ExitCode.UNAVAILABLE
    assert "It was made by onnxruntime 1.0.0, where this is onnxruntime" in done.stderr


@pytest.mark.parametrize(
    ("declared", "given"), [((1, 3, 10**7, 10**7), {}), ((1, 3, "h", "w"), {"x": (1, 3, 10**7, 10**7)})]
)
def test_an_input_that_no_machine_holds_is_refused_before_it_is_made(
    declared: tuple[int | str, ...], given: dict[str | None, tuple[int, ...]], tmp_path: Path
) -> None:
    path = write_onnx(tmp_path / "x.onnx", shape=declared)
    said = r"input 'x' of shape 1,3,10000000,10000000 takes 13,200,000\.0 GB, and this machine has .* --input-shape"
    with pytest.raises(TargetError, match=said):
        file_subject(path, given, batch_size=1)


def test_what_a_container_may_have_of_the_memory_is_all_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_onnx(tmp_path / "x.onnx", shape=(1, 3, 100, 100))
    monkeypatch.setattr(memory, "memory_limit", lambda: 44 * 30_000)
    file_subject(path, {}, batch_size=1)
    monkeypatch.setattr(memory, "memory_limit", lambda: 44 * 30_000 - 1)
    with pytest.raises(TargetError, match="of memory"):
        file_subject(path, {}, batch_size=1)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    folder.mkdir()
    monkeypatch.chdir(folder)
    write_onnx(folder.parent / "x.onnx").rename(folder / "x.onnx")
    with pytest.raises(TargetError, match="is no text in UTF-8"):
        file_subject(Path("x.onnx"), {}, batch_size=1)


def test_subnormal_weights_of_a_users_file_are_counted_where_no_sidecar_says_more(tmp_path: Path) -> None:
    path = write_onnx_with_weights_beside(tmp_path / "mine.onnx", 1e-40)
    assert file_subject(path, {}, batch_size=1).subnormals == Subnormals(weights=192)
    assert file_subject(write_onnx(tmp_path / "x.onnx"), {}, batch_size=1).subnormals == Subnormals(weights=0)
    feeds = [{"x": np.full((1, 3, 8, 8), number, np.float32)} for number in (1e-39, 1)]
    optimize(path, tmp_path / "fast.onnx", feeds)
    # What 1e-39 and 1e-40 add up to is subnormal, too; the runtime need not keep the weights as they were.
    found = file_subject(tmp_path / "fast.onnx", {}, batch_size=1).subnormals
    assert found == Subnormals(weights=192, activations=192)


def test_an_input_that_decides_a_size_is_noted(tmp_path: Path) -> None:
    floats, whole = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    inputs = [value("x", floats, [4]), value("to", whole, [2])]
    path = write_graph(
        tmp_path / "x.onnx", [("Expand", ["x", "to"], ["y"], {})], inputs, [value("y", floats, ["a", "b"])]
    )
    subject = file_subject(path, {}, batch_size=1, given=Given(feed=("to=4",)))
    assert {tensor.name: tensor.decides_sizes for tensor in subject.artifact.inputs} == {"x": False, "to": True}
