import json
from pathlib import Path
from typing import Any

import pytest
import torch

from effmod_bench.instrument.profilers import torch_trace
from effmod_bench.instrument.profilers.profiler import ProfileError
from effmod_bench.instrument.profilers.pytorch import PyTorchProfiler, read_trace
from effmod_bench.instrument.sessions import pytorch as pytorch_session
from effmod_bench.instrument.sessions.session import SessionRequest
from results import Device, Joined, Runtime, RuntimeOptions
from tests.effmod_bench.instrument.profilers import test_torch_trace as traces
from tests.effmod_bench.instrument.sessions.support import X


def event(name: str, ts: float, us: float, cat: str = "cpu_op", tid: int = 1) -> dict[str, Any]:
    return {"name": name, "ph": "X", "cat": cat, "ts": ts, "dur": us, "tid": tid}


def written(path: Path, *events: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"traceEvents": events, "schemaVersion": 1}))
    return path


def test_of_each_marked_run_the_operators_count_that_the_network_itself_calls(tmp_path: Path) -> None:
    path = written(
        tmp_path / "t.json",
        event("aten::linear", 1, 5),  # before the mark
        event("effmod run", 10, 20, "user_annotation"),
        event("aten::addmm", 12.5, 4),  # by the one before it
        event("aten::linear", 11, 6.6),
        event("aten::gelu", 18, 2.4),
        event("aten::mul", 18.5, 1, tid=2),  # on another thread
        event("effmod run", 40, 9, "user_annotation"),
        event("aten::linear", 41, 7),
    )
    first, second = read_trace(path)
    assert (first.us, first.operators) == (20, (("linear", 7), ("gelu", 2)))
    assert (second.us, second.operators) == (9, (("linear", 7),))


def test_a_trace_that_is_cut_short_is_no_profile(tmp_path: Path) -> None:
    path = written(tmp_path / "t.json", event("effmod run", 1, 2, "user_annotation"))
    path.write_text(path.read_text()[:-9])
    with pytest.raises(ProfileError, match="cut short or damaged"):
        read_trace(path)


class _Keeps(torch.nn.Module):
    """It computes once what does not depend on the image, as attention with biases does."""

    def __init__(self) -> None:
        super().__init__()
        self.biases = torch.nn.Parameter(torch.ones(4))
        self.kept: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kept is None:
            self.kept = self.biases.exp()
        return x.mean() * self.kept


def test_what_only_the_first_inference_calls_is_no_operator_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytorch_session, "load_network", lambda _: _Keeps().eval())
    request = SessionRequest(
        path="net",
        device=Device.CPU,
        options=RuntimeOptions(runtime=Runtime.PYTORCH),
        intra_op_num_threads=1,
        profile_folder=str(tmp_path),
    )
    profiler = PyTorchProfiler(request, {"input": X})
    profiler.begin()
    profiler.run()
    profiler.end()
    assert [each.kind for each in profiler.read([1], [1]).operators] == ["mean", "mul"]


def test_a_network_is_profiled_by_the_modules_that_call(network: Path, tmp_path: Path) -> None:
    options = RuntimeOptions(runtime=Runtime.PYTORCH)
    request = SessionRequest(
        path=str(network),
        device=Device.CPU,
        options=options,
        intra_op_num_threads=1,
        profile_folder=str(tmp_path),
    )
    profiler = PyTorchProfiler(request, {"input": X})
    profiler.run()
    profiler.begin()
    for _ in range(2):
        profiler.run()
    profiler.end()
    account = profiler.read([1, 2], [1, 1])
    assert len(account.run_us) == 2
    assert all(len(each.durations_us) == 2 and each.joined is Joined.CALL for each in account.operators)
    assert all(
        sum(times) <= run + len(times)
        for times, run in zip(
            zip(*(each.durations_us for each in account.operators), strict=True), account.run_us, strict=True
        )
    )
    paths = {path for path, _ in profiler.session.network.named_modules()}
    assert {each.module for each in account.operators} <= paths
    assert len({each.name for each in account.operators}) == len(account.operators)
    convolutions = [module for module in profiler.session.network.modules() if isinstance(module, torch.nn.Conv2d)]
    assert sum(each.kind == "conv2d" for each in account.operators) == len(convolutions)
    with pytest.raises(ProfileError, match="holds 2 runs of 3"):
        profiler.read([1, 2, 3], [1, 1, 1])


def test_on_a_gpu_an_operator_takes_what_its_kernels_take(tmp_path: Path) -> None:
    """Of a trace that is made by hand, after PyTorch's format."""
    path = written(
        tmp_path / "t.json",
        event("effmod run", 10, 30, "user_annotation"),
        event("aten::linear", 11, 9),
        event("aten::addmm", 12, 7),
        traces.launch(1, 13),
        traces.launch(2, 17, us=1),
        event("aten::gelu", 21, 6),
        traces.launch(3, 22),
        traces.launch(4, 23, tid=2),  # of another thread
        event("aten::view", 28, 1),
        *(traces.kernel(number, us) for number, us in ((1, 2.25), (2, 1.5), (3, 0.75), (4, 50))),
    )
    (run,) = read_trace(path, on_gpu=True)
    assert (run.us, run.operators) == (30, (("linear", 3.75), ("gelu", 0.75), ("view", 0)))


def test_what_kernels_take_is_kept_of_all_runs_together(
    tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network runs on the CPU, and each of its operators has a kernel of 300 ns, which is made up."""
    monkeypatch.setattr(torch_trace.Trace, "kernels", lambda _: [])
    monkeypatch.setattr(torch_trace, "kernels_us", lambda spans, _: [0.3] * len(spans))
    options = RuntimeOptions(runtime=Runtime.PYTORCH)
    request = SessionRequest(
        path=str(network), device=Device.CPU, options=options, intra_op_num_threads=1, profile_folder=str(tmp_path)
    )
    profiler = PyTorchProfiler(request, {"input": X})
    profiler._on_gpu = True
    profiler.begin()
    for _ in range(10):
        profiler.run()
    profiler.end()
    account = profiler.read(range(10), [1] * 10)
    assert {each.durations_us for each in account.operators} == {(3,)}
    assert (len(account.run_us), account.runs_each) == (1, 10)
