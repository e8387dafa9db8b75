from pathlib import Path

import pytest

from effmod_bench.errors import TargetError
from effmod_bench.targets.shapes import resolve_shape, sizes_by_name


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


def test_a_dimension_has_one_size_wherever_its_name_stands() -> None:
    declared = {"x": ("batch", "length"), "state": (2, "batch", 128), "mask": ("batch", "?")}
    sizes = sizes_by_name(declared, {"x": (3, 512), "mask": (3, 7)}, batch_size=1, path=Path("f"))
    assert sizes == {"batch": 3, "length": 512}
    assert resolve_shape("state", declared["state"], None, path=Path("f"), batch_size=1, sizes=sizes) == (2, 3, 128)
    assert sizes_by_name(declared, {}, batch_size=4, path=Path("f")) == {"batch": 4}


@pytest.mark.parametrize(
    ("given", "where"),
    [({"x": (3, 512), "mask": (2, 7)}, "inputs 'x' and 'mask'"), ({"y": (3, 2)}, "two dimensions of input 'y'")],
)
def test_a_name_is_given_no_two_sizes(given: dict[str, tuple[int, ...]], where: str) -> None:
    declared = {"x": ("batch", "length"), "mask": ("batch", "?"), "y": ("batch", "batch")}
    with pytest.raises(TargetError, match=rf"^f: {where} share the dimension 'batch', .* gives 3 and 2$"):
        sizes_by_name(declared, given, batch_size=1, path=Path("f"))
    assert sizes_by_name({"z": ("?", "?")}, {"z": (1, 2)}, batch_size=1, path=Path("f")) == {}
