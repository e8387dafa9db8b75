import onnx
import pytest

from tests.exporters.onnx.rewrites.support import assert_same, graph, kinds, rewrite

REPEATED = """
g (float[1, 3, 4, 4] x) => (float[1, 48] y) {
    flat = Constant <value = int64[2] {1, 48}> ()
    split = Constant <value = int64[3] {1, 3, 16}> ()
    a = Reshape(x, split)
    b = Reshape(a, flat)
    y = Relu(b)
}
"""


def test_operators_that_do_nothing_are_taken_out() -> None:
    before = graph(REPEATED)
    after, report = rewrite(before, "simplify")
    assert (report.count, report.skipped) == (1, ())
    assert kinds(after) == {"Reshape": 1, "Relu": 1}
    assert_same(before, after, (1, 3, 4, 4))


def test_a_file_without_them_stays_as_it_is() -> None:
    before = graph("g (float[1, 3] x) => (float[1, 3] y) { y = Relu(x) }")
    after, report = rewrite(before, "simplify")
    assert (report.count, report.skipped) == (0, ())
    assert kinds(after) == {"Relu": 1}


def test_where_onnxsim_fails_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: onnx.ModelProto) -> None:
        raise RuntimeError("no shape\nand more")

    monkeypatch.setattr("onnxsim.simplify", fail)
    before = graph(REPEATED)
    after, report = rewrite(before, "simplify")
    assert report.count == 0
    assert report.skipped == ("the file: onnxsim failed: no shape",)
    assert kinds(after)["Reshape"] == 2
