"""A GPU's own clock: events on the stream that a runtime works on (CUDA Runtime API, Event Management)."""

from collections.abc import Callable
from typing import Any

_NS_PER_MS = 1e6


class CudaError(RuntimeError):
    """CUDA is not there, or refuses a call."""


class TimedStream:
    """A stream of a GPU, with one event before what is queued on it and one behind.

    Args:
        device_index: which of several GPUs.

    Raises:
        CudaError: there is no driver, no such GPU, or the package `cuda-bindings` is not installed.
    """

    def __init__(self, device_index: int) -> None:
        try:
            from cuda.bindings import runtime  # here, so that no worker without a GPU waits for it
        except ImportError as error:
            raise CudaError(str(error)) from error
        self._cuda = runtime
        self._call("cudaSetDevice", device_index)
        # As ONNX Runtime makes its own: it does not wait for the default stream.
        self._stream = self._call("cudaStreamCreateWithFlags", runtime.cudaStreamNonBlocking)
        self._start, self._stop = self._call("cudaEventCreate"), self._call("cudaEventCreate")

    @property
    def address(self) -> int:
        """By which a runtime is told to work on it."""
        return int(self._stream)

    def time(self, queue: Callable[[], object]) -> int:
        """Nanoseconds that pass on the GPU from before what `queue` puts on the stream until that is done.

        The resolution is half a microsecond.

        Raises:
            CudaError: what was queued fails on the GPU.
        """
        self._call("cudaEventRecord", self._start, self._stream)
        queue()
        self._call("cudaEventRecord", self._stop, self._stream)
        self._call("cudaEventSynchronize", self._stop)
        return round(self._call("cudaEventElapsedTime", self._start, self._stop) * _NS_PER_MS)

    def _call(self, function: str, *arguments: object) -> Any:
        error, *values = getattr(self._cuda, function)(*arguments)
        if error != self._cuda.cudaError_t.cudaSuccess:
            raise CudaError(f"{function}: {error.name}")
        return values[0] if values else None
