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


def test_one_whose_weights_are_the_results_of_operators_is_folded_however_narrow_it_is() -> None:
    text = """
    g (float[1, 1, 4, 4] x) => (float[1, 2, 4, 4] y) {
        w = Constant <value = float[2, 1, 1, 1] {2.0, 3.0}> ()
        scale = Constant <value = float[2] {1.5, 0.5}> ()
        shift = Constant <value = float[2] {0.25, 1.0}> ()
        mean = Constant <value = float[2] {0.5, 2.0}> ()
        var = Constant <value = float[2] {1.0, 4.0}> ()
        c = Conv(x, w)
        y = BatchNormalization(c, scale, shift, mean, var)
    }
    """
    before = graph(text)
    after, report = rewrite(before, "batch_norm")
    assert (report.count, report.skipped) == (1, ())
    assert kinds(after) == {"Conv": 1}
    assert_same(before, after, (1, 1, 4, 4))


@pytest.mark.parametrize(
    ("operators", "reason"),
    [
        ("v = Abs(w)\n c = Conv(x, v)", "'v' is no constant"),
        ("c = Conv(x, w)\n d = Conv(x, w)\n z = Relu(d)", "'w' of the Conv before it is used elsewhere too"),
    ],
)
def test_what_keeps_one_from_being_folded_is_said(operators: str, reason: str) -> None:
    text = f"""
    g (float[1, 3, 6, 6] x, float[4, 3, 3, 3] a) => (float[1, 4, 4, 4] y, float[1, 4, 4, 4] z) {{
        {operators}
        [kept] y = BatchNormalization(c, scale, shift, mean, var)
    }}
    """.replace("v = Abs(w)", "v = Abs(a)\n z = Conv(x, w)")
    before = graph(text, w=(4, 3, 3, 3), **NORM)
    after, report = rewrite(before, "batch_norm")
    assert (report.count, report.skipped) == (0, (f"kept: {reason}",))
    assert kinds(after)["BatchNormalization"] == 1


def test_one_of_training_is_left_alone_and_the_others_are_folded() -> None:
    """It has no name of its own, as in many files: it is called by what it gives."""
    text = """
    g (float[2, 3, 6, 6] x) => (float[2, 4, 4, 4] y) {
        c = Conv(x, w)
        n = BatchNormalization(c, scale, shift, mean, var)
        d = Conv(n, w2)
        y, m2, v2 = BatchNormalization <training_mode = 1> (d, scale, shift, mean, var)
    }
    """
    before = graph(text, w=(4, 3, 3, 3), w2=(4, 4, 1, 1), **NORM)
    after, report = rewrite(before, "batch_norm")
    assert report.count == 1
    assert report.skipped == ("y: it is one of training, which takes each batch's own mean and variance",)
    assert kinds(after) == {"Conv": 2, "BatchNormalization": 1}
    assert_same(before, after, (2, 3, 6, 6))
