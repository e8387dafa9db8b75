"""ONNX Runtime on a GPU, of which there is none here.

The files are made by hand, after the formats of ONNX Runtime's profile and of PyTorch's traces; only the last test runs
the two profilers, on the CPU, with kernels that are made up.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from effmod_bench.instrument.profilers import torch_trace
from effmod_bench.instrument.profilers.onnxruntime_cuda import OnnxRuntimeCudaProfiler, lay
from effmod_bench.instrument.profilers.profiler import ProfileError
from effmod_bench.instrument.sessions.session import SessionRequest
from results import Device, RuntimeOptions
from tests.effmod_bench.instrument.profilers import test_onnxruntime as ort
from tests.effmod_bench.instrument.profilers import test_torch_trace as torch_

BEGAN_NS = 1_790_000_000_000_000_000
BASE_NS = BEGAN_NS - 50_000  # PyTorch counts from 50 us before


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Two runs that count, of two operators, after one that does not."""
    nodes: list[Callable[..., Any]] = [
        partial(ort.kernel, "a", provider="CUDAExecutionProvider"),
        partial(ort.kernel, "b"),
    ]
    runs = [(1000, 100), (2000, 100), (3000, 100)]
    made = [ort.run(ts, us) for ts, us in runs]
    made += [node(ts + 10 + 40 * i, 30) for ts, _ in runs for i, node in enumerate(nodes)]
    return ort.written(tmp_path / "events.json", *made)


def traced(path: Path, *starts: float, late: float = 50) -> Path:
    """Of each run a mark, two kernels of its first operator, one of its second, and a copy behind them."""
    made: list[dict[str, Any]] = []
    for i, start in enumerate(start + late for start in starts):
        number = 10 * i
        made += [torch_.mark(start - 5, 112)]
        for place, us in ((15, 2.3), (25, 1.4), (60, 7.0), (92, 20)):
            number += 1
            made += [torch_.launch(number, start + place), torch_.kernel(number, us)]
    return torch_.written(path, *made, base_ns=BASE_NS)


def test_an_operator_takes_what_its_kernels_take_in_all_runs_that_count(events: Path, tmp_path: Path) -> None:
    traces = [traced(tmp_path / "0.json", 2000), traced(tmp_path / "1.json", 3000)]
    account = lay(events, [1, 2], traces, began_ns=BEGAN_NS)
    assert [(each.name, each.durations_us) for each in account.operators] == [("a", (7,)), ("b", (14,))]
    assert (account.run_us, account.runs_each) == ((200,), 2)
    assert account.operators[0].provider == "CUDAExecutionProvider"


def test_where_the_two_clocks_do_not_agree_nothing_is_laid_on_anything(events: Path, tmp_path: Path) -> None:
    trace = traced(tmp_path / "0.json", 2000, 3000, late=70)
    with pytest.raises(ProfileError, match="do not agree here"):
        lay(events, [1, 2], [trace], began_ns=BEGAN_NS)


def test_a_trace_that_lacks_runs_is_no_profile(events: Path, tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cut short: it holds 1 runs of 2"):
        lay(events, [1, 2], [traced(tmp_path / "0.json", 2000)], began_ns=BEGAN_NS)


def test_both_profilers_agree_on_when_each_run_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, with one kernel made up in the middle of each run, which its one operator nearly fills."""

    def in_the_middle(trace: torch_trace.Trace) -> list[torch_trace.Kernel]:
        return [torch_trace.Kernel(launched_us=run.ts + run.dur / 2, tid=run.tid, us=100) for run in trace.runs()]

    monkeypatch.setattr(torch_trace.Trace, "kernels", in_the_middle)
    on_cpu = partial(torch_trace.Recorder, on_gpu=False)
    monkeypatch.setattr(torch_trace, "Recorder", lambda folder, **_: on_cpu(folder))
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, (512, 512)) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "x"], ["y"], name="product")], "one", [x], [y])
    file = tmp_path / "one.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), file)
    request = SessionRequest(
        path=str(file),
        device=Device.CPU,
        options=RuntimeOptions(),
        intra_op_num_threads=1,
        profile_folder=str(tmp_path),
    )
    profiler = OnnxRuntimeCudaProfiler(request, {"x": np.zeros((512, 512), np.float32)})
    for _ in range(2):
        profiler.run()  # before the blocks
        profiler.begin()
        for _ in range(3):
            profiler.run()
        profiler.end()
    account = profiler.read([], [])
    assert [(each.kind, each.durations_us) for each in account.operators] == [("MatMul", (600,))]
    assert account.runs_each == 6
