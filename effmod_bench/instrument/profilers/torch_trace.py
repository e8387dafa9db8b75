"""What PyTorch's profiler sees: operators, our marks around runs, and on an NVIDIA GPU every kernel of the process.

It writes a Chrome trace. A kernel and the call that launched it bear one number, a correlation: so a kernel is of the
operator within which it was launched, however much later the GPU came to it. CUPTI, which counts for it, sees what
other libraries of the process launch, too. The traces of a GPU that this was tested on are made by hand, after the
format's own: it has not run on one yet.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from effmod_bench.instrument.profilers.profiler import ProfileError

RUN = "effmod run"
"""Our mark of a run."""

_LAUNCHES = ("cuda_runtime", "cuda_driver")
_ON_GPU = ("kernel", "gpu_memcpy", "gpu_memset")


class Recorder:
    """Turns the profiler on and off, and keeps a trace of each time.

    Args:
        folder: of the traces.
        on_gpu: see kernels, too.
    """

    def __init__(self, folder: Path, *, on_gpu: bool) -> None:
        import torch

        self.traces: list[Path] = []
        self._folder = folder
        self._profiler = torch.profiler
        kinds = self._profiler.ProfilerActivity
        self._activities = [kinds.CPU, kinds.CUDA] if on_gpu else [kinds.CPU]
        self._profile: torch.profiler.profile | None = None

    def mark(self) -> AbstractContextManager[object]:
        """What is within is a run."""
        return self._profiler.record_function(RUN)

    def start(self) -> None:
        self._profile = self._profiler.profile(activities=self._activities)
        self._profile.start()

    def stop(self) -> None:
        assert self._profile is not None  # it was started
        self._profile.stop()
        self.traces.append(self._folder / f"trace-{len(self.traces)}.json")
        self._profile.export_chrome_trace(str(self.traces[-1]))


class _Args(msgspec.Struct, frozen=True):
    correlation: int = 0


class Event(msgspec.Struct, frozen=True):
    """What took from one moment to another, in microseconds."""

    name: str = ""
    cat: str = ""
    ts: float = 0.0
    dur: float = 0.0
    tid: int | str = 0
    args: _Args = _Args()

    @property
    def end(self) -> float:
        return self.ts + self.dur


class Kernel(msgspec.Struct, frozen=True, kw_only=True):
    """What the GPU did: a kernel, or a copy.

    Attributes:
        launched_us: the middle of the call that launched it, by the host's clock.
        us: what the GPU took for it.
    """

    launched_us: float
    tid: int | str
    us: float


class Trace(msgspec.Struct, frozen=True):
    """The file.

    Attributes:
        baseTimeNanoseconds: what its times count from, since 1970.
    """

    traceEvents: list[Event]  # noqa: N815 - the format's word
    baseTimeNanoseconds: int = 0  # noqa: N815

    def runs(self) -> list[Event]:
        """Our marks, in their order."""
        return sorted(
            (each for each in self.traceEvents if each.name == RUN and each.cat == "user_annotation"), key=_start
        )

    def operators(self) -> list[Event]:
        """PyTorch's own, in the order in which they began: what calls another one comes before it."""
        return sorted((each for each in self.traceEvents if each.cat == "cpu_op"), key=_start)

    def kernels(self) -> list[Kernel]:
        """In the order in which they were launched.

        Raises:
            ProfileError: there are none.
        """
        launches: dict[int, Event] = {}
        for each in sorted((each for each in self.traceEvents if each.cat in _LAUNCHES), key=_start):
            launches.setdefault(each.args.correlation, each)
        found = [
            Kernel(launched_us=launch.ts + launch.dur / 2, tid=launch.tid, us=each.dur)
            for each in self.traceEvents
            if each.cat in _ON_GPU and (launch := launches.get(each.args.correlation)) is not None
        ]
        if not found:
            raise ProfileError(
                "PyTorch's profiler has seen no kernel of the GPU: CUPTI does not work here, or another profiler holds "
                "it (nsys, or DCGM's); end that, and see that libcupti is there"
            )
        return sorted(found, key=lambda kernel: kernel.launched_us)


def read(path: Path) -> Trace:
    """A trace.

    Raises:
        ProfileError: it is cut short, or is none of PyTorch's.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Trace)
    except (OSError, msgspec.DecodeError) as error:
        raise ProfileError(f"PyTorch's profile is cut short or damaged: {error}") from error


def _start(event: Event) -> tuple[float, float]:
    """What calls another begins no later, and ends no earlier."""
    return event.ts, -event.dur


def kernels_us(spans: Sequence[tuple[float, float]], kernels: Iterable[Kernel]) -> list[float]:
    """What the GPU took for each span of the host's time, of which none overlaps another: for what was launched in it.

    Args:
        spans: from when to when, in microseconds, in their order.
        kernels: in the order in which they were launched.
    """
    taken = [0.0] * len(spans)
    for i, kernel in _within(spans, kernels):
        taken[i] += kernel.us
    return taken


def _within(spans: Sequence[tuple[float, float]], kernels: Iterable[Kernel]) -> Iterator[tuple[int, Kernel]]:
    i = 0
    for kernel in kernels:
        while i < len(spans) and spans[i][1] <= kernel.launched_us:
            i += 1
        if i == len(spans):
            return
        if spans[i][0] <= kernel.launched_us:
            yield i, kernel
