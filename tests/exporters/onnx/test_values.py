from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from exporters.onnx.evaluator import run_each
from exporters.onnx.inside import steps
from exporters.onnx.values import run
from tests.fakes import value, write_graph

FLOAT, BFLOAT16 = TensorProto.FLOAT, TensorProto.BFLOAT16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Twice x, from bfloat16 to bfloat16: the CPU casts it, and computes in float32."""
    nodes = [
        ("Cast", ["x"], ["f"], {"to": FLOAT}),
        ("Add", ["f", "f"], ["z"], {}),
        ("Cast", ["z"], ["y"], {"to": BFLOAT16}),
    ]
    outputs = [value("y", BFLOAT16, [1, 3]), value("z", FLOAT, [1, 3])]
    return write_graph(tmp_path / "x.onnx", nodes, [value("x", BFLOAT16, [1, 3])], outputs)


X = np.array([[0.1, -3, 1e-3]], ml_dtypes.bfloat16)
TWICE = 2 * X.astype(np.float32)  # to the last digit: it doubles the exponent


def test_bfloat16_is_fed_and_given(path: Path) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for names in (None, ["y"], ["z"]):
        for found in run(session, {"x": X}, names):
            np.testing.assert_array_equal(found, TWICE)


def test_a_file_of_bfloat16_is_compared_and_looked_into(path: Path) -> None:
    (y, z) = run_each(path, [{"x": X}, {"x": -X}])
    for output in (y, z):
        np.testing.assert_array_equal(output, [TWICE, -TWICE])
    results = {name: x for step in steps(onnx.load(path), {"x": X}) for name, x in step.results.items()}
    assert list(results) == ["f", "z", "y"]
    np.testing.assert_array_equal(results["y"], TWICE)
