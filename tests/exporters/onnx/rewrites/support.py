"""Small graphs in ONNX's own text, with random weights, and what is done with them."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from exporters.onnx.rewrites.registry import apply
from exporters.rewrites import RewriteReport

HEAD = '<ir_version: 10, opset_import: ["": 20]>'


def graph(text: str, **shapes: tuple[int, ...]) -> onnx.ModelProto:
    """The graph of this text, with a random constant of the given shape for each name; variances are positive."""
    rng = np.random.default_rng(0)
    model = onnx.parser.parse_model(HEAD + text)
    for name, shape in shapes.items():
        values = rng.uniform(0.5, 2, shape) if name.startswith("var") else rng.standard_normal(shape)
        model.graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
    onnx.checker.check_model(model)
    return model


def rewrite(model: onnx.ModelProto, name: str, **shapes: tuple[int, ...]) -> tuple[onnx.ModelProto, RewriteReport]:
    """The graph after one rewrite, still valid, and its report."""
    rewritten, (report,) = apply(model, (name,), shapes)
    onnx.checker.check_model(rewritten, full_check=True)
    assert report.name == name
    return rewritten, report


def kinds(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def run(model: onnx.ModelProto, x: npt.NDArray[np.float32]) -> Any:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def assert_same(before: onnx.ModelProto, after: onnx.ModelProto, shape: tuple[int, ...]) -> None:
    """Both give the same within float32's rounding."""
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    expected = run(before, x)
    np.testing.assert_allclose(run(after, x), expected, rtol=0, atol=1e-5 * float(np.abs(expected).max()))
