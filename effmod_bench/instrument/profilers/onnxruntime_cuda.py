"""ONNX Runtime on an NVIDIA GPU: its own profile, and the kernels that PyTorch's profiler sees meanwhile.

On a GPU an operator of ONNX Runtime's profile takes what the host takes to launch its kernels. What these take there
the runtime tells only if it was built with CUDA's profiling, as the package of 1.31 is not. PyTorch's profiler sees the
kernels of all libraries of its process: each is of the operator within which it was launched.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from effmod_bench.instrument.profilers import torch_trace
from effmod_bench.instrument.profilers.onnxruntime import operators_of, read_runs
from effmod_bench.instrument.profilers.profiler import Account, ProfileError
from effmod_bench.instrument.sessions.session import SessionRequest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_TICKS_US = 2.0  # ONNX Runtime's profile is in whole microseconds, rounded down


class OnnxRuntimeCudaProfiler:
    """ONNX Runtime's is on all the time, PyTorch's within the blocks that count."""

    block = 10

    def __init__(self, request: SessionRequest, inputs: "Mapping[str, npt.NDArray[np.generic]]") -> None:
        from effmod_bench.instrument.sessions.onnxruntime import OnnxRuntimeSession

        self.session = OnnxRuntimeSession(request, inputs)
        self._began_ns = self.session.profile_began_ns()
        self._recorder = torch_trace.Recorder(Path(request.profile_folder or ""), on_gpu=True)
        self._in_block = False
        self._made = 0
        self._counted: list[int] = []

    def run(self) -> None:
        if self._in_block:
            self._counted.append(self._made)
        self._made += 1
        with self._recorder.mark():
            self.session.run()

    def begin(self) -> None:
        self._recorder.start()
        self.session.run()  # the first under PyTorch's profiler pays for its memory; it has no mark
        self._made += 1
        self._in_block = True

    def end(self) -> None:
        self._in_block = False
        self._recorder.stop()

    def read(self, _: Sequence[int], __: Sequence[int]) -> Account:
        return lay(self.session.end_profile(), self._counted, self._recorder.traces, began_ns=self._began_ns)


def lay(events: Path, counted: Sequence[int], traces: Sequence[Path], *, began_ns: int) -> Account:
    """What each operator's kernels take, all runs together: a kernel takes a few microseconds, kept as whole ones.

    Args:
        events: ONNX Runtime's profile.
        counted: which of its runs those of the traces are.
        traces: PyTorch's.
        began_ns: what the times of ONNX Runtime's profile count from, since 1970.

    Raises:
        ProfileError: one is cut short, there are no kernels, or the two do not agree on when a run was.
    """
    nodes, runs = read_runs(events, counted)
    marks: list[tuple[float, float]] = []
    kernels: list[torch_trace.Kernel] = []
    for path in traces:
        trace = torch_trace.read(path)
        late_us = (trace.baseTimeNanoseconds - began_ns) / 1e3
        marks += [(mark.ts + late_us, mark.end + late_us) for mark in trace.runs()]
        kernels += [msgspec.structs.replace(each, launched_us=each.launched_us + late_us) for each in trace.kernels()]
    if len(marks) != len(runs):
        raise ProfileError(f"PyTorch's profile is cut short: it holds {len(marks)} runs of {len(runs)}")
    for run, (begin, end) in zip(runs, marks, strict=True):
        if run.ts < begin - _TICKS_US or run.end > end + _TICKS_US:
            raise ProfileError(
                "the clocks of ONNX Runtime's profile and of PyTorch's do not agree here, so that no kernel can be "
                "laid on its operator; --runtime pytorch needs one of them alone"
            )
    taken_us = torch_trace.kernels_us([(node.ts, node.end) for node in nodes], kernels)
    operators = operators_of(nodes, runs, [round(1e3 * us) for us in taken_us])  # in nanoseconds
    return Account(
        operators=tuple(
            msgspec.structs.replace(each, durations_us=(round(sum(each.durations_us) / 1e3),)) for each in operators
        ),
        run_us=(sum(run.dur for run in runs),),
        runs_each=len(runs),
    )
