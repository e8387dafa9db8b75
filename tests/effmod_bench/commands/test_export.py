import signal
from collections.abc import Callable
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from typer.testing import CliRunner

import effmod_bench.targets.obtain
import models
from effmod_bench.cli import app
from effmod_bench.errors import ExitCode
from effmod_bench.isolation.process import Step
from effmod_bench.targets.subjects import file_subject
from exporters import OutputError, read_sidecar
from results import ArtifactSource
from tests.effmod_bench.support import Run, effmod
from tests.exporters.onnx.rewrites.support import graph
from tests.fakes import FakeWorkProcess, T, write_onnx, write_onnx_with_weights_beside

SPEC = models.find_model("efficientmod_xxs")


def test_export_leaves_a_file_that_runs_and_its_sidecar(effmod_process: Run, tmp_path: Path) -> None:
    done = effmod_process("export", "efficientmod_xxs", "--image-size", "32", "--output", "out")
    assert done.returncode == 0, done.stderr
    path = tmp_path / done.stdout.strip()
    assert path == tmp_path / "out" / "efficientmod_xxs-32px.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [1, 3, 32, 32]
    sidecar = read_sidecar(path)
    assert sidecar is not None
    assert sidecar.parity.relative_error < 1e-4
    assert "random(seed 0)" in done.stderr


def test_a_checkpoint_is_exported_and_named(quickly: Run, tmp_path: Path) -> None:
    model = models.create_model("efficientmod_xxs")
    models.fill(model, image_size=32, seed=3)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "three.pth")
    done = quickly("export", "efficientmod_xxs", "--image-size", "32", "--checkpoint", "three.pth")
    assert done.returncode == 0, done.stderr
    sidecar = read_sidecar(tmp_path / done.stdout.strip())
    assert sidecar is not None
    assert sidecar.weights.file == "three.pth"
    assert "random" not in done.stderr


def test_a_full_cache_is_a_store_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutputError("cannot write x: No space left on device; free some space, or choose another disk")

    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path))  # an empty one
    monkeypatch.setattr("effmod_bench.targets.obtain.obtain", full)
    result = CliRunner().invoke(app, ["export", "efficientmod_xxs"])
    assert result.exit_code == 5
    assert "No space left on device" in result.output


@pytest.mark.parametrize("count", [999, 1001])
def test_labels_that_are_not_as_many_as_the_classes_are_a_wrong_use_before_anything_is_built(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was built")

    monkeypatch.setattr(effmod_bench.targets.obtain, "obtain", never)
    (tmp_path / "labels.txt").write_text("\n".join(map(str, range(count))))
    done = CliRunner().invoke(app, ["export", SPEC.name, "--format", "coreml", "--labels", "labels.txt"])
    assert done.exit_code == ExitCode.USAGE
    said = " ".join(done.stderr.split())
    assert f"--labels has {count} names, and efficientmod_xxs tells 1000 classes apart" in said


FOLDABLE = """
g (float[n, 3, h, w] x) => (float[n, 4, k, l] y) {
    c = Conv(x, kernel)
    y = BatchNormalization(c, scale, shift, mean, var)
}
"""


@pytest.fixture
def foldable(tmp_path: Path) -> Path:
    """A user's own file, with something for a rewrite to do."""
    norm = {"scale": (4,), "shift": (4,), "mean": (4,), "var": (4,)}
    onnx.save(graph(FOLDABLE, kernel=(4, 3, 3, 3), **norm), tmp_path / "mine.onnx")
    return tmp_path / "mine.onnx"


def test_a_users_own_file_is_rewritten_and_explained(foldable: Path, tmp_path: Path) -> None:
    options = ["--input-shape", "2,3,8,8", "--explain", "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(app, ["export", str(foldable), *options])
    assert done.exit_code == ExitCode.OK, done.stderr
    assert "places changed: static_shapes 3, gelu 0, batch_norm 1, matmul_to_conv 0, simplify 0" in done.stderr
    *table, path = done.stdout.splitlines()
    assert ["BatchNormalization", "1", "0", "-1"] in [line.split() for line in table]
    assert ["all", "2", "1", "-1"] in [line.split() for line in table]
    assert path == str(tmp_path / "out" / "mine-rewritten-2x3x8x8.onnx")
    assert Path(path).is_file()


GELU = """
g (float[1, 3, 8, 8] x) => (float[1, 3, 8, 8] y) {
    one = Constant <value = float {1.0}> ()
    half = Constant <value = float {0.5}> ()
    root = Constant <value = float {1.4142135}> ()
    scaled = Div(x, root)
    erf = Erf(scaled)
    factor = Add(erf, one)
    twice = Mul(x, factor)
    y = Mul(twice, half)
}
"""


def test_a_file_whose_opset_a_rewrite_raised_says_so_and_is_named_by_the_new_one(tmp_path: Path) -> None:
    model = graph(GELU)
    model.opset_import[0].version = 18
    onnx.save(model, tmp_path / "net-opset18.onnx")
    done = CliRunner().invoke(app, ["export", "net-opset18.onnx"])
    assert done.exit_code == ExitCode.OK, done.output
    assert "the rewrites raised its opset from 18 to 20" in done.stderr
    assert done.stdout.strip() == "net-opset20-rewritten.onnx"


@pytest.mark.parametrize("inputs", [[], ["--input-shape", "1,3,8,8"]])
def test_a_file_whose_output_carries_no_shape_is_rewritten(inputs: list[str], tmp_path: Path) -> None:
    model = onnx.load(write_onnx(tmp_path / "net.onnx"))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    if inputs:
        model.graph.input[0].type.tensor_type.ClearField("shape")
    onnx.save(model, tmp_path / "net.onnx")
    done = CliRunner().invoke(app, ["export", "net.onnx", *inputs])
    assert done.exit_code == ExitCode.OK, done.output


def test_a_rewritten_file_is_timed_as_a_users_own(foldable: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    runner.invoke(app, ["export", str(foldable), "--input-shape", "1,3,8,8"])
    subject = file_subject(tmp_path / "mine-rewritten-1x3x8x8.onnx", {}, batch_size=1)
    assert (subject.artifact.name, subject.artifact.source) == ("mine-rewritten-1x3x8x8.onnx", ArtifactSource.FILE)
    assert subject.artifact.form is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "dimensions h, w are open"),
        (["--input-shape", "1,4,8,8"], "--input-shape gives 1,4,8,8"),
        (["efficientmod_xxs"], "export networks in a command of their own"),
        (["--table", "12"], "export networks in a command of their own"),
        (["x.mlpackage"], "x.mlpackage is a Core ML package; only networks and .onnx files are rewritten"),
        (["--rewrite", "none"], "leaves nothing to do"),
        (
            ["--rewrite", "channels_first"],
            "there are auto, none, static_shapes, gelu, batch_norm, matmul_to_conv, simplify",
        ),
        (["--format", "coreml"], "--format is for networks"),
        (["--no-simplify"], "--no-simplify is for networks"),
        (["--for", "modelbench"], "--for is for networks"),
        (["--compute-precision", "float16"], "--compute-precision is for networks"),
    ],
)
def test_what_does_not_go_with_a_file_is_refused(arguments: list[str], said: str, foldable: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(foldable), *arguments])
    assert done.exit_code == ExitCode.USAGE
    assert said in done.stderr


def test_a_shape_without_a_file_is_refused() -> None:
    done = CliRunner().invoke(app, ["export", "efficientmod_xxs", "--input-shape", "1,3,8,8"])
    assert done.exit_code == ExitCode.USAGE
    assert "--input-shape is for .onnx files" in done.stderr


class Crashing(FakeWorkProcess):
    """A process that crashes with what is called so."""

    def do(self, work: Callable[[], T], step: Step) -> T:
        if "crash" in repr(work):
            raise step.crashed(-signal.SIGSEGV)
        return work()


CRASHED = "the process that loaded it ended by signal 11 (SIGSEGV)"


def test_a_file_that_crashes_is_a_row_and_the_others_are_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("effmod_bench.isolation.apart.WorkProcess", Crashing)
    for nodes, name in enumerate(("crash.onnx", "good.onnx"), start=1):
        write_onnx(tmp_path / name, nodes=nodes)
    done = effmod("export", "crash.onnx", "good.onnx", "-o", "out")
    assert done.exit_code == ExitCode.SOME_FAILED
    assert done.stdout.splitlines() == ["out/good-rewritten.onnx"]
    assert f"error: 1 of 2 files failed:\nerror: crash.onnx: {CRASHED}\n" in done.stderr
    alone = effmod("export", "crash.onnx", "-o", "out")
    assert (alone.exit_code, alone.stderr) == (ExitCode.USAGE, f"error: crash.onnx: {CRASHED}\n")


def test_a_function_that_crashes_is_a_row_and_the_other_networks_are_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("effmod_bench.isolation.apart.WorkProcess", Crashing)
    small = ("--image-size", "32", "--no-simplify", "--rewrite", "none", "-o", "out")
    done = effmod("export", "own.py:crash", "efficientmod_xxs", *small)
    assert done.exit_code == ExitCode.SOME_FAILED
    assert done.stdout.splitlines() == ["out/efficientmod_xxs-32px-unsimplified-plain.onnx"]
    assert f"error: 1 of 2 networks failed:\nerror: own.py:crash: {CRASHED}\n" in done.stderr
    alone = effmod("export", "own.py:crash", *small)
    assert (alone.exit_code, alone.stderr) == (ExitCode.USAGE, f"error: own.py:crash: {CRASHED}\n")


def test_subnormal_numbers_are_warned_of_when_a_file_is_made_and_when_it_is_proved_again(tmp_path: Path) -> None:
    write_onnx_with_weights_beside(tmp_path / "mine.onnx", 1e-40)
    done = effmod("export", "mine.onnx", "-o", "out", "--rewrite", "batch_norm")
    assert done.exit_code == 0, done.output
    again = effmod("verify", done.stdout.strip(), "--against", "mine.onnx")
    assert again.exit_code == 0, again.output
    for each in (done, again):
        assert "192 of its weights are subnormal, no zero but nearer to it" in " ".join(each.stderr.split())


def test_a_number_that_nobody_gave_and_the_file_does_not_take_is_named(tmp_path: Path) -> None:
    """As the sampling rate of silero-vad, of which no power of two is one."""
    onnx.save(graph("g (float[1, 7] x, int64[1] rate) => (float[m] y) { y = Reshape(x, rate) }"), tmp_path / "x.onnx")
    done = effmod("export", "x.onnx", "-o", "out")
    assert done.exit_code == ExitCode.USAGE
    assert (
        "'rate' was fed 1, since nobody said what it takes and no other number ran either: --feed rate=N" in done.stderr
    )
    assert effmod("export", "x.onnx", "-o", "out", "--feed", "rate=7").exit_code == ExitCode.OK


def test_a_number_that_nobody_gave_is_not_blamed_for_a_file_that_does_not_load(tmp_path: Path) -> None:
    head = '<ir_version: 8, opset_import: ["": 18, "their.own": 1]>'
    text = f"{head} g (int64[1] n) => (float[1] y) {{ y = their.own.Foo(n) }}"
    onnx.save(onnx.parser.parse_model(text), tmp_path / "x.onnx")
    done = effmod("export", "x.onnx", "-o", "out")
    assert done.exit_code == ExitCode.USAGE
    assert "ONNX Runtime cannot run x.onnx: Load model from x.onnx failed:Fatal error: their.own:Foo" in done.stderr
    assert "was fed" not in done.stderr
