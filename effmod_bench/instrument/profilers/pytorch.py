"""PyTorch's profiler: what each operator that a network calls takes, with all that it calls itself.

One inference without the profiler tells which operators these are, of which modules and how large; what the profiler
has seen is laid on them in their order. So nothing of ours runs between operators while they are profiled. On a GPU an
operator takes what its kernels take there, in parts of a microsecond: so all runs that count are added up.
"""

import bisect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.instrument.profilers import torch_trace
from effmod_bench.instrument.profilers.profiler import Account, ProfileError
from effmod_bench.instrument.sessions.session import SessionRequest
from results import Device

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class PyTorchProfiler:
    """It is on within the blocks that count, each of which it writes into a file as a trace."""

    block = 10

    def __init__(self, request: SessionRequest, inputs: "Mapping[str, npt.NDArray[np.generic]]") -> None:
        from effmod_bench.instrument.profilers.pytorch_calls import calls_of
        from effmod_bench.instrument.sessions.pytorch import PyTorchSession

        self.session = PyTorchSession(request, inputs)
        self.session.run()  # some networks keep what their first inference computes, and call less from then on
        self._calls = calls_of(self.session.network, self.session.run)
        self._on_gpu = request.device is Device.CUDA
        self._recorder = torch_trace.Recorder(Path(request.profile_folder or ""), on_gpu=self._on_gpu)

    def run(self) -> object:
        with self._recorder.mark():
            return self.session.run()

    def begin(self) -> None:
        self._recorder.start()
        self.session.run()  # the first under the profiler pays for its memory; it has no mark

    def end(self) -> None:
        self._recorder.stop()

    def read(self, counted: Sequence[int], _: Sequence[int]) -> Account:
        runs = [run for path in self._recorder.traces for run in read_trace(path, on_gpu=self._on_gpu)]
        if len(runs) != len(counted):
            raise ProfileError(f"PyTorch's profile is cut short: it holds {len(runs)} runs of {len(counted)}")
        kinds = [call.kind for call in self._calls]
        for run in runs:
            if [kind for kind, _ in run.operators] != kinds:
                raise ProfileError(
                    "PyTorch's profile has other operators than the network calls: it may hang on what it is fed"
                )
        taken = [[us for _, us in run.operators] for run in runs]
        whole = [run.us for run in runs]
        if self._on_gpu:  # a kernel takes a few microseconds, of which only whole ones are kept
            taken, whole = [[sum(each) for each in zip(*taken, strict=True)]], [sum(whole)]
        return Account(
            operators=tuple(
                msgspec.structs.replace(call, durations_us=tuple(map(round, us)))
                for call, us in zip(self._calls, zip(*taken, strict=True), strict=True)
            ),
            run_us=tuple(whole),
            runs_each=len(runs) // len(whole),
        )


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A profiled inference.

    Attributes:
        us: all of it, in whole microseconds of the host's clock.
        operators: the kind of each that the network calls, and what it took, in whole microseconds; or on the GPU.
    """

    us: int
    operators: tuple[tuple[str, float], ...]


def read_trace(path: Path, *, on_gpu: bool = False) -> tuple[Run, ...]:
    """The runs of a trace that bear our mark, in their order.

    Args:
        on_gpu: an operator takes what the kernels take that are launched within it.

    Raises:
        ProfileError: it is cut short, is none of PyTorch's, or has no kernels though they are asked for.
    """
    trace = torch_trace.read(path)
    marks, operators = trace.runs(), trace.operators()
    starts = [each.ts for each in operators]
    kernels = trace.kernels() if on_gpu else []
    runs = []
    for mark in marks:
        own = list(_outermost(operators[bisect.bisect_left(starts, mark.ts) :], mark))
        taken: list[float] = [round(each.dur) for each in own]
        if on_gpu:
            spans = [(each.ts, each.end) for each in own]
            taken = torch_trace.kernels_us(spans, (each for each in kernels if each.tid == mark.tid))
        kinds = (each.name.removeprefix("aten::") for each in own)
        runs.append(Run(us=round(mark.dur), operators=tuple(zip(kinds, taken, strict=True))))
    return tuple(runs)


def _outermost(operators: Sequence[torch_trace.Event], mark: torch_trace.Event) -> Iterator[torch_trace.Event]:
    """Of a run those that no other one has called, on the thread that makes the run."""
    end = 0.0
    for each in operators:
        if each.ts >= mark.end:
            return
        if each.tid == mark.tid and each.ts >= end:
            yield each
            end = each.end
