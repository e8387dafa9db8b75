from pathlib import Path

import pytest

from results import Store
from tests.effmod_bench.support import Run, store_with
from tests.fakes import write_onnx


def test_the_environment_names_the_store(effmod_process: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFFMOD_STORE", str(tmp_path / "elsewhere"))
    write_onnx(tmp_path / "x.onnx")
    assert effmod_process("bench", "x.onnx", "--runs", "1").returncode == 0
    assert len(Store(tmp_path / "elsewhere").read()) == 1
    shown = effmod_process("show")
    assert shown.returncode == 0
    assert "x.onnx" in shown.stdout
    assert effmod_process("show", "elsewhere").stdout == shown.stdout


def test_a_store_is_shown_and_drawn_from_where_a_bench_puts_it(effmod_process: Run, tmp_path: Path) -> None:
    store_with(tmp_path / "effmod-results")
    assert "efficientmod_xxs" in effmod_process("show").stdout
    assert effmod_process("plot", "--output", "x.svg").returncode == 0
