import pytest

from tests.exporters.onnx.rewrites.support import assert_same, graph, kinds, rewrite

BETWEEN = """
g (float[2, 3, 5, 7] x) => (float[2, 4, 5, 7] y) {
    last = Transpose <perm = [0, 2, 3, 1]> (x)
    product = MatMul(last, w)
    biased = Add(b, product)
    y = Transpose <perm = [0, 3, 1, 2]> (biased)
}
"""
MLP = """
g (float[2, 3, 5, 7] x) => (float[2, 3, 5, 7] y) {
    last = Transpose <perm = [0, 2, 3, 1]> (x)
    wide = MatMul(last, w1)
    biased = Add(wide, b1)
    active = Gelu <approximate = "tanh"> (biased)
    narrow = MatMul(active, w2)
    y = Transpose <perm = [0, 3, 1, 2]> (narrow)
}
"""
BEHIND = """
g (float[2, 5, 7, 3] x) => (float[2, 4, 5, 7] y) {
    norm = LayerNormalization(x, scale)
    product = MatMul(norm, w)
    biased = Add(product, b)
    y = Transpose <perm = [0, 3, 1, 2]> (biased)
}
"""
NORM_MLP = """
g (float[2, 5, 7, 3] x) => (float[2, 3, 5, 7] y) {
    norm = LayerNormalization(x, scale)
    wide = MatMul(norm, w1)
    biased = Add(b1, wide)
    active = Gelu <approximate = "tanh"> (biased)
    narrow = MatMul(active, w2)
    y = Transpose <perm = [0, 3, 1, 2]> (narrow)
}
"""
BEFORE = """
g (float[2, 3, 5, 7] x) => (float[2, 5, 7, 4] y) {
    last = Transpose <perm = [0, 2, 3, 1]> (x)
    y = MatMul(last, w)
}
"""


def test_a_product_between_permutations_loses_both() -> None:
    before = graph(BETWEEN, w=(3, 4), b=(4,))
    after, report = rewrite(before, "matmul_to_conv")
    assert (report.count, report.skipped) == (1, ())
    assert kinds(after) == {"Conv": 1}
    assert_same(before, after, (2, 3, 5, 7))


def test_so_do_two_with_an_activation_between_them() -> None:
    before = graph(MLP, w1=(3, 6), b1=(6,), w2=(6, 3))
    after, report = rewrite(before, "matmul_to_conv")
    assert (report.count, report.skipped) == (2, ())
    assert kinds(after) == {"Conv": 2, "Gelu": 1}
    assert_same(before, after, (2, 3, 5, 7))


def test_so_do_two_behind_a_norm_and_the_permutation_stays_where_there_are_fewest_channels() -> None:
    before = graph(NORM_MLP, scale=(3,), w1=(3, 6), b1=(6,), w2=(6, 3))
    after, report = rewrite(before, "matmul_to_conv")
    assert (report.count, report.skipped) == (2, ())
    assert kinds(after) == {"LayerNormalization": 1, "Transpose": 1, "Conv": 2, "Gelu": 1}
    assert [node.op_type for node in after.graph.node][:2] == ["LayerNormalization", "Transpose"]
    assert_same(before, after, (2, 5, 7, 3))


def test_a_permutation_behind_an_activation_of_no_product_stays() -> None:
    text = """
    g (float[2, 5, 7, 3] x) => (float[2, 3, 5, 7] y) {
        sum = Add(x, x)
        active = Gelu(sum)
        y = Transpose <perm = [0, 3, 1, 2]> (active)
    }
    """
    after, report = rewrite(graph(text), "matmul_to_conv")
    assert (report.count, report.skipped) == (0, ())
    assert [node.op_type for node in after.graph.node] == ["Add", "Gelu", "Transpose"]


def test_a_permutation_on_one_side_moves_to_the_other() -> None:
    behind = graph(BEHIND, scale=(3,), w=(3, 4), b=(4,))
    after, report = rewrite(behind, "matmul_to_conv")
    assert report.count == 1
    assert kinds(after) == {"LayerNormalization": 1, "Transpose": 1, "Conv": 1}
    assert_same(behind, after, (2, 5, 7, 3))
    before = graph(BEFORE, w=(3, 4))
    after, report = rewrite(before, "matmul_to_conv")
    assert report.count == 1
    assert kinds(after) == {"Conv": 1, "Transpose": 1}
    assert_same(before, after, (2, 3, 5, 7))


def test_a_product_without_a_permutation_is_left_alone_and_named() -> None:
    before = graph("g (float[2, 5, 7, 3] x) => (float[2, 5, 7, 4] y) { [head] y = MatMul(x, w) }", w=(3, 4))
    after, report = rewrite(before, "matmul_to_conv")
    assert report.count == 0
    assert report.skipped[0].startswith("head: no permutation to or from channels-first beside it")
    assert kinds(after) == {"MatMul": 1}


@pytest.mark.parametrize(
    "text",
    [
        # attention: a product of two activations
        """
        g (float[2, 4, 4, 4] x) => (float[2, 4, 4, 4] y) {
            last = Transpose <perm = [0, 2, 3, 1]> (x)
            y = MatMul(last, x)
        }
        """,
        # a permutation of another kind
        """
        g (float[2, 3, 5, 3] x) => (float[2, 5, 3, 4] y) {
            other = Transpose <perm = [0, 2, 1, 3]> (x)
            y = MatMul(other, w)
        }
        """,
        # the permuted map is used elsewhere too
        """
        g (float[2, 3, 5, 7] x) => (float[2, 5, 7, 3] y) {
            last = Transpose <perm = [0, 2, 3, 1]> (x)
            product = MatMul(last, square)
            y = Add(last, product)
        }
        """,
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    before = graph(text, w=(3, 4), square=(3, 3))
    after, report = rewrite(before, "matmul_to_conv")
    assert report.count == 0
    assert kinds(after) == kinds(before)


@pytest.mark.parametrize(("channels", "values"), [(4, 1), (1, 5)])
def test_a_bias_that_is_broadcast_stays_an_addition(channels: int, values: int) -> None:
    """A convolution's bias has a value for each channel."""
    wide = max(channels, values)
    before = graph(BETWEEN.replace("float[2, 4, 5, 7] y", f"float[2, {wide}, 5, 7] y"), w=(3, channels), b=(values,))
    after, report = rewrite(before, "matmul_to_conv")
    assert report.count == 1
    assert kinds(after) == {"Conv": 1, "Transpose": 2, "Add": 1}
    assert_same(before, after, (2, 3, 5, 7))
