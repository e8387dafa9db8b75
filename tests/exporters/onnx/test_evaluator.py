"""ONNX files as functions; packages are in coreml/test_evaluator.py."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from exporters import ArtifactError, ComputePrecision
from exporters.proof.open import open_evaluator
from tests.exporters.proof.test_accuracy import write_colour_meter
from tests.fakes import write_onnx

FLOAT16, FLOAT32 = ComputePrecision.FLOAT16, ComputePrecision.FLOAT32


def write_half(path: Path) -> Path:
    """Scores = x[:, :, 0, 0] times a third, then times 1e4 and over it again, in float16 between float32 casts."""
    third = numpy_helper.from_array(np.array(1 / 3, np.float16), "third")
    large = numpy_helper.from_array(np.array(1e4, np.float16), "large")
    axes = numpy_helper.from_array(np.array([2, 3], np.int64), "axes")
    nodes = [
        helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        helper.make_node("ReduceMax", ["h", "axes"], ["m"], keepdims=0),
        helper.make_node("Mul", ["m", "third"], ["t"]),
        helper.make_node("Mul", ["t", "large"], ["l"]),
        helper.make_node("Div", ["l", "large"], ["d"]),
        helper.make_node("Cast", ["d"], ["y"], to=TensorProto.FLOAT),
    ]
    graph = helper.make_graph(
        nodes,
        "half",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [third, large, axes],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def test_a_float16_file_is_evaluated_in_float32_as_well(tmp_path: Path) -> None:
    artifact = open_evaluator(write_half(tmp_path / "h.onnx"))
    assert artifact.precisions == (FLOAT32, FLOAT16)
    x = np.zeros((2, 3, 2, 2), np.float32)
    x[:, :, 0, 0] = [[1, 2, 3], [4, 5, 60]]
    third = np.float32(np.float16(1 / 3))  # the weights stay rounded
    np.testing.assert_allclose(artifact.scores(x, FLOAT32, 1), x[:, :, 0, 0] * third, rtol=1e-6)
    half = artifact.scores(x, FLOAT16, 2)
    assert np.isinf(half[1, 2])  # 20 times 1e4 is beyond float16
    assert half.dtype == np.float32


def test_the_last_batch_is_filled_up_and_cut_again(tmp_path: Path) -> None:
    artifact = open_evaluator(write_colour_meter(tmp_path / "m.onnx", batch=4))
    assert artifact.shape == (4, 3, 16, 16)
    x = np.random.default_rng(0).standard_normal((6, 3, 16, 16)).astype(np.float32)
    np.testing.assert_allclose(artifact.scores(x, FLOAT32, 4), x.mean(axis=(2, 3)), rtol=1e-4, atol=1e-6)


def test_what_takes_no_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"where images \(N, channels, H, W\) are expected"):
        open_evaluator(write_onnx(tmp_path / "x.onnx", shape=(1, 10)))


def test_what_onnx_runtime_cannot_load_or_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"ONNX Runtime cannot run .*x\.onnx: .*NoSuchOperator"):
        open_evaluator(write_onnx(tmp_path / "x.onnx", operator="NoSuchOperator"))
    artifact = open_evaluator(write_onnx(tmp_path / "y.onnx", shape=(1, 3, 8, 8)))
    with pytest.raises(ArtifactError, match=r"ONNX Runtime cannot run y\.onnx: .*invalid dimensions"):
        artifact.scores(np.zeros((1, 3, 9, 9), np.float32), FLOAT32, 1)
