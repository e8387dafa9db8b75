import onnx
import pytest

from tests.exporters.onnx.rewrites.support import graph, rewrite

NORM = {"scale": (4,), "shift": (4,), "mean": (4,), "var": (4,)}
BRANCHES = """
g (float[1, 3, 6, 6] x, bool first) => (float[1, 4, 6, 6] y) {{
    erf = Erf(x)
    c = Conv(erf, w)
    n = BatchNormalization(c, scale, shift, mean, var)
    b = If (first) <
        then_branch = g1 () => (float[1, 4, 6, 6] t) {{
            d = Conv(x, w2)
            {normal} (d, scale, shift, mean, var)
        }},
        else_branch = g2 () => (float[1, 4, 6, 6] e) {{
            two = Constant <value = float {{1.4142135}}> ()
            one = Constant <value = float {{1.0}}> ()
            half = Constant <value = float {{0.5}}> ()
            scaled = Div(x, two)
            f = Erf(scaled)
            more = Add(f, one)
            product = Mul(x, more)
            gelu = Mul(product, half)
            last = Transpose <perm = [0, 2, 3, 1]> (gelu)
            wide = MatMul(last, w3)
            e = Transpose <perm = [0, 3, 1, 2]> (wide)
        }}
    >
    y = Add(n, b)
}}
"""


@pytest.mark.parametrize(
    "normal",
    ["t = BatchNormalization", "t, m, v = BatchNormalization <training_mode = 1>"],
    ids=["inference", "training"],
)
@pytest.mark.parametrize("name", ["gelu", "batch_norm", "matmul_to_conv"])
def test_what_stands_in_a_branch_stays_whether_or_not_the_proof_takes_it(name: str, normal: str) -> None:
    before = graph(BRANCHES.format(normal=normal), w=(4, 3, 1, 1), w2=(4, 3, 1, 1), w3=(3, 4), **NORM)
    after, report = rewrite(before, name)
    assert report.count == (name == "batch_norm")
    kinds = [kinds_within(model) for model in (after, before)]
    assert kinds[0] == kinds[1]
    assert all({node.domain for node in branch.node} == {""} for branch in branches(after))


def branches(model: onnx.ModelProto) -> list[onnx.GraphProto]:
    (node,) = (node for node in model.graph.node if node.op_type == "If")
    return [attribute.g for attribute in node.attribute]


def kinds_within(model: onnx.ModelProto) -> list[list[str]]:
    return [[node.op_type for node in branch.node if node.op_type != "Constant"] for branch in branches(model)]
