import tracemalloc

import pytest

from effmod_bench.instrument.process.inputs import bytes_to_make, make_input
from results import InputTensor


@pytest.mark.parametrize("dtype", ["float", "float16", "double", "image", "uint8", "int64"])
@pytest.mark.parametrize("channels", [3, 4])
def test_making_an_input_takes_about_as_much_memory_as_is_said(dtype: str, channels: int) -> None:
    tensor = InputTensor(name="x", shape=(1, 3 if dtype == "image" else channels, 400, 400), dtype=dtype)
    make_input(tensor, (0, 0, 0), (1, 1, 1))  # what is imported on the way is not counted
    tracemalloc.start()
    try:
        make_input(tensor, (0, 0, 0), (1, 1, 1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak == pytest.approx(bytes_to_make(tensor), rel=0.05)
