"""Which convolutions ONNX Runtime's blocked layout leaves out: as ONNX Runtime itself does."""

import platform
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from exporters.onnx.channels import unaligned_channels


def convolution(in_channels: int, out_channels: int, groups: int) -> onnx.ModelProto:
    weights = np.zeros((out_channels, in_channels // groups, 3, 3), np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], group=groups, pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, in_channels, 4, 4])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="the blocked layout is for x86")
@pytest.mark.parametrize(
    ("in_channels", "out_channels", "groups", "found"),
    [
        (1254, 1254, 1254, (1254,)),
        (118, 118, 118, (118,)),
        (1256, 1256, 1256, ()),
        (18, 32, 1, (18,)),
        (20, 18, 1, ()),
        (3, 32, 1, ()),
        (64, 64, 4, ()),
    ],
)
def test_what_is_found_is_what_onnx_runtime_leaves_out(
    in_channels: int, out_channels: int, groups: int, found: tuple[int, ...], tmp_path: Path
) -> None:
    model = convolution(in_channels, out_channels, groups)
    assert unaligned_channels(model) == found
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # it warns that such a file is for this machine alone
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    domains = {node.domain for node in onnx.load(tmp_path / "optimized.onnx").graph.node}
    assert ("com.microsoft.nchwc" not in domains) == bool(found)


def test_weights_that_are_no_constant_are_passed_over() -> None:
    model = convolution(18, 18, 18)
    del model.graph.initializer[:]
    assert unaligned_channels(model) == ()
