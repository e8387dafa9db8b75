"""An image file as a network sees it: turned upright, in RGB, scaled and cropped as its weights were trained."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from timm.data import create_transform

from models.zoo.errors import ImageFileError
from models.zoo.spec import Preprocessing

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels = npt.NDArray[np.uint8]

# Far beyond what the centre's edge can be told from: of an image longer than so many times its shorter side the ends
# are cut off before it is enlarged, or one of 1 x 10000 pixels would take gigabytes.
_LONGEST = 4


def centre_crop(preprocessing: Preprocessing, image_size: int) -> Callable[..., Any]:
    """From an image of PIL's to its pixels in a tensor, uint8, (3, image_size, image_size), as `Preprocessing` says.

    This is how the published accuracies are measured; `(x - mean) / std` is yet to be done.
    """
    return create_transform(
        (3, image_size, image_size),
        is_training=False,
        interpolation=preprocessing.interpolation,
        crop_pct=preprocessing.crop_pct,
        normalize=False,
    )


def check_is_file(path: Path) -> None:
    """Refuse what no image can be read from: nothing, a folder, or a pipe, whose end would be waited for.

    Raises:
        ImageFileError: it is that.
    """
    if not path.is_file():
        what = "it is a folder; name the images in it" if path.is_dir() else "it is not there, or no file"
        raise ImageFileError(f"{path}: cannot read this image: {what}")


def read_photograph(path: Path, preprocessing: Preprocessing, *, image_size: int) -> Pixels:
    """The pixels that a network sees of an image, (3, image_size, image_size).

    It is turned as its EXIF says; what is transparent is white; of several pictures in it the first counts. Grey values
    of 16 bits are divided by 257, wider ones and fractions go from the image's own lowest to its highest.

    Raises:
        ImageFileError: there is no such file, or it is no image that can be read.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    check_is_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images, and of metadata that is damaged
            with Image.open(path) as image:
                upright = ImageOps.exif_transpose(image)
            return centre_crop(preprocessing, image_size)(_rgb(_shortened(upright))).numpy()
    except UnidentifiedImageError as error:
        raise ImageFileError(f"{path}: cannot read this image: it is of no kind that is known here") from error
    except Exception as error:  # fed a stranger's bytes, a decoder may raise anything
        raise ImageFileError(f"{path}: cannot read this image: {error}; mend it, or leave it out") from error


def _rgb(image: "Image") -> "Image":
    from PIL import Image

    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        grey = np.nan_to_num(np.asarray(image, np.float64))
        span = np.ptp(grey) or 1.0
        return Image.fromarray((255 * (grey - grey.min()) / span).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _shortened(image: "Image") -> "Image":
    """The middle of a very long image."""
    most = _LONGEST * min(image.size)
    cut = [max(0, side - most) // 2 for side in image.size]
    box = (cut[0], cut[1], image.width - cut[0], image.height - cut[1])
    return image.crop(box) if any(cut) else image
