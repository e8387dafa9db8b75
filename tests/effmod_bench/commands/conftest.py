from pathlib import Path

import pytest

from effmod_bench.instrument import place
from tests.effmod_bench.commands.support import TIMES, Workers
from tests.fakes import write_onnx


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Three that can be compared and one that gives NaN, in the current folder."""
    write_onnx(tmp_path / "a.onnx")
    write_onnx(tmp_path / "b.onnx", nodes=2)
    write_onnx(tmp_path / "large.onnx", nodes=2000)
    write_onnx(tmp_path / "nan.onnx", operator="Log")
    return tmp_path


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workers:
    """Three files lie in the current folder, and nothing is really timed."""
    for nodes, name in enumerate(TIMES, start=1):
        write_onnx(tmp_path / name, nodes=nodes)
    workers = Workers()
    monkeypatch.setattr(place, "run_job", workers.run_job)
    return workers
