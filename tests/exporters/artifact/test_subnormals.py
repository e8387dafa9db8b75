import ml_dtypes
import numpy as np
import pytest

from exporters.artifact.subnormals import TINY, count


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_what_lies_between_zero_and_the_smallest_number_with_all_its_digits_is_subnormal(kind: type) -> None:
    limits = ml_dtypes.finfo(kind)  # type: ignore[no-untyped-call]
    tiny, smallest = limits.smallest_normal, limits.smallest_subnormal
    subnormal = [smallest, -smallest, tiny / kind(2), -tiny / kind(2), tiny - smallest]
    others = [0.0, -0.0, tiny, -tiny, 1.0, limits.max, np.inf, -np.inf, np.nan]
    assert count(np.array([*subnormal, *others], kind)) == 5
    assert count(np.array(subnormal[0], kind)) == 1  # one that has no dimensions
    assert count(np.array([], kind)) == 0


def test_the_smallest_float32_that_is_none_is_known_and_whole_numbers_are_none() -> None:
    assert count(np.array([TINY, np.nextafter(TINY, np.float32(0))])) == 1
    assert count(np.arange(-3, 3)) == 0
    assert count(np.array([True, False])) == 0
