from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from effmod_bench.instrument.process.messages import ProfileJob
from effmod_bench.instrument.process.profiled import run_profile
from effmod_bench.instrument.sessions.session import SessionRequest
from effmod_bench.runs.described import describe_origins
from results import Device, InputTensor, Joined, Runtime, RuntimeOptions

pytest.importorskip("openvino", reason="the extra [openvino] is not installed")


def known_file(path: Path) -> Path:
    """A convolution with its activation, a norm of the channels last, and a product; names tell their modules."""
    draws = np.random.default_rng(0)
    shapes = {"k": (16, 3, 3, 3), "b": (16,), "scale": (16,), "shift": (16,), "w": (16, 8)}
    weights = [
        onnx.numpy_helper.from_array(draws.normal(0, 0.1, shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["x", "k", "b"], ["c"], name="/stem/conv/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="/stem/act/Relu"),
        helper.make_node("Transpose", ["r"], ["t"], name="/norm/Transpose", perm=[0, 2, 3, 1]),
        helper.make_node("LayerNormalization", ["t", "scale", "shift"], ["n"], name="/norm/LayerNormalization"),
        helper.make_node("MatMul", ["n", "w"], ["y"], name="/head/MatMul"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 8, 8))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 8, 8, 8))
    graph = helper.make_graph(nodes, "known", [x], [y], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def test_openvinos_counters_are_laid_on_the_modules_of_its_file(tmp_path: Path) -> None:
    file = known_file(tmp_path / "known.onnx")
    job = ProfileJob(
        session=SessionRequest(
            path=str(file),
            device=Device.CPU,
            options=RuntimeOptions(runtime=Runtime.OPENVINO),
            intra_op_num_threads=1,
            profile_folder=str(tmp_path),
        ),
        inputs=(InputTensor(name="x", shape=(1, 3, 8, 8), dtype="float"),),
        warmup_runs=2,
        runs=12,
        plain_first=True,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
    )
    profiled = run_profile(job, on_warm=lambda _: None)
    assert (len(profiled.run_us), profiled.runs_each) == (1, 12)
    assert len(profiled.with_ns) == len(profiled.without_ns) == 12
    assert sum(each.durations_us[0] for each in profiled.operators) <= profiled.run_us[0] + 12 * len(profiled.operators)
    found = describe_origins(file, tmp_path, profiled.operators)
    macs = {each.module: each.macs for each in found if each.macs}
    assert macs == {"stem.conv": 64 * 16 * 27, "head": 64 * 16 * 8}
    # An activation goes with its convolution, and copies between layouts with what they copy or are made for.
    assert {each.module for each in found} == {"stem.conv", "norm", "head"}
    assert all(each.origin for each in found if each.joined is not Joined.NEIGHBOURS)
    convolution = next(each for each in found if each.module == "stem.conv" and each.macs)
    assert convolution.weight_bytes == 4 * (16 * 27 + 16)
    assert convolution.output_bytes == 4 * 16 * 64
