import onnx

from exporters.onnx.graph import read_tensors
from tests.exporters.onnx.rewrites.support import assert_same, graph, kinds, rewrite

FLATTEN = """
g (float[n, 3, h, w] x) => (float[n, k] y) {
    shape = Shape <start = 0, end = 1> (x)
    rest = Constant <value = int64[1] {-1}> ()
    target = Concat <axis = 0> (shape, rest)
    y = Reshape(x, target)
}
"""


def test_open_dimensions_are_fixed_and_what_depends_on_them_is_a_constant() -> None:
    before = graph(FLATTEN)
    after, report = rewrite(before, "static_shapes", x=(2, 3, 4, 5))
    assert report.count == 3
    assert report.skipped == ()
    assert kinds(after) == {"Reshape": 1}
    (given,), (found,) = read_tensors(after)
    assert given.shape == (2, 3, 4, 5)
    assert found.shape == (2, 60)
    assert_same(before, after, (2, 3, 4, 5))


def test_a_file_without_open_dimensions_stays_as_it_is() -> None:
    before = graph("g (float[1, 3] x) => (float[1, 3] y) { y = Relu(x) }")
    after, report = rewrite(before, "static_shapes", x=(1, 3))
    assert report.count == 0
    assert kinds(after) == {"Relu": 1}
    assert read_tensors(after) == read_tensors(before)


def test_an_output_whose_shape_depends_on_values_is_named() -> None:
    _, report = rewrite(graph("g (float[n] x) => (int64[1, k] y) { y = NonZero(x) }"), "static_shapes", x=(4,))
    assert report.count == 1
    assert len(report.skipped) == 1
    assert report.skipped[0].startswith("y: its shape")


def test_the_original_is_not_touched() -> None:
    before = graph(FLATTEN)
    copy = onnx.ModelProto()
    copy.CopyFrom(before)
    rewrite(before, "static_shapes", x=(1, 3, 4, 5))
    assert before == copy


STALE = """
g (float[n, 3, 4] x) => (float[n, k] y) {
    shape = Shape <start = 0, end = 1> (x)
    rest = Constant <value = int64[2] {4, 3}> ()
    target = Concat <axis = 0> (shape, rest)
    y = Reshape(x, target)
}
"""


def test_an_output_whose_rank_is_known_once_shapes_are_fixed_gets_it() -> None:
    """As in ddddocr's common.onnx: it says (1, length), and gives (length, 1, classes)."""
    after, report = rewrite(graph(STALE), "static_shapes", x=(2, 3, 4))
    assert report.count == 1
    assert read_tensors(after)[1][0].shape == (2, 4, 3)


SQUEEZED = """
g (float[n, 4] x, bool single) => (float[m] y) {
    y = If (single) <
        then_branch = g1 () => (float[m] a) { axis = Constant <value = int64[1] {0}> ()
                                              a = Squeeze(x, axis) },
        else_branch = g2 () => (float[m] b) { rest = Constant <value = int64[1] {-1}> ()
                                              b = Reshape(x, rest) }
    >
}
"""


def test_a_subgraph_for_other_shapes_leaves_the_inputs_open() -> None:
    """As in silero-vad, whose branch for 8 kHz has no place for a window of 16 kHz."""
    after, report = rewrite(graph(SQUEEZED), "static_shapes", x=(2, 4))
    assert report.count == 0
    assert report.skipped[0].startswith("the file: a subgraph of it does not take these shapes")
    assert after.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"
