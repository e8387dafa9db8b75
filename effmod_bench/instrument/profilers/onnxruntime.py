"""ONNX Runtime's profiler, which writes a file of events, in whole microseconds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from effmod_bench.instrument.process.messages import Seen
from effmod_bench.instrument.profilers.profiler import Account, ProfileError
from effmod_bench.instrument.sessions.session import SessionRequest

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_RUN, _KERNEL = "model_run", "_kernel_time"


class OnnxRuntimeProfiler:
    """It is on from the making of the session to the end, and tells every run."""

    block = 10

    def __init__(self, request: SessionRequest, inputs: "Mapping[str, npt.NDArray[np.generic]]") -> None:
        from effmod_bench.instrument.sessions.onnxruntime import OnnxRuntimeSession

        self.session = OnnxRuntimeSession(request, inputs)

    @property
    def run(self) -> Callable[[], object]:
        return self.session.run

    def begin(self) -> None:
        """Each run has an event of its own."""

    def end(self) -> None:
        """As above."""

    def read(self, counted: Sequence[int], _: Sequence[int]) -> Account:
        operators, run_us = read_events(self.session.end_profile(), counted)
        return Account(operators=operators, run_us=run_us)


class _Args(msgspec.Struct, frozen=True):
    """Of a kernel; of other events nothing is read."""

    op_name: str = ""
    provider: str = ""
    node_index: str = ""
    activation_size: str = "0"
    output_size: str = "0"
    input_type_shape: list[dict[str, Any]] = []
    output_type_shape: list[dict[str, Any]] = []


class Event(msgspec.Struct, frozen=True):
    """What took from one moment to another, in whole microseconds since the profiler was turned on."""

    name: str = ""
    ts: int = 0
    dur: int = 0
    args: _Args = _Args()

    @property
    def end(self) -> int:
        return self.ts + self.dur


def read_events(path: Path, chosen: Sequence[int]) -> tuple[tuple[Seen, ...], tuple[int, ...]]:
    """The operators of a profile, in the order in which they run, and what each run took as a whole.

    An operator within another one, in the body of a loop, counts as a part of that.

    Args:
        chosen: which runs, from 0 for the first of the session.

    Raises:
        ProfileError: it is cut short, or is none of ONNX Runtime's.
    """
    nodes, runs = read_runs(path, chosen)
    return operators_of(nodes, runs, [node.dur for node in nodes]), tuple(run.dur for run in runs)


def read_runs(path: Path, chosen: Sequence[int]) -> tuple[list[Event], list[Event]]:
    """The operators that ran in all runs, in the order in which they began, and the runs that were chosen.

    Raises:
        ProfileError: as `read_events`.
    """
    try:
        events = msgspec.json.decode(path.read_bytes(), type=list[Event])
    except (OSError, msgspec.DecodeError) as error:
        raise ProfileError(f"the runtime's profile is cut short or damaged: {error}") from error
    runs = sorted((event for event in events if event.name == _RUN), key=lambda event: event.ts)
    if not chosen or max(chosen) >= len(runs):
        raise ProfileError(
            f"the runtime's profile is cut short: it holds {len(runs)} runs of {max(chosen, default=0) + 1}"
        )
    return list(_outermost(event for event in events if event.name.endswith(_KERNEL))), [runs[i] for i in chosen]


def _outermost(kernels: Iterator[Event]) -> Iterator[Event]:
    """Without those that ran within another one; in the order in which they began."""
    end = -1
    for event in sorted(kernels, key=lambda event: event.ts):
        # Two that follow each other may share a microsecond; what runs within another one ends no later.
        if event.ts >= end or event.end > end:
            yield event
            end = event.end


def operators_of(nodes: Sequence[Event], runs: Sequence[Event], taken: Sequence[int]) -> tuple[Seen, ...]:
    """Each operator once, with what it took in each run.

    Args:
        nodes: as they began, one for each time that an operator ran.
        taken: by each of these, in the unit of what is given back.

    Raises:
        ProfileError: there are none in the runs.
    """
    first: dict[tuple[str, str], Event] = {}
    taken_by: dict[tuple[str, str], list[int]] = {}
    number = 0
    for event, own in zip(nodes, taken, strict=True):
        while number < len(runs) and event.ts >= runs[number].end:
            number += 1
        if number == len(runs):
            break
        if event.ts < runs[number].ts:
            continue
        key = event.name, event.args.node_index
        first.setdefault(key, event)
        taken_by.setdefault(key, [0] * len(runs))[number] += own
    if not first:
        raise ProfileError("the runtime's profile names no operator")
    return tuple(_seen(event, taken_by[key]) for key, event in first.items())


def _seen(event: Event, durations_us: Sequence[int]) -> Seen:
    args = event.args
    return Seen(
        name=event.name.removesuffix(_KERNEL),
        kind=args.op_name,
        provider=args.provider,
        input_shapes=_shapes(args.input_type_shape),
        output_shapes=_shapes(args.output_type_shape),
        input_bytes=int(args.activation_size or 0),
        output_bytes=int(args.output_size or 0),
        durations_us=tuple(durations_us),
    )


def _shapes(tensors: Sequence[dict[str, Any]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(shape) for tensor in tensors for shape in tensor.values() if isinstance(shape, list))
