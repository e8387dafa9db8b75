import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from effmod_bench.instrument.sessions import pytorch
from effmod_bench.instrument.sessions.pytorch import PyTorchSession
from effmod_bench.instrument.sessions.registry import open_session
from effmod_bench.instrument.sessions.session import SessionRequest
from results import Device, Runtime, RuntimeOptions
from tests.effmod_bench.instrument.sessions.support import X, infer


def test_pytorch_says_how_it_ran(files: dict[str, Path]) -> None:
    _, facts = infer(files["network"], Runtime.PYTORCH)
    assert facts.runtime == f"torch {torch.__version__}"
    assert facts.provider_options == {"mode": "eager"}
    assert facts.inter_op_num_threads == 1
    assert facts.gpu_memory_bytes is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_pytorch_without_a_gpu_is_an_error(files: dict[str, Path]) -> None:
    request = SessionRequest(
        path=str(files["network"]),
        device=Device.CUDA,
        options=RuntimeOptions(runtime=Runtime.PYTORCH),
        intra_op_num_threads=1,
    )
    with pytest.raises(Exception, match="PyTorch has no cuda:0: it sees 0 GPUs"):
        open_session(request, {"input": X})


@pytest.mark.parametrize("include_transfers", [False, True])
def test_on_a_gpu_pytorchs_inference_ends_when_the_gpu_has_finished(
    include_transfers: bool, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network stays on the CPU, and takes it for a GPU: what is shown is what happens within the clock."""
    events: list[str] = []
    options = RuntimeOptions(runtime=Runtime.PYTORCH, include_transfers=include_transfers)
    request = SessionRequest(path=str(files["network"]), device=Device.CPU, options=options, intra_op_num_threads=1)
    session = PyTorchSession(request, {"input": X})
    session._device = torch.device("cuda", 0)
    session._input = torch.zeros_like(session._input)
    session._model.register_forward_hook(lambda *_: events.append("inference"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: events.append(f"synchronize {device}"))
    session.run()
    assert events == ["inference", "synchronize cuda:0"]
    assert bool(session._input.any()) is include_transfers  # copied from the host, or not


@pytest.mark.parametrize("include_transfers", [False, True])
def test_pytorchs_inference_lies_between_two_events_on_its_stream(
    include_transfers: bool, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []

    class Event:
        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing

        def record(self, stream: str) -> None:
            events.append(f"event on {stream}")

        def synchronize(self) -> None:
            events.append("wait")

        def elapsed_time(self, _: "Event") -> float:
            return 1.5

    options = RuntimeOptions(runtime=Runtime.PYTORCH, include_transfers=include_transfers)
    request = SessionRequest(path=str(files["network"]), device=Device.CPU, options=options, intra_op_num_threads=1)
    session = PyTorchSession(request, {"input": X})
    assert session.time_on_gpu(2) is None
    session._device = torch.device("cuda", 0)
    session._input = torch.zeros_like(session._input)
    session._model.register_forward_hook(lambda *_: events.append("inference"))
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"the stream of {device}")
    assert session.time_on_gpu(2) == [1_500_000, 1_500_000]
    on_stream = "event on the stream of cuda:0"
    assert events == 2 * [on_stream, "inference", on_stream, "wait"]
    assert bool(session._input.any()) is include_transfers


@pytest.fixture
def _restored_flags() -> Iterator[None]:
    flags = ((torch.backends.cudnn, "allow_tf32"), (torch.backends.cuda.matmul, "allow_tf32"))
    before = [getattr(module, name) for module, name in flags]
    benchmark = torch.backends.cudnn.benchmark
    yield
    for (module, name), value in zip(flags, before, strict=True):
        setattr(module, name, value)
    torch.backends.cudnn.benchmark = benchmark


@pytest.mark.usefixtures("_restored_flags")
@pytest.mark.parametrize("use_tf32", [True, False])
def test_pytorch_uses_tf32_on_a_gpu_only_where_it_is_asked_to(
    use_tf32: bool, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = RuntimeOptions(runtime=Runtime.PYTORCH, use_tf32=use_tf32)
    request = SessionRequest(path=str(files["network"]), device=Device.CPU, options=options, intra_op_num_threads=1)
    session = PyTorchSession(request, {"input": X})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    session._device = torch.device("cuda", 0)
    session._prepare_gpu()
    assert torch.backends.cudnn.allow_tf32 is use_tf32
    assert torch.backends.cuda.matmul.allow_tf32 is use_tf32
    assert torch.backends.cudnn.benchmark


class Detector(torch.nn.Module):
    """A network that gives several tensors by name, and says of a part where it begins and ends."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.time_part: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext()

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        with self.time_part("nms"):
            boxes = self.scale * x.mean()
        with self.time_part("nms"):
            boxes = boxes + 1
        with self.time_part("paste"):
            masks = x[:, :1] > boxes
        return {"boxes": boxes, "masks": masks}


def test_what_a_detector_gives_is_told_by_name_and_what_its_parts_take_by_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr("time.perf_counter_ns", lambda: next(ticks))
    monkeypatch.setattr(pytorch, "load_network", lambda _: Detector())
    options = RuntimeOptions(runtime=Runtime.PYTORCH)
    request = SessionRequest(path="", device=Device.CPU, options=options, intra_op_num_threads=1)
    session = PyTorchSession(request, {"input": X})
    for _ in range(3):
        session.run()
    assert session.parts_ns(2) == {"nms": (2, 2), "paste": (1, 1)}
    outputs = session.outputs()
    assert outputs["boxes"].shape == (1,)
    assert outputs["masks"].dtype == np.dtype(bool)


def test_of_a_network_no_part_stands_apart(files: dict[str, Path]) -> None:
    options = RuntimeOptions(runtime=Runtime.PYTORCH)
    request = SessionRequest(path=str(files["network"]), device=Device.CPU, options=options, intra_op_num_threads=1)
    session = PyTorchSession(request, {"input": X})
    session.run()
    assert session.parts_ns(1) == {}
