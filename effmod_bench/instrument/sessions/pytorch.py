"""PyTorch, eager and compiled, on the CPU and on an NVIDIA GPU: networks, and detectors and segmenters.

On a GPU an inference ends when the GPU has finished it. The GPU path has not run on hardware yet.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from effmod_bench.instrument.clock import PartTimer
from effmod_bench.instrument.machine.gpu import own_memory_bytes
from effmod_bench.instrument.sessions.session import SessionError, SessionRequest
from exporters import load_network
from exporters.making.outputs import by_name
from results import Device, Runtime, SessionFacts


class PyTorchSession:
    """A network of the zoo or of the user's own, built anew and loaded with the weights of its file.

    `torch.compile` compiles in the first inference. What Inductor compiled for an earlier round it finds again on
    disk, so only the first round's first inference is the whole compilation.

    Args:
        request: of a file that `exporters.save_network` wrote.
        inputs: the one input; it is kept, not copied, except to a GPU.

    Raises:
        SessionError: there is no such GPU, or no compiler for `torch.compile`.
        UnknownModelError: the network is not there any more.
    """

    def __init__(self, request: SessionRequest, inputs: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self._request = request
        self._compiled = request.options.runtime is Runtime.TORCH_COMPILE
        torch.set_num_threads(request.intra_op_num_threads)
        if torch.get_num_interop_threads() != 1:  # it can be set but once in a process
            torch.set_num_interop_threads(1)
        (host,) = inputs.values()
        self._host = torch.from_numpy(np.ascontiguousarray(host))
        model = load_network(request.path)
        if request.device is Device.CUDA:
            self._device = torch.device("cuda", request.options.device_index)
            self._prepare_gpu()
        else:
            self._device = torch.device("cpu")
        model = model.to(self._device)
        self._input = self._host.to(self._device)
        if self._compiled:
            from torch._inductor import config  # here: it takes as long to import as torch

            self._check_compiler()
            config.compile_threads = 1  # its helper processes would still be there while the clock runs
            model.compile()
        self._model = model
        self._parts = PartTimer(self._wait) if hasattr(model, "time_part") else None
        if self._parts is not None:  # of a detector, which enters it for each of its parts
            model.time_part = self._parts  # type: ignore[assignment]
        self._output: Any = torch.empty(0)

    @property
    def network(self) -> torch.nn.Module:
        """What it runs."""
        return self._model

    def _prepare_gpu(self) -> None:
        if not torch.cuda.is_available() or self._device.index >= torch.cuda.device_count():
            raise SessionError(f"PyTorch has no {self._device}: it sees {torch.cuda.device_count()} GPUs")
        torch.backends.cudnn.benchmark = True  # the fastest of cuDNN's convolutions, as exhaustive search finds it
        torch.backends.cudnn.allow_tf32 = self._request.options.use_tf32
        torch.backends.cuda.matmul.allow_tf32 = self._request.options.use_tf32

    def _check_compiler(self) -> None:
        if self._device.type != "cpu":
            return
        from torch._inductor.cpp_builder import get_cpp_compiler
        from torch._inductor.exc import InvalidCxxCompiler

        try:
            get_cpp_compiler()
        except InvalidCxxCompiler as error:
            raise SessionError(
                "torch.compile found no C++ compiler that works; install g++, or name one in CXX"
            ) from error

    @torch.inference_mode()
    def run(self) -> None:
        if self._device.type == "cpu":
            self._infer()
            return
        self._queue()
        self._wait()

    def _infer(self) -> None:
        if self._parts is not None:
            self._parts.begin()
        self._output = self._model(self._input)

    def _wait(self) -> None:
        """Until the GPU has done what it was given."""
        if self._device.type != "cpu":
            torch.cuda.synchronize(self._device)

    def _queue(self) -> None:
        """Give the GPU an inference. What is copied to the host is there when this returns."""
        if self._request.options.include_transfers:
            self._input.copy_(self._host)
        self._infer()
        if self._request.options.include_transfers:
            self._output = on_host(self._output)

    @torch.inference_mode()
    def time_on_gpu(self, runs: int) -> list[int] | None:
        if self._device.type == "cpu":
            return None
        stream = torch.cuda.current_stream(self._device)
        start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        durations_ns = []
        for _ in range(runs):
            start.record(stream)
            self._queue()
            stop.record(stream)
            stop.synchronize()
            durations_ns.append(round(start.elapsed_time(stop) * 1e6))
        return durations_ns

    def fed_with(self, _: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """It is fed one thing."""

    @torch.inference_mode()
    def evaluate(self, inputs: Mapping[str, npt.NDArray[np.generic]]) -> dict[str, npt.NDArray[np.generic]]:
        (host,) = inputs.values()
        return _arrays(self._model(torch.from_numpy(np.ascontiguousarray(host)).to(self._device)))

    def prepare_outputs(self) -> None:
        """Nothing to do: PyTorch keeps the memory of freed outputs for the next ones."""

    def outputs(self) -> dict[str, npt.NDArray[np.generic]]:
        return _arrays(self._output)

    def parts_ns(self, runs: int) -> dict[str, tuple[int, ...]]:
        return {} if self._parts is None else self._parts.last(runs)

    def facts(self) -> SessionFacts:
        on_gpu = self._device.type == "cuda"
        options = {"mode": "torch.compile, inductor" if self._compiled else "eager"}
        if on_gpu:
            options |= {
                "cuda": torch.version.cuda or "",
                "cudnn.benchmark": str(torch.backends.cudnn.benchmark),
                "cudnn.allow_tf32": str(torch.backends.cudnn.allow_tf32),
                "matmul.allow_tf32": str(torch.backends.cuda.matmul.allow_tf32),
            }
        return SessionFacts(
            runtime=f"torch {torch.__version__}",
            execution_provider=str(next(self._model.parameters()).device),
            provider_options=options,
            intra_op_num_threads=torch.get_num_threads(),
            inter_op_num_threads=torch.get_num_interop_threads(),
            gpu_memory_bytes=own_memory_bytes(self._device.index) if on_gpu else None,
        )


def _arrays(output: Any) -> dict[str, npt.NDArray[np.generic]]:
    return {name: x.numpy() for name, x in by_name(on_host(output)).items()}


def on_host(output: Any) -> torch.Tensor | dict[str, torch.Tensor]:
    """What a network gave, one tensor or several by name, in the host's memory."""
    return output.cpu() if isinstance(output, torch.Tensor) else {name: x.cpu() for name, x in by_name(output).items()}
