from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import msgspec
import onnx
import pytest
from typer.testing import CliRunner

import effmod_bench.runs.export
import effmod_bench.targets.obtain
import models
from effmod_bench.cli import app
from effmod_bench.errors import ExitCode, TargetError, exit_code
from effmod_bench.options.export import ExportChoices, Purpose, read_labels
from effmod_bench.runs.export import export_all
from effmod_bench.screen.console import Console
from effmod_bench.targets.limits import check_labels
from effmod_bench.targets.obtain import obtain_artifact
from effmod_bench.targets.subjects import file_subject, zoo_subject
from exporters import (
    Compression,
    ComputePrecision,
    CoreMLConfig,
    DeploymentTarget,
    ExportError,
    Format,
    FormatUnavailableError,
    InputKind,
    Made,
    OutputError,
)
from exporters.rewrites import AUTO
from models import ModelSpec
from results import ArtifactSource
from tests.exporters.onnx.rewrites.support import graph
from tests.fakes import write_onnx

SPEC = models.find_model("efficientmod_xxs")
COREML = ExportChoices(format=Format.COREML)


def test_the_defaults_of_core_ml() -> None:
    assert COREML.config(SPEC) == CoreMLConfig(
        image_size=224, target=DeploymentTarget.IOS16, input=InputKind.IMAGE, rewrites=AUTO[Format.COREML]
    )


def test_the_arithmetic_is_the_formats_own_where_none_is_given() -> None:
    assert ExportChoices().config(SPEC).compute_precision is ComputePrecision.FLOAT32
    assert COREML.config(SPEC).compute_precision is ComputePrecision.FLOAT16
    for format_ in Format:
        for precision in ComputePrecision:
            config = ExportChoices(format=format_, compute_precision=precision).config(SPEC)
            assert config.compute_precision is precision


def test_an_onnx_file_is_rewritten_unless_its_batch_is_open_or_it_is_for_gpus() -> None:
    assert ExportChoices().config(SPEC).rewrites == AUTO[Format.ONNX]
    assert ExportChoices(batch_size=8, opset=18).config(SPEC).rewrites == AUTO[Format.ONNX]
    assert ExportChoices(dynamic_batch=True).config(SPEC).rewrites == ()
    float16 = ExportChoices(compute_precision=ComputePrecision.FLOAT16)
    assert float16.config(SPEC).rewrites == ()
    assert msgspec.structs.replace(float16, rewrite="auto").config(SPEC).rewrites == AUTO[Format.ONNX]
    assert ExportChoices(rewrite="none").config(SPEC).rewrites == ()


def test_a_default_file_that_was_left_plain_is_timed_as_the_plain_one() -> None:
    spec = models.find_model("mobilenetv2_100")
    choices = ExportChoices(image_size=32, simplify=False)
    default, plain = (
        zoo_subject(obtain_artifact(Console(-1), spec, given), batch_size=1).artifact
        for given in (choices, msgspec.structs.replace(choices, rewrite="none"))
    )
    assert default == plain
    assert default.form == "plain"


def test_modelbench_takes_ios_15() -> None:
    config = ExportChoices(format=COREML.format, purpose=Purpose.MODELBENCH).config(SPEC)
    assert config == CoreMLConfig(
        image_size=224, target=DeploymentTarget.IOS15, modelbench=True, rewrites=AUTO[Format.COREML]
    )


@pytest.mark.parametrize(("choices", "said"), [(ExportChoices(dynamic_batch=True), True), (ExportChoices(), False)])
@pytest.mark.usefixtures("no_files")
def test_that_an_open_batch_is_not_rewritten_is_said(
    choices: ExportChoices,
    said: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(effmod_bench.runs.export, "obtain_artifact", failing({}))
    assert export_all(Console(), [SPEC], choices, tmp_path) is ExitCode.OK
    assert ("With --dynamic-batch nothing is rewritten" in capsys.readouterr().err) is said


def test_an_option_of_the_other_format_is_refused() -> None:
    with pytest.raises(TargetError, match="--target goes with --format coreml, not with --format onnx"):
        ExportChoices(target=DeploymentTarget.IOS16).config(SPEC)
    with pytest.raises(TargetError, match="--opset goes with --format onnx, not with --format coreml"):
        ExportChoices(format=COREML.format, opset=18).config(SPEC)
    with pytest.raises(TargetError, match="--dynamic-batch goes with --format onnx"):
        ExportChoices(format=COREML.format, dynamic_batch=True).config(SPEC)


def test_choices_that_contradict_each_other_are_a_wrong_use() -> None:
    with pytest.raises(TargetError, match="need the target iOS16"):
        ExportChoices(format=COREML.format, target=DeploymentTarget.IOS15, compress=Compression.INT8).config(SPEC)
    with pytest.raises(TargetError, match="ModelBench takes the target iOS15"):
        ExportChoices(format=COREML.format, target=DeploymentTarget.IOS17, purpose=Purpose.MODELBENCH).config(SPEC)


def test_labels_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("tench, fish\n  ünder \nlast\n\n", encoding="utf-8")
    assert read_labels(tmp_path / "labels.txt") == ("tench, fish", "ünder", "last")
    assert read_labels(None) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"crane\ndog\ncrane\n", "lines 1 and 3 are both 'crane'"),
        (b"crane\n\ndog\n", "line 2 is empty"),
        (b"", "is empty; write one label a line"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
    ],
)
def test_labels_that_cannot_be_used_say_why(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(TargetError, match=said):
        read_labels(tmp_path / "labels.txt")


def test_a_missing_labels_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="No such file"):
        read_labels(tmp_path / "labels.txt")


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


def test_labels_of_a_network_that_must_be_built_to_be_counted_are_not_refused() -> None:
    own = msgspec.structs.replace(SPEC, name="own.py:build", factory="own.py:build", family="own")
    check_labels(ExportChoices(labels=("cat", "dog")), [own])
    check_labels(ExportChoices(labels=tuple(map(str, range(1000)))), [own, SPEC])


def failing(names: Mapping[str, Exception]) -> object:
    """An export that fails for these networks, and for the others delivers nothing but a name."""

    def obtain_artifact(_: Console, spec: ModelSpec, __: ExportChoices) -> Made:
        if spec.name in names:
            raise names[spec.name]
        return SimpleNamespace(path=Path("made"))  # type: ignore[return-value]

    return obtain_artifact


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effmod_bench.runs.export, "deliver", lambda *_: Path("out"))
    monkeypatch.setattr(effmod_bench.runs.export, "_say_what_it_is", lambda *_: None)


@pytest.mark.usefixtures("no_files")
def test_a_table_goes_on_past_a_failure_and_names_it_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    table = models.list_models("*", table="12")
    broken = {table[1].name: ExportError("an operator is lacking")}
    monkeypatch.setattr(effmod_bench.runs.export, "obtain_artifact", failing(broken))
    done = CliRunner().invoke(app, ["export", "--format", "coreml", "--table", "12"])
    assert done.exit_code == ExitCode.SOME_FAILED
    assert done.stdout.count("out") == len(table) - 1
    assert f"1 of {len(table)} networks failed" in done.stderr
    assert f"{table[1].name}: an operator is lacking" in done.stderr


@pytest.mark.usefixtures("no_files")
@pytest.mark.parametrize("error", [OutputError("full"), FormatUnavailableError("no wheel"), ZeroDivisionError("a bug")])
def test_what_fails_for_all_stops_at_once(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = models.list_models("efficientmod_xx*")
    monkeypatch.setattr(effmod_bench.runs.export, "obtain_artifact", failing({specs[0].name: error}))
    with pytest.raises(type(error)):
        export_all(Console(-1), specs, COREML, tmp_path)


@pytest.mark.usefixtures("no_files")
def test_the_only_network_fails_with_its_own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effmod_bench.runs.export, "obtain_artifact", failing({SPEC.name: ExportError("no")}))
    with pytest.raises(ExportError):
        export_all(Console(-1), [SPEC], COREML, tmp_path)


def test_a_missing_converter_is_code_3() -> None:
    assert exit_code(FormatUnavailableError("no wheel")) == 3


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
