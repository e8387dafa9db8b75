import pytest

from exporters.feeds.rule import by_rule, otherwise
from exporters.feeds.values import make_value
from results import InputTensor


@pytest.mark.parametrize(
    ("name", "dtype", "shape", "words"),
    [
        ("x", "float", (1, 3, 8, 8), "image"),
        ("x", "float16", (2, 8, 8, 3), "image"),
        ("x", "float", (1, 1, 8, 8), "image"),
        ("x", "uint8", (1, 480, 640, 3), "image"),
        ("x", "image", (1, 3, 8, 8), "image"),
        ("x", "float", (1, 4, 8, 8), "normal"),
        ("x", "double", (1, 16), "normal"),
        ("downsample_ratio", "float", (), "1"),
        ("scale", "float", (1,), "1"),
        ("threshold", "bfloat16", (1, 1, 1, 1), "1"),
        ("pixel_mask", "int64", (1, 64, 64), "ones"),
        ("AttentionMask", "bool", (1, 7), "ones"),
        ("pixel_mask", "int64", (1, 1, 64, 64), "ones"),  # no image, though it has the shape of one
        ("sr", "int64", (), None),
        ("tokens", "uint16", (1, 77), None),
        ("first", "bool", (), None),
    ],
)
def test_what_is_fed_when_nobody_says(name: str, dtype: str, shape: tuple[int, ...], words: str | None) -> None:
    assert by_rule(InputTensor(name=name, dtype=dtype, shape=shape)) == words


def test_elements_that_are_no_numbers_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="input 'label' has element type 'string', which effmod cannot feed"):
        by_rule(InputTensor(name="label", dtype="string", shape=(1,)))


@pytest.mark.parametrize(
    ("dtype", "shape", "words", "other"),
    [
        ("float", (1, 3, 8, 8), "image", "normal"),
        ("uint8", (1, 8, 8, 3), "image", "uniform:0:255"),
        ("float", (1, 16), "normal", "zeros"),
        ("float", (1,), "1", "0.5"),
        ("int64", (1, 7), "ones", "zeros"),
        ("bool", (), "0", "ones"),
        ("int64", (), "256", "zeros"),
    ],
)
def test_what_is_drawn_otherwise_is_another_value(dtype: str, shape: tuple[int, ...], words: str, other: str) -> None:
    tensor = InputTensor(name="x", dtype=dtype, shape=shape)
    assert otherwise(tensor, words) == other
    assert (make_value(tensor, words) != make_value(tensor, other)).any()
