import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from exporters import ExportError
from exporters.config import Int8
from exporters.derived import int8 as onnx_int8
from exporters.derived.int8 import quantize
from exporters.onnx.evaluator import run_onnx
from exporters.onnx.graph import read_tensors
from tests.exporters.onnx.rewrites.support import graph, kinds

TEXT = """
g (float[1, 3, 8, 8] x) => (float[1, 10] y) {
    c = Conv(x, w)
    active = Gelu(c)
    pooled = GlobalAveragePool(active)
    flat = Flatten(pooled)
    wide = MatMul(flat, m)
    normal = LayerNormalization(wide, scale)
    y = Gemm(normal, n, b)
}
"""
WEIGHTS = {"w": (8, 3, 3, 3), "m": (8, 32), "scale": (32,), "n": (32, 10), "b": (10,)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    onnx.save(graph(TEXT, **WEIGHTS), tmp_path / "mine.onnx")
    return tmp_path / "mine.onnx"


@pytest.fixture
def feeds() -> list[dict[str, npt.NDArray[Any]]]:
    rng = np.random.default_rng(1)
    return [{"x": rng.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(4)]


@pytest.mark.parametrize(("kind", "quantized"), [(Int8.DYNAMIC, "MatMulInteger"), (Int8.STATIC, "DequantizeLinear")])
def test_the_file_is_near_and_not_equal_and_nothing_else_is_written(
    kind: Int8, quantized: str, path: Path, feeds: list[dict[str, npt.NDArray[Any]]], capfd: pytest.CaptureFixture[str]
) -> None:
    before = path.read_bytes()
    new = path.with_name("new.onnx")
    quantize(path, new, kind, feeds)
    assert kinds(onnx.load(new))[quantized]
    assert read_tensors(onnx.load(new)) == read_tensors(onnx.load(path))
    (expected,), (found,) = run_onnx(path, feeds), run_onnx(new, feeds)
    assert 0 < np.abs(found - expected).max() < 0.1 * np.abs(expected).max()
    assert sorted(file.name for file in path.parent.glob("*.onnx*")) == ["mine.onnx", "new.onnx"]
    assert path.read_bytes() == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("instructions", "largest"), [(("avx2", "sse2"), 64), (("avx2", "avx_vnni", "sse2"), 127), (("asimd",), 127)]
)
def test_weights_take_seven_bits_where_the_cpu_would_saturate(
    instructions: tuple[str, ...],
    largest: int,
    path: Path,
    feeds: list[dict[str, npt.NDArray[Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(onnx_int8, "read_cpu", lambda: (None, instructions))
    new = path.with_name("new.onnx")
    quantize(path, new, Int8.STATIC, feeds)
    weights = [
        onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(new).graph.initializer if len(tensor.dims) > 1
    ]
    assert {weight.dtype for weight in weights} == {np.dtype(np.int8)}
    assert max(np.abs(weight.astype(int)).max() for weight in weights) == largest


def test_logging_is_as_it_was_before(path: Path, feeds: list[dict[str, npt.NDArray[Any]]]) -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    quantize(path, path.with_name("new.onnx"), Int8.STATIC, feeds)
    assert (root.level, list(root.handlers)) == before


def test_weights_beside_the_file_are_put_inside(path: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.onnx"
    onnx.save(onnx.load(path), outside, save_as_external_data=True, location="data.bin", size_threshold=0)
    quantize(outside, tmp_path / "new.onnx", Int8.DYNAMIC, [])
    (tmp_path / "data.bin").unlink()
    onnx.checker.check_model(tmp_path / "new.onnx")


def test_a_file_that_cannot_be_quantized_says_why(
    path: Path, feeds: list[dict[str, npt.NDArray[Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("no range for 'x'\nand more")

    monkeypatch.setattr(onnx_int8, "quantize_static", fail)
    with pytest.raises(ExportError, match=r"mine\.onnx cannot be made int8-static: no range for 'x'$"):
        quantize(path, path.with_name("new.onnx"), Int8.STATIC, feeds)
