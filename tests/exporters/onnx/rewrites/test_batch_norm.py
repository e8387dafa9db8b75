import pytest

from tests.exporters.onnx.rewrites.support import assert_same, graph, kinds, rewrite

NORM = {"scale": (4,), "shift": (4,), "mean": (4,), "var": (4,)}
CONV = """
g (float[1, 3, 6, 6] x) => (float[1, 4, 4, 4] y) {{
    c = Conv(x, w{bias})
    y = BatchNormalization(c, scale, shift, mean, var)
}}
"""


@pytest.mark.parametrize(("bias", "shapes"), [("", {}), (", b", {"b": (4,)})])
def test_it_is_folded_into_the_convolution_before_it(bias: str, shapes: dict[str, tuple[int, ...]]) -> None:
    before = graph(CONV.format(bias=bias), w=(4, 3, 3, 3), **shapes, **NORM)
    after, report = rewrite(before, "batch_norm")
    assert (report.count, report.skipped) == (1, ())
    assert kinds(after) == {"Conv": 1}
    assert len(after.graph.initializer) == 2  # nothing of the BatchNormalization is left
    assert_same(before, after, (1, 3, 6, 6))


def test_it_is_folded_into_the_gemm_before_it() -> None:
    text = """
    g (float[2, 3] x) => (float[2, 4] y) {
        c = Gemm <transB = 1> (x, w, b)
        y = BatchNormalization(c, scale, shift, mean, var)
    }
    """
    before = graph(text, w=(4, 3), b=(4,), **NORM)
    after, report = rewrite(before, "batch_norm")
    assert report.count == 1
    assert kinds(after) == {"Gemm": 1}
    assert_same(before, after, (2, 3))


def test_one_behind_an_activation_is_left_alone_and_named() -> None:
    text = """
    g (float[1, 4, 6, 6] x) => (float[1, 4, 6, 6] y) {
        r = Relu(x)
        [behind_relu] y = BatchNormalization(r, scale, shift, mean, var)
    }
    """
    before = graph(text, **NORM)
    after, report = rewrite(before, "batch_norm")
    assert report.count == 0
    assert report.skipped == ("behind_relu: before it is Relu, which has no weights to take it",)
    assert kinds(after) == {"Relu": 1, "BatchNormalization": 1}


def test_one_whose_convolution_is_used_elsewhere_is_left_alone() -> None:
    text = """
    g (float[1, 3, 6, 6] x) => (float[1, 4, 4, 4] y) {
        c = Conv(x, w)
        [shared] n = BatchNormalization(c, scale, shift, mean, var)
        y = Add(c, n)
    }
    """
    before = graph(text, w=(4, 3, 3, 3), **NORM)
    after, report = rewrite(before, "batch_norm")
    assert report.count == 0
    assert report.skipped[0].startswith("shared: the Conv before it is used elsewhere too")
    assert_same(before, after, (1, 3, 6, 6))
