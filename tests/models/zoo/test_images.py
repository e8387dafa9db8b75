import numpy as np
import numpy.typing as npt

from models.zoo.images import natural_images, natural_pixels


def plain_images(count: int, size: tuple[int, int], *, seed: int = 0) -> npt.NDArray[np.float32]:
    return natural_images(count, size, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), seed=seed)


def test_images_are_normalized_float32_of_the_size_asked() -> None:
    plain = plain_images(2, (32, 48))
    assert plain.shape == (2, 3, 32, 48)
    assert plain.dtype == np.float32
    assert plain.min() >= 0
    assert plain.max() <= 1
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)
    normalized = natural_images(2, (32, 48), mean=mean, std=std)
    np.testing.assert_allclose(normalized[:, 1], (plain[:, 1] - 0.2) / 0.25, atol=1e-6)


def test_the_seed_decides_the_images() -> None:
    first, again = (plain_images(1, (16, 16)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, plain_images(1, (16, 16), seed=1))


def test_the_spectrum_falls_as_that_of_photographs() -> None:
    images = plain_images(16, (64, 64))
    amplitude = np.abs(np.fft.rfft2(images - images.mean(axis=(2, 3), keepdims=True))).mean(axis=(0, 1))
    low, high = amplitude[0, 2:6].mean(), amplitude[0, 16:32].mean()
    assert low > 3 * high  # white noise has a ratio of 1, 1 / frequency about 6 before clipping


def test_channels_mostly_agree() -> None:
    red, green, _ = plain_images(1, (64, 64))[0]
    assert np.corrcoef(red.ravel(), green.ravel())[0, 1] > 0.5


def test_pixels_are_whole_numbers_of_the_same_images() -> None:
    pixels = natural_pixels(2, (16, 16))
    assert pixels.dtype == np.float32
    assert (pixels.min() >= 0, pixels.max() <= 255) == (True, True)
    np.testing.assert_array_equal(pixels, np.round(255 * plain_images(2, (16, 16))))
