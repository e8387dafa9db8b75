"""An image as a network sees it, whatever kind of file it comes from."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from models import ImageFileError, Preprocessing
from models.zoo.images import natural_pixels
from models.zoo.photographs import read_photograph

PIXELS = natural_pixels(1, (48, 64))[0].transpose(1, 2, 0).astype(np.uint8)  # (48, 64, 3)
PHOTO = Image.fromarray(PIXELS)
GREY = np.asarray(PHOTO.convert("L"))


def read(image: "Image.Image", path: Path, **options: Any) -> npt.NDArray[np.uint8]:
    image.save(path, **options)
    return read_photograph(path, Preprocessing(), image_size=28)


@pytest.fixture
def seen(tmp_path: Path) -> npt.NDArray[np.uint8]:
    return read(PHOTO, tmp_path / "photo.png")


def test_the_shorter_side_is_scaled_and_the_centre_cropped_as_the_network_was_trained(
    seen: npt.NDArray[np.uint8],
) -> None:
    """28 / 0.875 is 32, two thirds of the height; of 43 x 32 pixels the middle is taken."""
    scaled = np.asarray(PHOTO.resize((42, 32), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(seen, scaled[2:30, 7:35].transpose(2, 0, 1))


def test_an_image_is_turned_as_its_exif_says(seen: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    exif = PHOTO.getexif()
    exif[0x0112] = 6  # the camera lay on its side
    turned = read(PHOTO.transpose(Image.Transpose.ROTATE_90), tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(turned, seen)


def test_grey_values_of_any_width_are_the_same_image(tmp_path: Path) -> None:
    expected = read(PHOTO.convert("L"), tmp_path / "grey.png")
    assert expected.shape == (3, 28, 28)
    full = (GREY.astype(np.float64) - GREY.min()) * 255 / np.ptp(GREY)
    stretched = read(Image.fromarray(full.astype(np.uint8)), tmp_path / "full.png")
    sixteen = Image.fromarray(GREY.astype(np.uint16) * 257)
    np.testing.assert_array_equal(read(sixteen, tmp_path / "16.png"), expected)
    np.testing.assert_array_equal(read(Image.fromarray(GREY.astype(np.int32) * 999), tmp_path / "i.tiff"), stretched)
    fractions = read(Image.fromarray(GREY.astype(np.float32) / 256), tmp_path / "f.tiff")
    np.testing.assert_array_equal(fractions, stretched)


def test_what_is_transparent_is_white(seen: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    opaque, clear = PHOTO.copy(), PHOTO.copy()
    opaque.putalpha(255)
    clear.putalpha(0)
    np.testing.assert_array_equal(read(opaque, tmp_path / "opaque.png"), seen)
    assert read(clear, tmp_path / "clear.png").min() == 255


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "YCbCr"])
def test_other_modes_are_read(mode: str, tmp_path: Path) -> None:
    assert read(PHOTO.convert(mode), tmp_path / "other.tiff").shape == (3, 28, 28)


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3, 500)])
def test_an_image_of_any_size_is_read(size: tuple[int, int], tmp_path: Path) -> None:
    assert (read(Image.new("RGB", size, "red"), tmp_path / "red.png").reshape(3, -1).T == (255, 0, 0)).all()


def test_the_ends_of_a_very_long_image_are_cut_off_evenly(tmp_path: Path) -> None:
    long = Image.new("RGB", (3200, 32))
    long.paste(PHOTO.resize((43, 32)), (1579, 0))
    beside = Image.new("RGB", (120, 32))
    beside.paste(PHOTO.resize((43, 32)), (39, 0))
    np.testing.assert_array_equal(read(long, tmp_path / "long.png"), read(beside, tmp_path / "short.png"))


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("missing.png", None, "not there"),
        ("text.jpg", b"no image", "no kind that is known"),
        ("empty.png", b"", "no kind that is known"),
        (".", None, "it is a folder"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_cause(
    name: str, content: bytes | None, cause: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ImageFileError, match=cause) as caught:
        read_photograph(tmp_path / name, Preprocessing(), image_size=28)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_an_image_so_large_that_its_library_warns_is_read_and_one_that_it_refuses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.png"
    PHOTO.save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", PHOTO.width * PHOTO.height - 1)
    assert read_photograph(path, Preprocessing(), image_size=28).shape == (3, 28, 28)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageFileError, match="exceeds limit"):
        read_photograph(path, Preprocessing(), image_size=28)


def test_an_image_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    PHOTO.save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ImageFileError, match="truncated"):
        read_photograph(path, Preprocessing(), image_size=28)
