import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exporters.errors import FeedError
from exporters.feeds.values import bytes_to_make, make_value
from models.zoo.images import natural_images, natural_pixels
from results import InputTensor

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def tensor(dtype: str = "float", shape: tuple[int, ...] = (2, 5)) -> InputTensor:
    return InputTensor(name="x", dtype=dtype, shape=shape)


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        *[(dtype, "image") for dtype in ("float", "float16", "double", "image", "uint8")],
        *[(dtype, "normal") for dtype in ("float", "float16", "double")],
        ("int64", "1"),
    ],
)
def test_making_a_value_takes_about_as_much_memory_as_is_said(dtype: str, words: str) -> None:
    x = tensor(dtype, (1, 3, 400, 400))
    make_value(x, words)  # what is imported on the way is not counted
    tracemalloc.start()
    try:
        make_value(x, words)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak == pytest.approx(bytes_to_make(x, words), rel=0.05)


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        ("int16", np.int16),
        ("uint16", np.uint16),
        ("uint32", np.uint32),
        ("uint64", np.uint64),
        ("bool", np.bool_),
        ("double", np.float64),
    ],
)
def test_each_type_is_fed_as_its_own(dtype: str, kind: type) -> None:
    value = make_value(tensor(dtype), "1")
    assert value.dtype == kind
    np.testing.assert_array_equal(value, np.ones((2, 5), kind))


def test_bfloat16_keeps_the_number() -> None:
    value = make_value(tensor("bfloat16"), "0.25")
    assert value.dtype.name == "bfloat16"
    np.testing.assert_array_equal(value.astype(np.float32), np.full((2, 5), 0.25, np.float32))


def test_images_are_natural_and_in_the_order_and_type_of_the_input() -> None:
    expected = natural_images(2, (8, 6), mean=MEAN, std=STD)
    first = make_value(tensor(shape=(2, 3, 8, 6)), "image", mean=MEAN, std=STD)
    np.testing.assert_array_equal(first, expected)
    last = make_value(tensor(shape=(2, 8, 6, 3)), "image", mean=MEAN, std=STD)
    np.testing.assert_array_equal(last, expected.transpose(0, 2, 3, 1))
    pixels = make_value(tensor("uint8", (2, 8, 6, 3)), "image")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, natural_pixels(2, (8, 6)).transpose(0, 2, 3, 1))
    grey = make_value(tensor(shape=(2, 1, 8, 6)), "image", mean=MEAN, std=STD)
    np.testing.assert_allclose(grey[:, 0], expected.mean(axis=1), rtol=1e-6)


def test_draws_keep_to_their_bounds_and_repeat() -> None:
    whole = make_value(tensor("uint8", (1000,)), "uniform:3:5")
    assert set(whole.tolist()) == {3, 4, 5}
    real = make_value(tensor(shape=(1000,)), "uniform:-2:0.5")
    assert -2 <= real.min() < -1.9 < 0.4 < real.max() <= 0.5
    np.testing.assert_array_equal(real, make_value(tensor(shape=(1000,)), "uniform:-2:0.5"))
    assert (real != make_value(tensor(shape=(1000,)), "uniform:-2:0.5", seed=1)).any()


@pytest.mark.parametrize(
    ("dtype", "words", "said"),
    [
        ("int64", "0.5", "takes int64, and 0.5 is none"),
        ("uint8", "256", "takes uint8, and 256 is none"),
        ("uint8", "-1", "takes uint8, and -1 is none"),
        ("bool", "2", "takes bool, and 2 is none"),
        ("float", "1e39", "takes float, and 1e\\+39 is none"),
        ("float", "nan", "cannot be fed 'nan'"),
        ("float", "many", "cannot be fed 'many': give a number, image, normal, zeros, ones, uniform:LOW:HIGH"),
        ("float", "uniform:1", "cannot be fed 'uniform:1'"),
        ("float", "uniform:2:1", "between 2 and 1 there is nothing"),
        ("uint8", "uniform:0:300", "takes uint8, and 300 is none"),
        ("int64", "normal", "normal draws are no whole numbers"),
        ("float", "image", "takes float of shape 2,5, which are no images"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(dtype: str, words: str, said: str) -> None:
    with pytest.raises(FeedError, match=f"input 'x'.*{said}"):
        make_value(tensor(dtype), words)


def test_a_file_is_fed_as_it_is(tmp_path: Path) -> None:
    values = np.arange(10, dtype=np.int64).reshape(2, 5)
    np.save(tmp_path / "x.npy", values)
    np.testing.assert_array_equal(make_value(tensor("uint8"), str(tmp_path / "x.npy")), values.astype(np.uint8))
    np.savez(tmp_path / "all.npz", x=values / 4, other=values)
    np.testing.assert_array_equal(make_value(tensor(), str(tmp_path / "all.npz")), values / np.float32(4))


def test_a_file_of_another_shape_or_type_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((5, 2)))
    with pytest.raises(FeedError, match=r"x\.npy has shape 5,2 for input 'x', which takes 2,5"):
        make_value(tensor(), str(tmp_path / "x.npy"))
    np.save(tmp_path / "x.npy", np.full((2, 5), -1))
    with pytest.raises(FeedError, match=r"x\.npy: input 'x' takes uint8, and -1 is none"):
        make_value(tensor("uint8"), str(tmp_path / "x.npy"))
    np.save(tmp_path / "x.npy", np.full((2, 5), "a"))
    with pytest.raises(FeedError, match=r"x\.npy: input 'x' takes float, and it is given <U1"):
        make_value(tensor(), str(tmp_path / "x.npy"))
    with pytest.raises(FeedError, match=r"no\.npy cannot be fed to input 'x': No such file"):
        make_value(tensor(), str(tmp_path / "no.npy"))


class Trap:
    """What runs when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_file_with_pickles_is_refused_and_nothing_is_run(tmp_path: Path, suffix: str) -> None:
    trapped = np.full((2, 5), Trap(tmp_path / "ran"), dtype=object)
    path = tmp_path / f"x{suffix}"
    np.save(path, trapped, allow_pickle=True) if suffix == ".npy" else np.savez(path, x=trapped)
    with pytest.raises(FeedError, match="input 'x': it holds Python objects, and these run code when they are read"):
        make_value(tensor(), str(path))
    assert not (tmp_path / "ran").exists()


def test_a_photograph_is_scaled_and_normalized(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (255, 0, 51)).save(tmp_path / "red.png")
    value = make_value(tensor(shape=(2, 3, 8, 6)), str(tmp_path / "red.png"), mean=MEAN, std=STD)
    assert value.dtype == np.float32
    np.testing.assert_allclose(value[1, :, 4, 3], [2, -2, -1.2], rtol=1e-6)
    pixels = make_value(tensor("uint8", (1, 8, 6, 3)), str(tmp_path / "red.png"))
    np.testing.assert_array_equal(pixels[0, 4, 3], [255, 0, 51])
    (tmp_path / "broken.png").write_bytes(b"none")
    with pytest.raises(FeedError, match=r"broken\.png is no image that can be read"):
        make_value(tensor(shape=(1, 3, 8, 6)), str(tmp_path / "broken.png"))
