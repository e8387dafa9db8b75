import numpy as np

from exporters.onnx.inside import steps
from tests.exporters.onnx.rewrites.support import graph

TEXT = """
g (float[1, 4] x) => (float[1, 4] y) {
    a = Relu(x)
    b, c = Split <axis = 1, num_outputs = 2> (a)
    y = Concat <axis = 1> (c, b)
}
"""


def test_each_operator_gives_its_results_in_order() -> None:
    found = list(steps(graph(TEXT), {"x": np.array([[-1, 2, 3, 4]], np.float32)}))
    assert [(step.kind, list(step.results)) for step in found] == [
        ("Relu", ["a"]),
        ("Split", ["b", "c"]),
        ("Concat", ["y"]),
    ]
    assert [step.name for step in found] == ["a", "b", "y"]  # operators without a name are called after their results
    np.testing.assert_array_equal(found[1].results["c"], [[3, 4]])
    np.testing.assert_array_equal(found[2].results["y"], [[3, 4, 0, 2]])
