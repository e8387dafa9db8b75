"""Traces of a GPU are made by hand here, after the format of PyTorch's: none was written on one."""

import json
from pathlib import Path
from typing import Any

import pytest

from effmod_bench.instrument.profilers import torch_trace
from effmod_bench.instrument.profilers.profiler import ProfileError


def launch(number: int, ts: float, us: float = 4, cat: str = "cuda_runtime", tid: int = 1) -> dict[str, Any]:
    """A call that launches a kernel; PyTorch's word for the number that both bear is a correlation."""
    args = {"External id": 7, "cbid": 211, "correlation": number}
    return {"name": "cudaLaunchKernel", "ph": "X", "cat": cat, "ts": ts, "dur": us, "pid": 9, "tid": tid, "args": args}


def kernel(number: int, us: float, cat: str = "kernel", ts: float = 1e6) -> dict[str, Any]:
    args = {"device": 0, "context": 1, "stream": 7, "correlation": number, "grid": [8, 1, 1], "block": [256, 1, 1]}
    return {"name": "void gemm<float>", "ph": "X", "cat": cat, "ts": ts, "dur": us, "pid": 0, "tid": 7, "args": args}


def mark(ts: float, us: float) -> dict[str, Any]:
    return {"name": torch_trace.RUN, "ph": "X", "cat": "user_annotation", "ts": ts, "dur": us, "pid": 9, "tid": 1}


def written(path: Path, *events: dict[str, Any], base_ns: int = 0) -> Path:
    # Beside events, it has rows' names, and arrows from launches to kernels.
    names = {"name": "process_name", "ph": "M", "ts": 0, "pid": 0, "tid": 0, "args": {"name": "python"}}
    arrow = {"name": "ac2g", "ph": "s", "cat": "ac2g", "id": 1, "ts": 3.5, "pid": 9, "tid": 1}
    everything = {"schemaVersion": 1, "baseTimeNanoseconds": base_ns, "traceEvents": [names, *events, arrow]}
    path.write_text(json.dumps(everything))
    return path


def test_a_kernel_is_placed_where_it_was_launched_and_not_where_the_gpu_came_to_it(tmp_path: Path) -> None:
    path = written(
        tmp_path / "t.json",
        kernel(2, 5.5, ts=900),
        kernel(1, 2.25, ts=800),
        kernel(3, 1.5, cat="gpu_memcpy"),
        kernel(9, 77),  # launched before the profiler was on
        launch(1, 10),
        launch(2, 20, cat="cuda_driver"),
        launch(3, 30),
        launch(4, 40),  # the GPU did not come to it
    )
    found = torch_trace.read(path).kernels()
    assert [(each.launched_us, each.us) for each in found] == [(12, 2.25), (22, 5.5), (32, 1.5)]


def test_a_call_within_another_one_of_the_same_number_does_not_move_its_kernel(tmp_path: Path) -> None:
    path = written(tmp_path / "t.json", launch(1, 12, us=1, cat="cuda_driver"), launch(1, 10, us=8), kernel(1, 3))
    (found,) = torch_trace.read(path).kernels()
    assert found.launched_us == 14


def test_what_the_gpu_takes_is_added_up_over_what_the_host_did_when_it_was_launched() -> None:
    kernels = [torch_trace.Kernel(launched_us=at, tid=1, us=us) for at, us in ((5, 9), (12, 1), (14, 2), (25, 4))]
    assert torch_trace.kernels_us([(10, 15), (15, 20), (20, 30)], kernels) == [3, 0, 4]
    assert torch_trace.kernels_us([], kernels) == []


def test_a_trace_without_kernels_says_what_may_be_missing(tmp_path: Path) -> None:
    path = written(tmp_path / "t.json", mark(1, 2), launch(1, 1))
    with pytest.raises(ProfileError, match="has seen no kernel of the GPU: CUPTI"):
        torch_trace.read(path).kernels()
