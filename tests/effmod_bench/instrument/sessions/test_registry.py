"""Every runtime that this machine has, on the same small network with the same weights: they must agree."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from results import Runtime
from tests.effmod_bench.instrument.sessions.support import infer


@pytest.fixture(scope="module")
def expected(files: dict[str, Path]) -> npt.NDArray[np.float32]:
    return infer(files["onnx"], Runtime.ONNXRUNTIME)[0]["logits"]


@pytest.mark.parametrize(
    ("runtime", "file", "where"),
    [
        (Runtime.PYTORCH, "network", "cpu"),
        (Runtime.TORCH_COMPILE, "network", "cpu"),
        (Runtime.OPENVINO, "onnx", "CPU"),
    ],
)
def test_a_runtime_computes_what_onnx_runtime_computes(
    runtime: Runtime, file: str, where: str, files: dict[str, Path], expected: npt.NDArray[np.float32]
) -> None:
    if runtime is Runtime.OPENVINO:
        pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    outputs, facts = infer(files[file], runtime)
    assert outputs.keys() == {"logits"}
    assert outputs["logits"].shape == expected.shape
    assert np.abs(outputs["logits"] - expected).max() <= 1e-4 * np.abs(expected).max()
    assert facts.execution_provider == where
    assert facts.intra_op_num_threads == 1
