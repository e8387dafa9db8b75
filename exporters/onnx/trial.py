"""Which whole number an ONNX file takes, found out by running it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from exporters.feeds.rule import WHOLE_NUMBERS
from exporters.feeds.tensors import Tensor
from exporters.feeds.values import make_value
from exporters.onnx.values import silent, to_runtime


def smallest_that_runs(path: Path, tensors: Sequence[Tensor], words: Mapping[str, str]) -> str | None:
    """Of 1, 0, then the powers of two, the first with which the file runs twice and gives numbers, not NaN.

    All inputs of which nobody said anything get the same. None where it runs with none of them.

    Args:
        words: what the other inputs are fed, by name.
    """
    left = [tensor for tensor in tensors if tensor.name not in words]
    largest = min(1 if x.dtype == "bool" else int(np.iinfo(x.dtype).max) for x in left)
    try:
        session = onnxruntime.InferenceSession(path, silent(), providers=["CPUExecutionProvider"])
    except Exception:  # ONNX Runtime raises what it likes; who times the file is told why
        return None
    for number in map(str, (number for number in WHOLE_NUMBERS if number <= largest)):
        feed = {x.name: to_runtime(make_value(x, words.get(x.name, number))) for x in tensors}
        if all(_runs(session, feed) for _ in range(2)):
            return number
    return None


def _runs(session: onnxruntime.InferenceSession, feed: Mapping[str, onnxruntime.OrtValue]) -> bool:
    names = [output.name for output in session.get_outputs()]
    try:
        outputs = session.run_with_ort_values(names, feed)
    except Exception:  # as above
        return False
    values = [output.numpy() for output in outputs if output.data_type() in _FLOATS]
    return all(np.isfinite(x).all() for x in values)


_FLOATS = ("tensor(float)", "tensor(double)", "tensor(float16)")
