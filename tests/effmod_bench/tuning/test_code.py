"""The lines that run a tuned file are run, and give what the runtime gives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from effmod_bench.tuning.code import code_of
from results import ComparisonPlan, Device, GraphOptimization, InputTensor, Runtime, RuntimeOptions
from tests.fakes import write_onnx

INPUT = (InputTensor(name="x", shape=(1, 3, 8, 8), dtype="float"),)
PLAN = ComparisonPlan(threads=1)


@pytest.mark.parametrize(
    "options",
    [
        RuntimeOptions(),
        RuntimeOptions(graph_optimization=GraphOptimization.BASIC, allow_spinning=False),
        RuntimeOptions(runtime=Runtime.OPENVINO),
    ],
)
def test_a_file_runs_in_the_runtime_and_gives_what_it_computes(options: RuntimeOptions, tmp_path: Path) -> None:
    if options.runtime is Runtime.OPENVINO:
        pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    code = code_of(write_onnx(tmp_path / "it's.onnx"), INPUT, PLAN, options)
    assert len(code.splitlines()) <= 8
    x = np.linspace(-1, 1, 192, dtype=np.float32).reshape(INPUT[0].shape)
    told: dict[str, Any] = {"x": x}
    exec(code, told)
    outputs = told["outputs"]
    found = outputs["y"] if options.runtime is Runtime.OPENVINO else outputs[0]
    assert np.array_equal(found, np.maximum(x, 0))


def test_several_inputs_are_given_by_name() -> None:
    two = (*INPUT, InputTensor(name="mask/in", shape=(1,), dtype="float"))
    code = code_of(Path("net.onnx"), two, PLAN, RuntimeOptions())
    assert code.endswith('outputs = session.run(None, {"x": x["x"], "mask/in": x["mask/in"]})')


def test_a_network_is_built_and_compiled() -> None:
    code = code_of(Path("net.safetensors"), INPUT, PLAN, RuntimeOptions(runtime=Runtime.TORCH_COMPILE))
    assert "torch.set_num_threads(1)" in code
    assert 'model = torch.compile(load_network("net.safetensors"))' in code
    compile(code, "code", "exec")


def test_on_a_gpu_its_settings_are_the_providers() -> None:
    plan = ComparisonPlan(device=Device.CUDA)
    code = code_of(Path("net.onnx"), INPUT, plan, RuntimeOptions(cuda_graph=True))
    assert "'enable_cuda_graph': 1" in code
    compile(code, "code", "exec")
