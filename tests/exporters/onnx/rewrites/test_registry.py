import re

import numpy as np
import onnx
import onnxruntime as ort

from exporters.onnx.rewrites import NAMES
from exporters.onnx.rewrites.registry import REWRITES, apply
from tests.exporters.onnx.rewrites.support import assert_same, graph, kinds

WHOLE = """
g (float[n, 3, h, w] x) => (float[n, 5, k, l] y) {
    c = Conv(x, kernel)
    norm = BatchNormalization(c, scale, shift, mean, var)
    last = Transpose <perm = [0, 2, 3, 1]> (norm)
    turned = Transpose <perm = [1, 0]> (weight)
    product = MatMul(last, turned)
    y = Transpose <perm = [0, 3, 1, 2]> (product)
}
"""


def test_the_names_that_need_no_onnx_are_those_of_the_rewrites() -> None:
    assert tuple(REWRITES) == NAMES
    assert tuple(rewrite.NAME for rewrite in REWRITES.values()) == NAMES


def test_all_of_them_work_together() -> None:
    norm = {"scale": (4,), "shift": (4,), "mean": (4,), "var": (4,)}
    before = graph(WHOLE, kernel=(4, 3, 3, 3), weight=(5, 4), **norm)
    after, reports = apply(before, NAMES, {"x": (1, 3, 6, 6)})
    assert [(report.name, report.count) for report in reports] == [
        ("static_shapes", 3),
        ("gelu", 0),
        ("batch_norm", 1),
        ("matmul_to_conv", 1),
        ("simplify", 0),
    ]
    assert kinds(after) == {"Conv": 2}
    assert_same(before, after, (1, 3, 6, 6))


def test_only_those_that_are_named_are_applied() -> None:
    norm = {"scale": (4,), "shift": (4,), "mean": (4,), "var": (4,)}
    before = graph(WHOLE, kernel=(4, 3, 3, 3), weight=(5, 4), **norm)
    after, reports = apply(before, ("batch_norm",), {"x": (1, 3, 6, 6)})
    assert [report.name for report in reports] == ["batch_norm"]
    assert kinds(after) == {"Conv": 1, "Transpose": 2, "MatMul": 1}
    assert after.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"


SPLIT = """
g (float[1, 3, 6, 6] x, int64 n) => (seq(float[]) parts, float[1, 4, 4, 4] y) {
    parts = SplitToSequence <axis: int = 1> (x, n)
    c = Conv(x, kernel)
    y = BatchNormalization(c, scale, shift, mean, var)
}
"""


def test_an_operator_at_which_the_library_fails_spoils_no_rewrite() -> None:
    norm = {"scale": (4,), "shift": (4,), "mean": (4,), "var": (4,)}
    after, reports = apply(graph(SPLIT, kernel=(4, 3, 3, 3), **norm), ("batch_norm", "matmul_to_conv"), {})
    assert [report.count for report in reports] == [1, 0]
    (told,), nothing = (report.skipped for report in reports)
    assert re.fullmatch(
        r"the file: not all that follows from constants is computed: .*'parts' \(::SplitToSequence\)", told
    )
    assert nothing == ()
    assert kinds(after) == {"SplitToSequence": 1, "Conv": 1}


def test_such_an_operator_is_told_of_once_where_shapes_are_fixed_too() -> None:
    text = SPLIT.replace("float[1, 3, 6, 6] x", "float[n, 3, 6, 6] x").replace(
        "float[1, 4, 4, 4] y", "float[n, 4, 4, 4] y"
    )
    norm = {"scale": (4,), "shift": (4,), "mean": (4,), "var": (4,)}
    _, (report,) = apply(graph(text, kernel=(4, 3, 3, 3), **norm), ("static_shapes",), {"x": (1, 3, 6, 6)})
    assert report.count == 1
    assert [told for told in report.skipped if "SplitToSequence" in told] == list(report.skipped[:1])


BRANCHES = """
g (float[n, 3] x, bool c) => (float[n, 3] y, float[n, 3] z) {
    y, z = If (c) <
        then_branch = g1 () => (float[n, 3] a, float[n, 3] b) { t = Relu(x) a = Identity(t) b = Identity(t) },
        else_branch = g2 () => (float[n, 3] d, float[n, 3] e) { d = Neg(x) e = Identity(x) }
    >
}
"""


def test_subgraphs_are_left_alone() -> None:
    """As in silero-vad, whose branches give Identities: onnx_ir's pass takes these out, and breaks the graph."""
    before = graph(BRANCHES)
    after, _ = apply(before, NAMES, {"x": (2, 3)})
    onnx.checker.check_model(after, full_check=True)
    x = np.array([[1, -2, 3], [-4, 5, -6]], np.float32)
    for c in (True, False):
        sessions = [ort.InferenceSession(each.SerializeToString()) for each in (before, after)]
        first, second = (session.run(None, {"x": x, "c": np.array(c)}) for session in sessions)
        np.testing.assert_array_equal(first, second)


def test_an_identity_that_gives_an_output_is_taken_out_only_where_another_can_give_it() -> None:
    text = """g (float[2, 3] x) => (float[2, 3] y, float[2, 3] z, float[2, 3] same) {
        t = Relu(x) y = Identity(t) z = Identity(y) same = Identity(x)
    }"""
    after, _ = apply(graph(text), ("gelu",), {"x": (2, 3)})
    onnx.checker.check_model(after, full_check=True)
    assert kinds(after) == {"Relu": 1, "Identity": 2}
    assert [value.name for value in after.graph.output] == ["y", "z", "same"]
