import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest

from exporters import ArtifactError, ExportError, OutputError, ParityError, read_sidecar, sha256_of
from exporters.derived import rewritten as onnx_file
from exporters.derived.rewritten import compare_again, read_rewritten, rewrite_file
from exporters.feeds.given import NOTHING_GIVEN
from exporters.onnx.rewrites import NAMES
from exporters.onnx.rewrites.registry import apply
from tests.exporters.onnx.rewrites.support import graph, kinds
from tests.exporters.onnx.test_settled import with_weights_as_inputs
from tests.fakes import value, write_graph, write_onnx

SHAPES = {"x": (1, 3, 6, 6)}
NORM = {"scale": (4,), "shift": (4,), "mean": (4,), "var": (4,)}
TEXT = """
g (float[n, 3, 6, 6] x) => (float[n, 4] y) {
    c = Conv(x, w)
    normal = BatchNormalization(c, scale, shift, mean, var)
    pooled = GlobalAveragePool(normal)
    y = Flatten(pooled)
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    onnx.save(graph(TEXT, w=(4, 3, 3, 3), **NORM), tmp_path / "mine.onnx")
    return tmp_path / "mine.onnx"


def test_the_file_is_rewritten_and_proved_equal_to_the_original(path: Path, tmp_path: Path) -> None:
    new, sidecar = rewrite_file(path, tmp_path / "out", NAMES, SHAPES)
    assert new == tmp_path / "out" / "mine-rewritten-1x3x6x6.onnx"
    assert "BatchNormalization" not in kinds(onnx.load(new))
    assert {report.name: report.count for report in sidecar.rewrites} == {
        "static_shapes": 1,
        "gelu": 0,
        "batch_norm": 1,
        "matmul_to_conv": 0,
        "simplify": 0,
    }
    assert sidecar.parity.inputs == 8
    assert sidecar.parity.relative_error < 1e-5
    assert sidecar.original_sha256 == sha256_of(path)
    assert sidecar.sha256 == sha256_of(new)
    assert sidecar.outputs[0].shape == (1, 4)
    assert sorted(file.name for file in new.parent.iterdir()) == [new.name, f"{new.name}.json"]
    assert read_rewritten(new) == sidecar


def test_its_sidecar_is_not_taken_for_that_of_a_network(path: Path, tmp_path: Path) -> None:
    new, _ = rewrite_file(path, tmp_path, NAMES, SHAPES)
    assert read_sidecar(new) is None
    assert read_rewritten(path) is None


def test_named_rewrites_stand_in_the_name_and_the_original_stays(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    new, _ = rewrite_file(path, tmp_path, ("batch_norm",), SHAPES)
    assert new.name == "mine-batch_norm.onnx"
    assert path.read_bytes() == before
    assert onnx.load(new).graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"


def test_weights_beside_the_file_are_put_inside(path: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.onnx"
    onnx.save(onnx.load(path), outside, save_as_external_data=True, location="data.bin", size_threshold=0)
    new, sidecar = rewrite_file(outside, tmp_path / "out", NAMES, SHAPES)
    assert sidecar.original_sha256 == sha256_of(outside, tmp_path / "data.bin")
    (tmp_path / "data.bin").unlink()
    onnx.checker.check_model(new, full_check=True)
    assert all(tensor.raw_data for tensor in onnx.load(new, load_external_data=False).graph.initializer)


def test_a_rule_that_changes_the_outputs_is_caught_and_nothing_is_left(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(model: onnx.ModelProto, *_: Any) -> tuple[onnx.ModelProto, tuple[()]]:
        spoilt = onnx.ModelProto()
        spoilt.CopyFrom(model)
        weight = next(tensor for tensor in spoilt.graph.initializer if tensor.name == "w")
        weight.CopyFrom(onnx.numpy_helper.from_array(1.01 * onnx.numpy_helper.to_array(weight), "w"))
        return spoilt, ()

    monkeypatch.setattr(onnx_file, "apply", spoil)
    with pytest.raises(
        ParityError, match=r"does not compute what mine\.onnx computes.*--rewrite batch_norm\. The file was not kept"
    ):
        rewrite_file(path, tmp_path / "out", NAMES, SHAPES)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_whose_output_ignores_the_input_cannot_be_checked(tmp_path: Path) -> None:
    text = "g (float[1, 3] x) => (float[1, 3] y) { zero = Sub(x, x) y = Add(zero, one) }"
    onnx.save(graph(text, one=(1, 3)), tmp_path / "still.onnx")
    with pytest.raises(ParityError, match=r"outputs of still\.onnx hardly depend on the input"):
        rewrite_file(tmp_path / "still.onnx", tmp_path / "out", NAMES, {"x": (1, 3)})


@pytest.mark.parametrize(
    ("body", "output"),
    [
        ("y = Log(x)", "float"),
        ("zero = Sub(x, x) y = Div(x, zero)", "float"),
        ("c = Constant<value_float = 300.0>() up = Add(x, c) wide = Cast<to = 11>(up) y = Exp(wide)", "double"),
    ],
    ids=["nan", "infinity", "more than float32 holds"],
)
def test_what_is_not_finite_is_refused_in_words_alone(body: str, output: str, tmp_path: Path) -> None:
    """A warning of numpy's would fail this test."""
    onnx.save(graph(f"g (float[1, 3] x) => ({output}[1, 3] y) {{ {body} }}"), tmp_path / "wild.onnx")
    with pytest.raises(ParityError, match=r"wild\.onnx gives NaN or infinity, so that nothing can be compared with it"):
        rewrite_file(tmp_path / "wild.onnx", tmp_path / "out", NAMES, {"x": (1, 3)})
    assert not list((tmp_path / "out").iterdir())


def spoiling(*names: str, error: Exception | None = None) -> Any:
    """What applies rewrites, of which these spoil a weight, or raise."""

    def spoil(model: onnx.ModelProto, asked: tuple[str, ...], shapes: Any) -> Any:
        rewritten, reports = apply(model, asked, shapes)
        if any(name in asked for name in names):
            if error is not None:
                raise error
            weight = next(tensor for tensor in rewritten.graph.initializer if len(tensor.dims) == 4)
            weight.CopyFrom(onnx.numpy_helper.from_array(1.01 * onnx.numpy_helper.to_array(weight), weight.name))
        return rewritten, reports

    return spoil


def test_a_rewrite_that_changes_the_outputs_is_dropped_by_name_and_the_others_go_on(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "apply", spoiling("matmul_to_conv"))
    new, sidecar = rewrite_file(path, tmp_path / "out", NAMES, SHAPES)
    assert new.name == "mine-static_shapes+gelu+batch_norm+simplify-1x3x6x6.onnx"
    assert [report.name for report in sidecar.rewrites] == ["static_shapes", "gelu", "batch_norm", "simplify"]
    assert list(sidecar.dropped) == ["matmul_to_conv"]
    reason = sidecar.dropped["matmul_to_conv"]
    assert reason.startswith(
        "mine-matmul_to_conv.onnx does not compute what mine.onnx computes: relative error 6.0e-03 "
    )
    assert "Rewrite it" not in reason
    assert read_rewritten(new) == sidecar
    assert sidecar.parity.relative_error < 1e-5


def test_a_rewrite_that_fails_is_dropped_with_what_it_said(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "apply", spoiling("gelu", error=AssertionError("no weights\nand more")))
    _, sidecar = rewrite_file(path, tmp_path / "out", ("gelu", "batch_norm"), SHAPES)
    assert sidecar.dropped == {"gelu": "it fails: no weights"}
    assert [report.name for report in sidecar.rewrites] == ["batch_norm"]


def with_another_output(model: onnx.ModelProto) -> None:
    model.graph.node.append(onnx.helper.make_node("Neg", ["y"], ["z"]))
    model.graph.output.append(onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, ["n", 4]))


def with_an_operator_that_nobody_has(model: onnx.ModelProto) -> None:
    last = model.graph.node[-1]
    model.graph.node.append(onnx.helper.make_node("Nothing", ["before"], ["y"], domain="nobody"))
    model.opset_import.append(onnx.helper.make_opsetid("nobody", 1))
    last.output[0] = "before"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (with_another_output, "mine-gelu.onnx has 2 outputs, and mine.onnx has 1."),
        (with_an_operator_that_nobody_has, "ONNX Runtime cannot run the file with it: "),
    ],
)
@pytest.mark.parametrize("names", [("gelu", "batch_norm"), ("batch_norm", "gelu")], ids=["first", "second"])
def test_a_rewrite_whose_file_cannot_be_compared_is_dropped_for_that(
    spoil: Any, reason: str, names: tuple[str, ...], path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(model: onnx.ModelProto, asked: tuple[str, ...], shapes: Any) -> Any:
        rewritten, reports = apply(model, asked, shapes)
        if "gelu" in asked:
            spoil(rewritten)
        return rewritten, reports

    monkeypatch.setattr(onnx_file, "apply", spoilt)
    _, sidecar = rewrite_file(path, tmp_path / "out", names, SHAPES)
    assert [report.name for report in sidecar.rewrites] == ["batch_norm"]
    assert list(sidecar.dropped) == ["gelu"]
    assert sidecar.dropped["gelu"].startswith(reason)
    assert "effmod-rewrite-" not in sidecar.dropped["gelu"]  # the folder that is gone
    assert "ONNXRuntimeError" not in sidecar.dropped["gelu"]


def test_the_only_rewrite_that_was_asked_for_is_not_dropped(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_file, "apply", spoiling("batch_norm"))
    with pytest.raises(ParityError, match=r"does not compute what mine\.onnx computes"):
        rewrite_file(path, tmp_path / "out", ("batch_norm",), SHAPES)


def test_a_sidecar_from_before_rewrites_were_dropped_is_read(path: Path, tmp_path: Path) -> None:
    new, sidecar = rewrite_file(path, tmp_path / "out", ("batch_norm",), SHAPES)
    beside = new.with_name(f"{new.name}.json")
    older = json.loads(beside.read_text())
    assert older.pop("dropped") == {}
    assert older["parity"].pop("noise") is None
    beside.write_text(json.dumps(older))
    assert read_rewritten(new) == sidecar


def test_a_rule_that_fails_says_what_to_try(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise AssertionError("no weights\nand more")

    monkeypatch.setattr(onnx_file, "apply", fail)
    with pytest.raises(ExportError, match=r"mine\.onnx cannot be rewritten: no weights; try fewer"):
        rewrite_file(path, tmp_path / "out", NAMES, SHAPES)


def test_a_file_that_does_not_run_says_so(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx", shape=(1, 3, "h", "w"), operator="Relu")
    with pytest.raises(ArtifactError, match="ONNX Runtime cannot run"):
        rewrite_file(path, tmp_path / "out", ("batch_norm",), {"x": (2, 3, 4, 4)})


def test_a_folder_that_cannot_be_written_is_an_output_error(path: Path) -> None:
    with pytest.raises(OutputError, match="choose a folder"):
        rewrite_file(path, path / "out", NAMES, SHAPES)


def test_every_input_is_fed_by_its_type_and_several_outputs_are_compared(tmp_path: Path) -> None:
    text = """
    g (float[1, 3, 8, 8] x, int64[1] k, float16[2, 2] half) => (float[1, 3, 8, 8] a, float16[2, 2] b, int64[1] c) {
        a = Relu(x)
        b = Neg(half)
        c = Identity(k)
    }
    """
    onnx.save(graph(text), tmp_path / "x.onnx")
    _, sidecar = rewrite_file(
        tmp_path / "x.onnx", tmp_path / "out", NAMES, {"x": (1, 3, 8, 8), "k": (1,), "half": (2, 2)}
    )
    assert sidecar.parity.max_abs_error == 0
    assert np.isclose(sidecar.parity.cosine, 1)


def test_subnormal_numbers_of_the_new_file_stand_in_its_sidecar(tmp_path: Path) -> None:
    """Half the weights are 1e-40; so is what the first convolution makes of them, and nothing behind it."""
    text = "g (float[1, 3, 6, 6] x) => (float[1, 4, 6, 6] y) { c = Conv(x, w)  y = Conv(c, v) }"
    model = graph(text, w=(4, 3, 1, 1), v=(4, 4, 1, 1))
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "w")
    values = onnx.numpy_helper.to_array(weight).copy()
    values[:2] = 1e-40
    weight.CopyFrom(onnx.numpy_helper.from_array(values, "w"))
    onnx.save(model, tmp_path / "mine.onnx")
    _, sidecar = rewrite_file(tmp_path / "mine.onnx", tmp_path / "out", ("batch_norm",), SHAPES)
    found = sidecar.parity.subnormals
    assert found is not None
    assert found.weights == {"float": 6}
    # Of eight inputs, two maps of 36 values: a sum of products with 1e-40 is smaller than 1.2e-38, and hardly ever 0.
    assert found.activations == pytest.approx(8 * 2 * 36, rel=0.05)
    assert found.kind == "Conv"


def test_a_file_that_takes_and_gives_bfloat16_is_proved(tmp_path: Path) -> None:
    kind = onnx.TensorProto.BFLOAT16
    nodes = [
        ("Cast", ["x"], ["f"], {"to": onnx.TensorProto.FLOAT}),
        ("Exp", ["f"], ["e"], {}),
        ("Cast", ["e"], ["y"], {"to": kind}),
    ]
    path = write_graph(tmp_path / "half.onnx", nodes, [value("x", kind, [1, 8])], [value("y", kind, [1, 8])])
    new, sidecar = rewrite_file(path, tmp_path / "out", ("batch_norm",), {"x": (1, 8)})
    assert (sidecar.parity.inputs, sidecar.parity.relative_error) == (8, 0)
    assert sidecar.parity.output_change > 0.1
    assert compare_again(new, sidecar, path, given=NOTHING_GIVEN) == sidecar.parity


def test_weights_that_are_inputs_too_are_folded_and_it_is_said_how_many_they_were(path: Path, tmp_path: Path) -> None:
    """As in onnx's own light_resnet50, and all that Caffe2 wrote."""
    old = with_weights_as_inputs(onnx.load(path))
    old.opset_import[0].version = 9
    onnx.save(old, tmp_path / "old.onnx")
    new, sidecar = rewrite_file(tmp_path / "old.onnx", tmp_path / "out", ("batch_norm",), SHAPES)
    assert [report.count for report in sidecar.rewrites] == [1]
    assert sidecar.constant_inputs == 5
    assert [given.name for given in onnx.load(new).graph.input] == ["x"]


def test_a_file_that_says_other_shapes_than_it_gives_is_proved_over_as_many_inputs_as_were_fed_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As ddddocr's: ONNX Runtime runs it, and logs a warning at each inference."""
    model = graph("g (float[1, 3, n] x) => (float[1, k] y) { y = Transpose <perm = [2, 0, 1]> (x) }")
    onnx.save(model, tmp_path / "stale.onnx")
    _, sidecar = rewrite_file(tmp_path / "stale.onnx", tmp_path / "out", NAMES, {"x": (1, 3, 28)})
    assert sidecar.parity.inputs == 8
    assert sidecar.outputs[0].shape == (28, 1, 3)
    assert capfd.readouterr() == ("", "")


def test_a_file_that_draws_is_refused_though_two_sessions_draw_the_same(tmp_path: Path) -> None:
    text = """
    g (float[1, 3, 6, 6] x) => (float[1, 3, 6, 6] y) {
        r = RandomNormalLike <seed = 1.0> (x)
        y = Add(x, r)
    }
    """
    onnx.save(graph(text), tmp_path / "x.onnx")
    with pytest.raises(ArtifactError, match=r"x\.onnx gives other outputs from run to run for the same input"):
        rewrite_file(tmp_path / "x.onnx", tmp_path / "out", ("simplify",), SHAPES)
    assert not (tmp_path / "out").exists()


HEAD_OF_OWN = '<ir_version: 10, opset_import: ["": 20, "own": 1]>'
DRAWING = "r = RandomNormalLike <seed = 1.0> (x)\n d = Add(x, r)"
SOMETIMES = f"""
g (float[1, 3, 6, 6] x, bool often) => (float[1, 3, 6, 6] y) {{
    y = If (often) <
        then_branch = g1 () => (float[1, 3, 6, 6] d) {{ {DRAWING} }},
        else_branch = g2 () => (float[1, 3, 6, 6] e) {{ e = Relu(x) }}
    >
}}
"""
BY_FUNCTION = f"""
g (float[1, 3, 6, 6] x) => (float[1, 3, 6, 6] y) {{ y = own.noise(x) }}
<domain: "own", opset_import: ["": 20]> noise (x) => (d) {{ {DRAWING} }}
"""


@pytest.mark.parametrize("text", [SOMETIMES, BY_FUNCTION])
def test_so_is_one_that_draws_in_a_branch_or_a_function(text: str, tmp_path: Path) -> None:
    onnx.save(onnx.parser.parse_model(HEAD_OF_OWN + text), tmp_path / "x.onnx")
    shapes: dict[str, tuple[int, ...]] = SHAPES | ({"often": ()} if text is SOMETIMES else {})
    with pytest.raises(ArtifactError, match=r"x\.onnx gives other outputs from run to run for the same input"):
        rewrite_file(tmp_path / "x.onnx", tmp_path / "out", ("simplify",), shapes)


def test_nor_is_one_that_draws_proved_again(path: Path, tmp_path: Path) -> None:
    """By a sidecar of an effmod that did not see it draw."""
    new, sidecar = rewrite_file(path, tmp_path / "out", ("batch_norm",), SHAPES)
    onnx.save(onnx.parser.parse_model(HEAD_OF_OWN + BY_FUNCTION), tmp_path / "x.onnx")
    older = msgspec.structs.replace(sidecar, original_sha256=sha256_of(tmp_path / "x.onnx"))
    with pytest.raises(ArtifactError, match="gives other outputs from run to run"):
        compare_again(new, older, tmp_path / "x.onnx", given=NOTHING_GIVEN)
