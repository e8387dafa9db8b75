from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from effmod_bench.instrument.sessions.session import check_outputs


def session(**outputs: Any) -> Any:
    return SimpleNamespace(outputs=lambda: {name: np.asarray(x) for name, x in outputs.items()})


def test_outputs_of_numbers_are_fine_whatever_their_type() -> None:
    check_outputs(session(logits=[1.0, -2.5], classes=[3, 4], found=[True], names=["cat"]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_output_that_is_no_number_is_named(value: float, dtype: type[np.floating[Any]]) -> None:
    with pytest.raises(FloatingPointError, match="output 'logits' holds NaN or infinity"):
        check_outputs(session(classes=[1], logits=np.array([0.0, value], dtype)))
