"""From the words for what an input is fed to its values."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from exporters.errors import FeedError
from exporters.feeds.tensors import Tensor, channels_last, dtype_of, is_floating
from exporters.feeds.words import ARRAY, IMAGES, Word, is_file
from models.zoo.images import natural_images, natural_pixels
from models.zoo.spec import IMAGENET_MEAN, IMAGENET_STD

Array = npt.NDArray[Any]
Channels = tuple[float, ...]

# What a value takes while images are made: in float64, by Fourier transforms.
_BYTES_OF_IMAGES = 44


def bytes_to_make(tensor: Tensor, words: str) -> int:
    """About how much memory `make_value` takes at its peak."""
    dtype, values = dtype_of(tensor), math.prod(tensor.shape)
    if words == Word.IMAGE:
        return max(1, 3 // _channels(tensor)) * values * _BYTES_OF_IMAGES
    drawn = words == Word.NORMAL or words.startswith(Word.UNIFORM)
    return values * (dtype.itemsize + (np.dtype(np.float64).itemsize if drawn else 0))


def make_value(
    tensor: Tensor, words: str, *, mean: Channels = IMAGENET_MEAN, std: Channels = IMAGENET_STD, seed: int = 0
) -> Array:
    """An input's values; of one seed always the same.

    Args:
        mean, std: by channel, of images that are not whole numbers.
        seed: of what is drawn.

    Raises:
        FeedError: the words mean nothing, or what they mean does not fit the input's type or shape.
    """
    dtype = dtype_of(tensor)
    first, *bounds = words.split(":")
    if is_file(words):
        return _read(tensor, Path(words), mean, std)
    match first:
        case Word.IMAGE if not bounds:
            return _images(tensor, mean, std, seed)
        case Word.NORMAL if not bounds:
            if not is_floating(tensor):
                raise FeedError(f"input {tensor.name!r} takes {tensor.dtype}, and normal draws are no whole numbers")
            return np.random.default_rng(seed).standard_normal(tensor.shape).astype(dtype)
        case Word.UNIFORM if len(bounds) == 2:
            return _uniform(tensor, *(_number(tensor, bound) for bound in bounds), seed=seed)
        case Word.ZEROS | Word.ONES if not bounds:
            return np.full(tensor.shape, int(first == Word.ONES), dtype)
        case _:
            return np.full(tensor.shape, _fitting(tensor, np.asarray(_number(tensor, words))), dtype)


def _number(tensor: Tensor, text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        if math.isfinite(number := float(text)):
            return number
    except ValueError:
        pass
    words = ", ".join(word for word in Word if word is not Word.UNIFORM)
    raise FeedError(
        f"input {tensor.name!r} cannot be fed {text!r}: give a number, {words}, uniform:LOW:HIGH or a .npy file"
    )


def _fitting(tensor: Tensor, values: Array) -> Array:
    """Values in the input's element type.

    Raises:
        FeedError: they are none that it has.
    """
    dtype = dtype_of(tensor)
    if values.dtype.kind not in "fiub" and values.dtype != dtype:
        raise FeedError(f"input {tensor.name!r} takes {tensor.dtype}, and it is given {values.dtype}")
    with np.errstate(invalid="ignore", over="ignore"):
        fitting = values.astype(dtype)
    # What is rounded is near; what is not whole, or too large, is another number.
    same = np.isfinite(fitting) | ~np.isfinite(values) if is_floating(tensor) else fitting == values
    if not np.all(same):
        wrong = np.atleast_1d(values)[~np.atleast_1d(same)][0]
        raise FeedError(f"input {tensor.name!r} takes {tensor.dtype}, and {wrong} is none")
    return fitting


def _uniform(tensor: Tensor, low: float, high: float, *, seed: int) -> Array:
    for bound in (low, high):
        _fitting(tensor, np.asarray(bound))
    if low > high:
        raise FeedError(f"input {tensor.name!r}: between {low} and {high} there is nothing; the lower bound is first")
    random = np.random.default_rng(seed)
    if not is_floating(tensor):
        return random.integers(int(low), int(high), tensor.shape, dtype=_drawn_as(tensor), endpoint=True).astype(
            dtype_of(tensor)
        )
    return random.uniform(low, high, tensor.shape).astype(dtype_of(tensor))


def _drawn_as(tensor: Tensor) -> type[np.unsignedinteger[Any] | np.signedinteger[Any]]:
    return np.uint64 if dtype_of(tensor).kind == "u" else np.int64


def _channels(tensor: Tensor) -> int:
    return tensor.shape[3 if channels_last(tensor) else 1] if len(tensor.shape) == 4 else 3


def _images(tensor: Tensor, mean: Channels, std: Channels, seed: int) -> Array:
    count, size = _check_images(tensor)
    if dtype_of(tensor).kind == "u":
        return _laid_out(tensor, natural_pixels(count, size, seed=seed), lambda x: np.round(x))
    return _laid_out(tensor, natural_images(count, size, mean=mean, std=std, seed=seed))


def _check_images(tensor: Tensor) -> tuple[int, tuple[int, int]]:
    """How many images an input takes, and their height and width."""
    last = channels_last(tensor)
    if last is None:
        raise FeedError(
            f"input {tensor.name!r} takes {tensor.dtype} of shape {','.join(map(str, tensor.shape))}, which are no "
            "images: these are floats or bytes, (N, C, H, W) or (N, H, W, C), with 1 or 3 channels"
        )
    height, width = tensor.shape[1:3] if last else tensor.shape[2:4]
    return tensor.shape[0], (height, width)


def _laid_out(tensor: Tensor, images: Array, after: Callable[[Array], Array] = lambda x: x) -> Array:
    """Images (N, 3, H, W) as an input takes them: in as many channels, in its order and type.

    Args:
        after: what is done where channels were averaged.
    """
    if _channels(tensor) == 1:
        images = after(images.mean(axis=1, keepdims=True))
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1) if channels_last(tensor) else images, dtype_of(tensor))


def _read(tensor: Tensor, path: Path, mean: Channels, std: Channels) -> Array:
    """What a file holds for an input.

    Raises:
        FeedError: it cannot be read, would have to run code, or holds something else.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in IMAGES:
            return _read_image(tensor, path, mean, std)
        if suffix == ARRAY:
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        else:
            with np.load(path, allow_pickle=False) as archive:
                found = archive[tensor.name]
    except FeedError:
        raise
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise FeedError(f"{path} cannot be fed to input {tensor.name!r}: {_why(error)}") from error
    if found.shape != tensor.shape:
        raise FeedError(
            f"{path} has shape {_in_words(found.shape)} for input {tensor.name!r}, which takes "
            f"{_in_words(tensor.shape)}"
        )
    try:
        return np.array(_fitting(tensor, found))
    except FeedError as error:
        raise FeedError(f"{path}: {error}") from error


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if "allow_pickle" in str(error) or "Python objects" in str(error):
        return "it holds Python objects, and these run code when they are read; save it as numbers"
    return str(error)


def _in_words(shape: tuple[int, ...]) -> str:
    return ",".join(map(str, shape)) or "() (a single number)"


def _read_image(tensor: Tensor, path: Path, mean: Channels, std: Channels) -> Array:
    """An image, scaled to the input's size, as often as the input's batch is large."""
    from PIL import Image, UnidentifiedImageError

    count, (height, width) = _check_images(tensor)
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB").resize((width, height)), np.float32)
    except UnidentifiedImageError as error:
        raise FeedError(f"{path} is no image that can be read") from error
    images = np.repeat(pixels.transpose(2, 0, 1)[None], count, axis=0)
    if dtype_of(tensor).kind == "u":
        return _laid_out(tensor, images, np.round)
    channels = (1, -1, 1, 1)
    return _laid_out(tensor, (images / 255 - np.reshape(mean, channels)) / np.reshape(std, channels))
