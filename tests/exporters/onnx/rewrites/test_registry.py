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
