import msgspec
import pytest

from results import InputTensor, TimedArtifact
from tests.fakes import timed_artifact


def fed(shape: tuple[int, ...] | None, dtype: str = "float") -> TimedArtifact:
    tensors = () if shape is None else (InputTensor(name="x", shape=shape, dtype=dtype),)
    return msgspec.structs.replace(timed_artifact(), inputs=tensors)


@pytest.mark.parametrize(
    ("shape", "dtype", "images"),
    [
        ((4, 3, 8, 8), "float16", True),
        ((4, 3, 8, 8), "image", True),
        ((4, 8, 8, 3), "uint8", True),
        ((4, 3, 8, 8), "int64", False),
        ((4, 128), "float", False),
        (None, "float", False),
    ],
)
def test_images_are_four_dimensions_of_fractions_or_bytes(
    shape: tuple[int, ...] | None, dtype: str, images: bool
) -> None:
    assert fed(shape, dtype).takes_images == images


@pytest.mark.parametrize(
    ("shape", "batch", "size"),
    [
        ((4, 3, 8, 8), 4, 8),
        ((4, 3, 8, 6), 4, None),
        ((4, 8, 8, 3), 4, 8),
        ((4, 8, 3, 3), 4, None),
        ((), 1, None),
        (None, 1, None),
    ],
)
def test_the_batch_and_the_size_are_the_first_inputs(
    shape: tuple[int, ...] | None, batch: int, size: int | None
) -> None:
    assert (fed(shape).batch_size, fed(shape).image_size) == (batch, size)
