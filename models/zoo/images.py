"""Inputs for a network, made from a seed: noise, and what looks like photographs."""

import numpy as np
import numpy.typing as npt

from models.zoo.spec import IMAGENET_MEAN, IMAGENET_STD


def natural_images(
    count: int,
    size: tuple[int, int],
    *,
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
    seed: int = 0,
) -> npt.NDArray[np.float32]:
    """Images with the statistics of photographs, normalized. (count, channels, height, width).

    Photographs have an amplitude spectrum that falls as 1 / frequency and channels that mostly agree
    (Field, "Relations between the statistics of natural images", 1987). White noise has neither, and its
    averages over a window barely differ from one image to the next, which hides errors.

    Args:
        size: height and width.
        mean: by channel, of values in [0, 1]; taken off. There are as many channels.
        std: by channel; divided by.
    """
    height, width = size
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf  # no constant part: the brightness is set below
    shared = rng.standard_normal((count, 1, height, width))
    channels = 0.9 * shared + 0.4 * rng.standard_normal((count, len(mean), height, width))
    pink = np.fft.irfft2(np.fft.rfft2(channels) / frequency, s=size)
    pink /= pink.std(axis=(1, 2, 3), keepdims=True)
    brightness = rng.uniform(0.35, 0.6, (count, 1, 1, 1))
    images = np.clip(brightness + 0.22 * pink, 0, 1)
    shape = (1, -1, 1, 1)
    normalized = (images - np.reshape(mean, shape)) / np.reshape(std, shape)
    return normalized.astype(np.float32)


def natural_pixels(count: int, size: tuple[int, int], *, seed: int = 0) -> npt.NDArray[np.float32]:
    """The same images as whole numbers, 0..255, as a camera gives them. (count, 3, height, width)."""
    images = natural_images(count, size, mean=(0, 0, 0), std=(1, 1, 1), seed=seed)
    pixels: npt.NDArray[np.float32] = np.round(255 * images)
    return pixels
