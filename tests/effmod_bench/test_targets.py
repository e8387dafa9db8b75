from pathlib import Path

import pytest

from effmod_bench.errors import TargetError
from effmod_bench.options.export import ExportChoices, parse_input_shapes
from effmod_bench.targets.limits import check_checkpoint, check_image_sizes
from effmod_bench.targets.names import find_networks, is_file
from effmod_bench.targets.shapes import resolve_shape
from models import UnknownModelError, find_model


def test_names_patterns_and_repetitions_become_networks_once() -> None:
    found = find_networks(["efficientmod_s", "efficientmod_x?s", "efficientmod_s"])
    assert [spec.name for spec in found] == ["efficientmod_s", "efficientmod_xxs"]


def test_a_pattern_that_matches_nothing_says_so() -> None:
    with pytest.raises(UnknownModelError, match=r"no network matches 'nope\*'"):
        find_networks(["nope*"])


def test_a_file_is_told_from_a_name(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("")
    assert is_file("missing.onnx")
    assert is_file(str(tmp_path / "model"))
    assert not is_file("efficientmod_xxs")
    (tmp_path / "net.py").write_text("")
    assert not is_file(f"{tmp_path}/net.py:build")


def test_shapes_are_read() -> None:
    assert parse_input_shapes(["1,3,8,8", "x:2,4", "a:b:1"]) == {None: (1, 3, 8, 8), "x": (2, 4), "a:b": (1,)}


@pytest.mark.parametrize("text", ["", "x:", "1,a", "1,0", "1,-3", "1.5"])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(TargetError, match="is no shape"):
        parse_input_shapes([text])


def test_an_open_first_dimension_is_the_batch() -> None:
    assert resolve_shape("x", ["n", 3, 8, 8], None, path=Path("f"), batch_size=4) == (4, 3, 8, 8)


def test_other_open_dimensions_are_named() -> None:
    with pytest.raises(TargetError, match=r"dimensions height, \? are open.*--input-shape x:1,3,224,224"):
        resolve_shape("x", ["n", 3, "height", "?"], None, path=Path("f"), batch_size=1)


def test_a_given_shape_must_fit() -> None:
    assert resolve_shape("x", ["n", 3, "h", "w"], (2, 3, 9, 9), path=Path("f"), batch_size=1) == (2, 3, 9, 9)
    for wrong in ((2, 4, 9, 9), (2, 3, 9)):
        with pytest.raises(TargetError, match="--input-shape gives"):
            resolve_shape("x", ["n", 3, "h", "w"], wrong, path=Path("f"), batch_size=1)


def test_a_given_shape_must_agree_with_the_batch_size() -> None:
    declared = ("n", 3, "h", "w")
    assert resolve_shape("x", declared, (4, 3, 9, 9), path=Path("f"), batch_size=4) == (4, 3, 9, 9)
    with pytest.raises(TargetError, match="gives 4,3,9,9, a batch of 4, and --batch-size gives 2"):
        resolve_shape("x", declared, (4, 3, 9, 9), path=Path("f"), batch_size=2)


def test_an_input_without_a_shape_is_to_be_given_one() -> None:
    with pytest.raises(TargetError, match="f: input 'x' has no shape; give it, as in --input-shape x:1,3,224,224"):
        resolve_shape("x", None, None, path=Path("f"), batch_size=1)
    assert resolve_shape("x", None, (2, 5), path=Path("f"), batch_size=1) == (2, 5)


def test_an_empty_input_is_refused_by_name() -> None:
    for given in (None, (0, 3)):
        with pytest.raises(TargetError, match="f: input 'x' has shape 0,3, which holds nothing"):
            resolve_shape("x", [0, 3], given, path=Path("f"), batch_size=1)


def test_a_checkpoint_goes_with_one_network() -> None:
    xxs, xs = find_model("efficientmod_xxs"), find_model("efficientmod_xs")
    check_checkpoint(Path("x.pth"), [xxs])
    check_checkpoint(None, [xxs, xs])
    with pytest.raises(TargetError, match="efficientmod_xxs, efficientmod_xs"):
        check_checkpoint(Path("x.pth"), [xxs, xs])


def test_a_networks_own_image_size_holds_where_none_is_given() -> None:
    spec = find_model("efficientmod_xxs")
    assert ExportChoices(opset=20).config(spec).image_size == 224
    assert ExportChoices(opset=20, image_size=256).config(spec).image_size == 256


@pytest.mark.parametrize("choices", [ExportChoices(image_size=224_000), ExportChoices(batch_size=10**9)])
def test_more_images_than_a_machine_holds_are_refused_before_the_export(choices: ExportChoices) -> None:
    with pytest.raises(TargetError, match=r"resnet18: to make input .* of memory; give a smaller"):
        check_image_sizes(choices, [find_model("resnet18")])
