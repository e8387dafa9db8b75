from pathlib import Path

import msgspec
import pytest
import typer

from effmod_bench.errors import TargetError
from effmod_bench.options.export import (
    ExportChoices,
    NetworkChoices,
    Purpose,
    checkpoint_paths,
    one_checkpoint,
    one_image_size,
    parse_checkpoints,
    parse_image_sizes,
    parse_input_shapes,
    parse_weights,
    read_labels,
    weights_asked,
)
from exporters import RANDOM, Compression, ComputePrecision, CoreMLConfig, DeploymentTarget, Format, InputKind
from exporters.rewrites import AUTO
from models import find_model

SPEC = find_model("efficientmod_xxs")
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


def test_modelbench_takes_ios_15() -> None:
    config = ExportChoices(format=COREML.format, purpose=Purpose.MODELBENCH).config(SPEC)
    assert config == CoreMLConfig(
        image_size=224, target=DeploymentTarget.IOS15, modelbench=True, rewrites=AUTO[Format.COREML]
    )


def test_what_is_for_openvino_is_left_plain() -> None:
    assert ExportChoices(purpose=Purpose.OPENVINO).config(SPEC) == ExportChoices(rewrite="none").config(SPEC)
    assert ExportChoices(purpose=Purpose.ONNXRUNTIME).config(SPEC) == ExportChoices().config(SPEC)


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        (
            ExportChoices(format=Format.COREML, purpose=Purpose.OPENVINO),
            "--for openvino goes with --format onnx, not with --format coreml",
        ),
        (
            ExportChoices(purpose=Purpose.MODELBENCH),
            "--for modelbench goes with --format coreml, not with --format onnx",
        ),
        (ExportChoices(purpose=Purpose.OPENVINO, rewrite="auto"), "leave it out, or --rewrite"),
        (ExportChoices(purpose=Purpose.ONNXRUNTIME, dynamic_batch=True), "leave it out, or --dynamic-batch"),
        (
            ExportChoices(purpose=Purpose.OPENVINO, compute_precision=ComputePrecision.FLOAT16),
            "leave it out, or --compute-precision float16",
        ),
    ],
)
def test_a_purpose_that_does_not_fit_the_rest_is_refused(choices: ExportChoices, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        choices.config(SPEC)


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


def test_labels_are_read_from_a_file_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"cannot read .*: it is no regular file"):
        read_labels(tmp_path)
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(1 << 30)
    with pytest.raises(TargetError, match="it has 1073741824 bytes"):
        read_labels(tmp_path / "sparse")


def test_a_missing_labels_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="No such file"):
        read_labels(tmp_path / "labels.txt")


def test_shapes_are_read() -> None:
    assert parse_input_shapes(["1,3,8,8", "x:2,4", "a:b:1"]) == {None: (1, 3, 8, 8), "x": (2, 4), "a:b": (1,)}


@pytest.mark.parametrize("text", ["", "x:", "1,a", "1,0", "1,-3", "1.5"])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(TargetError, match="is no shape"):
        parse_input_shapes([text])


def test_a_networks_own_image_size_holds_where_none_is_given() -> None:
    spec = find_model("efficientmod_xxs")
    assert ExportChoices(opset=20).config(spec).image_size == 224
    assert ExportChoices(opset=20, image_size=256).config(spec).image_size == 256


def test_random_weights_stand_in_a_checkpoints_place() -> None:
    assert NetworkChoices(weights=RANDOM).choices().checkpoint == RANDOM
    assert NetworkChoices(checkpoint=["x.pth"]).choices().checkpoint == Path("x.pth")
    assert NetworkChoices().choices().checkpoint is None
    assert NetworkChoices(weights=RANDOM).choices().given(apart_from=()) == ["--weights"]


@pytest.mark.parametrize(
    ("checkpoint", "weights", "said"),
    [
        (Path("x.pth"), RANDOM, "--checkpoint x.pth and --weights random are two answers to one question"),
        (Path("random"), None, "give --weights random, in the place of --checkpoint random"),
    ],
)
def test_two_kinds_of_weights_are_refused(checkpoint: Path, weights: Path | None, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        weights_asked(checkpoint, weights)


@pytest.mark.parametrize(
    ("text", "said"),
    [("own", "'own' is none that there is: give 'random'$"), ("net.pth", "goes with --checkpoint net.pth$")],
)
def test_weights_that_there_are_not_are_refused(text: str, said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        parse_weights(text)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("224", (224,)), ("224, 256,224", (224, 256)), ("224:288:32", (224, 256, 288)), ("8,10:13:2", (8, 10, 12))],
)
def test_image_sizes_are_read_each_once(text: str, sizes: tuple[int, ...]) -> None:
    assert parse_image_sizes(text) == sizes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is no number of pixels"),
        ("224,x", "'x' is no number of pixels; write 224, or 224,256, or 224:512:32"),
        ("0", "'0' is no number of pixels"),
        ("224:512", "'224:512' is no number of pixels"),
        ("224:512:0", "'224:512:0' is no number of pixels"),
        ("512:224:32", "nothing is from 512 to 224"),
        ("1:1000000000:1", "more than 1000 sizes"),
    ],
)
def test_what_is_no_image_size_is_refused(text: str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        parse_image_sizes(text)


def test_several_image_sizes_are_for_bench() -> None:
    assert (one_image_size(None), one_image_size("192")) == (None, 192)
    with pytest.raises(TargetError, match="--image-size 192,224: several are for 'effmod bench'; give one"):
        one_image_size("192,224")


def test_checkpoints_are_one_path_or_one_for_each_network_by_its_name(tmp_path: Path) -> None:
    assert parse_checkpoints(None) == (None, ())
    assert parse_checkpoints(["x.pth"]) == (Path("x.pth"), ())
    named = [
        "efficientmod_xxs=xxs.pth",
        "efficientmod_iso(dim=96, depth=4)=a=b.pth",
        "mine.py:net=pretrained",
        "a(b=(1, 2), c=3)=x(4).pth",
    ]
    assert parse_checkpoints(named) == (
        None,
        (
            ("efficientmod_xxs", Path("xxs.pth")),
            ("efficientmod_iso(dim=96, depth=4)", Path("a=b.pth")),
            ("mine.py:net", Path("pretrained")),
            ("a(b=(1, 2), c=3)", Path("x(4).pth")),
        ),
    )
    there = tmp_path / "lr=0.1.pth"
    there.touch()
    assert parse_checkpoints([str(there)]) == (there, ())
    assert NetworkChoices(checkpoint=["a=x.pth"]).choices().checkpoints == (("a", Path("x.pth")),)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["x.pth", "y.pth"], "of several checkpoints each says whose it is, as in efficientmod_xxs=y.pth"),
        (["x.pth", "a=y.pth"], "of several checkpoints each says whose it is"),
        (["a=x.pth", "a=y.pth"], "given twice for a"),
    ],
)
def test_checkpoints_that_are_nobodys_or_of_one_twice_are_refused(texts: list[str], said: str) -> None:
    with pytest.raises(TargetError, match=said):
        parse_checkpoints(texts)
    with pytest.raises(TargetError):
        one_checkpoint(["a=x.pth", "b=y.pth"])


def test_one_checkpoint_keeps_the_name_that_it_is_given_by() -> None:
    assert one_checkpoint(None) == (None, None)
    assert one_checkpoint(["x.pth"]) == (None, Path("x.pth"))
    assert one_checkpoint(["a=x.pth"]) == ("a", Path("x.pth"))


def test_where_checkpoints_are_known_by_their_hash_any_number_is_taken() -> None:
    assert checkpoint_paths(["x.pth", "a=y.pth", "a=z.pth"]) == [Path("x.pth"), Path("y.pth"), Path("z.pth")]
