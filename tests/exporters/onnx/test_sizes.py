import pytest

from exporters.onnx.sizes import deciding_inputs
from tests.exporters.onnx.rewrites.support import graph


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A matting network: the ratio decides how large the image is that it works on.
        (
            """
            g (float[1, 3, 8, 8] x, float[1] ratio) => (float[a, b, c, d] y) {
                one = Constant <value = float[2] {1.0, 1.0}> ()
                scales = Concat <axis = 0> (one, ratio, ratio)
                y = Resize <mode = "nearest"> (x, , scales)
            }
            """,
            {"ratio"},
        ),
        # What is computed of sizes alone is the same for all values of one size.
        (
            """
            g (float[n, 4] x) => (float[m] y) {
                shape = Shape(x)
                count = ReduceProd <keepdims = 1> (shape)
                y = Reshape(x, count)
            }
            """,
            set(),
        ),
        # Through Where to a shape; the mask beside it is an operand like others.
        (
            """
            g (int64[2] to, bool[2] which, float[1, 4] x, float[4] mask) => (float[a, b] y) {
                other = Constant <value = int64[2] {3, 4}> ()
                shape = Where(which, to, other)
                wide = Expand(x, shape)
                y = Mul(wide, mask)
            }
            """,
            {"to", "which"},
        ),
    ],
)
def test_inputs_that_a_size_is_computed_from_are_found(text: str, expected: set[str]) -> None:
    assert deciding_inputs(graph(text)) == expected


def test_a_size_that_is_a_constant_comes_of_no_input() -> None:
    model = graph("g (float[2, 2] x) => (float[4] y) { to = Constant <value = int64[1] {4}> ()  y = Reshape(x, to) }")
    assert deciding_inputs(model) == set()


def test_an_output_that_nobody_named_is_no_input_that_nobody_gave() -> None:
    """Both have the empty name."""
    model = graph("g (float[1, 1, 2, 2] x) => (float[1, 1, 4, 4] y) { d, m = Dropout(x)  y = Resize(d, , s) }", s=(4,))
    model.graph.node[0].output[1] = ""
    assert deciding_inputs(model) == set()
