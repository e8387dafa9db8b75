import math

import onnx
import pytest

from exporters.onnx.rewrites.registry import apply
from tests.exporters.onnx.rewrites.support import assert_same, graph, kinds, rewrite

CHAIN = """
g (float[1, 3, 5, 7] x) => (float[1, 3, 5, 7] y) {{
    one = Constant <value = float {{1.0}}> ()
    half = Constant <value = float {{{half}}}> ()
    root = Constant <value = float {{{root}}}> ()
    scaled = {scaled}
    erf = Erf(scaled)
    factor = Add(erf, one)
    {product}
}}
"""
DIVIDED = {"root": math.sqrt(2), "scaled": "Div(x, root)"}
MULTIPLIED = {"root": math.sqrt(0.5), "scaled": "Mul(x, root)"}
# As torch's older exporter writes it, as its newer one does below opset 20, and as it stands in the paper.
LAST, FIRST, BESIDE = (
    "twice = Mul(x, factor) y = Mul(twice, half)",
    "halved = Mul(half, factor) y = Mul(x, halved)",
    "halved = Mul(half, x) y = Mul(halved, factor)",
)


@pytest.mark.parametrize("product", [LAST, FIRST, BESIDE])
@pytest.mark.parametrize("scaled", [DIVIDED, MULTIPLIED])
def test_the_chain_becomes_one_operator(scaled: dict[str, float | str], product: str) -> None:
    before = graph(CHAIN.format(half=0.5, product=product, **scaled))
    after, report = rewrite(before, "gelu")
    assert (report.count, report.skipped) == (1, ())
    assert kinds(after) == {"Gelu": 1}
    assert_same(before, after, (1, 3, 5, 7))


def test_a_file_of_an_older_opset_is_raised() -> None:
    before = graph(CHAIN.format(half=0.5, product=LAST, **DIVIDED))
    before.opset_import[0].version, before.ir_version = 17, 8
    after, report = rewrite(before, "gelu")
    assert report.count == 1
    assert kinds(after) == {"Gelu": 1}
    assert (after.opset_import[0].version, after.ir_version) == (20, 9)
    assert_same(before, after, (1, 3, 5, 7))


def test_a_file_that_has_none_keeps_its_opset() -> None:
    before = graph("g (float[1, 3] x) => (float[1, 3] y) { [alone] y = Erf(x) }")
    before.opset_import[0].version = 17
    after, report = rewrite(before, "gelu")
    assert report.count == 0
    assert report.skipped[0].startswith("alone: no GELU")
    assert after.opset_import[0].version == 17


def test_another_factor_is_no_gelu() -> None:
    before = graph(CHAIN.format(half=0.6, product=LAST, **DIVIDED))
    after, report = rewrite(before, "gelu")
    assert report.count == 0
    assert kinds(after)["Erf"] == 1
    assert_same(before, after, (1, 3, 5, 7))


def test_a_file_that_cannot_be_raised_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no adapter for Erf\nand more")

    monkeypatch.setattr(onnx.version_converter, "convert_version", refuse)
    before = graph(CHAIN.format(half=0.5, product=LAST, **DIVIDED))
    before.opset_import[0].version = 17
    after, report = rewrite(before, "gelu")
    assert report.count == 0
    assert report.skipped == ("the file: it cannot be raised to opset 20, the first with Gelu: no adapter for Erf",)
    assert kinds(after)["Erf"] == 1


def test_permutations_move_past_it() -> None:
    text = """
    g (float[2, 3, 5, 7] x) => (float[2, 3, 5, 7] y) {
        one = Constant <value = float {1.0}> ()
        half = Constant <value = float {0.5}> ()
        root = Constant <value = float {1.4142135}> ()
        last = Transpose <perm = [0, 2, 3, 1]> (x)
        wide = MatMul(last, w1)
        scaled = Div(wide, root)
        erf = Erf(scaled)
        factor = Add(erf, one)
        twice = Mul(wide, factor)
        active = Mul(twice, half)
        narrow = MatMul(active, w2)
        y = Transpose <perm = [0, 3, 1, 2]> (narrow)
    }
    """
    before = graph(text, w1=(3, 6), w2=(6, 3))
    after, _ = apply(before, ("gelu", "matmul_to_conv"), {"x": (2, 3, 5, 7)})
    assert kinds(after) == {"Conv": 2, "Gelu": 1}
    assert_same(before, after, (2, 3, 5, 7))
