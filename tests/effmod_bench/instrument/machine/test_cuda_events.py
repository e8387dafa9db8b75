import ctypes.util
import sys
from types import SimpleNamespace

import pytest

from effmod_bench.instrument.machine.cuda_events import CudaError, TimedStream
from tests.fakes import FakeCuda


def pretend(monkeypatch: pytest.MonkeyPatch, cuda: FakeCuda) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", SimpleNamespace(runtime=cuda))


def test_what_is_queued_lies_between_two_events_on_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = FakeCuda(milliseconds=1.2345)
    pretend(monkeypatch, cuda)
    stream = TimedStream(device_index=1)
    assert cuda.calls[:2] == [("cudaSetDevice", 1), ("cudaStreamCreateWithFlags", FakeCuda.cudaStreamNonBlocking)]
    cuda.calls.clear()
    assert stream.time(lambda: cuda.calls.append(("inference",))) == 1_234_500
    (_, start, on), (inference,), (_, stop, on_too), (waits, until), (_, *between) = cuda.calls
    assert inference == "inference"
    assert on == on_too == stream.address
    assert start != stop
    assert (waits, until) == ("cudaEventSynchronize", stop)  # the time between is not known before
    assert between == [start, stop]


@pytest.mark.parametrize("function", ["cudaSetDevice", "cudaStreamCreateWithFlags", "cudaEventSynchronize"])
def test_an_error_of_cuda_is_one_with_its_name(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, FakeCuda(fails=function))
    with pytest.raises(CudaError, match=f"{function}: cudaErrorUnknown"):
        TimedStream(device_index=0).time(lambda: None)


def test_without_its_bindings_there_is_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(CudaError, match=r"cuda\.bindings"):
        TimedStream(device_index=0)


@pytest.mark.skipif(ctypes.util.find_library("cuda") is not None, reason="there is an NVIDIA driver")
def test_without_a_driver_cuda_itself_says_so() -> None:
    pytest.importorskip("cuda.bindings", reason="there is no CUDA for this platform")
    with pytest.raises(CudaError, match=r"cudaSetDevice: cudaError(InsufficientDriver|NoDevice)"):
        TimedStream(device_index=0)
