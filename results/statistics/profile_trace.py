"""A profiled inference as a Chrome trace: for Perfetto, and what else reads that format."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from statistics import fmean

import msgspec

from results.statistics.profile import Profiled

_MODULES, _OPERATORS = 1, 2  # rows of the picture


class TraceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Where something begins ("B" is the format's word for that) or ends ("E"), or what a row is called ("M").

    Not from when for how long ("X"): Perfetto cuts both to whole nanoseconds, so that what is within something else
    may end after it, and is dropped. Of beginnings and ends at one moment their order in the file tells.

    Attributes:
        ts: in microseconds.
        tid: the row.
    """

    name: str
    ph: str
    ts: float = 0.0
    pid: int = 1
    tid: int
    cat: str = ""
    args: dict[str, str | int] = {}


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    traceEvents: tuple[TraceEvent, ...]  # noqa: N815 - the format's word
    displayTimeUnit: str = "ms"  # noqa: N815


def trace_of(profiled: Profiled) -> Trace:
    """One inference, in which each operator takes its mean over all processes: a row of modules, one of operators.

    Operators stand in the order in which they run, without what is between them.
    """
    taken = [1e3 * fmean(each) for each in zip(*profiled.process_ms, strict=True)]
    moments = list(accumulate(taken, initial=0.0))
    return Trace(traceEvents=(*_names(profiled), *_modules(profiled, moments), *_own(profiled, moments)))


def _names(profiled: Profiled) -> Iterator[TraceEvent]:
    yield TraceEvent(name="process_name", ph="M", tid=0, args={"name": profiled.artifact.name})
    for row, name in ((_MODULES, "modules"), (_OPERATORS, "operators")):
        yield TraceEvent(name="thread_name", ph="M", tid=row, args={"name": name})


def _own(profiled: Profiled, moments: Sequence[float]) -> Iterator[TraceEvent]:
    for operator, (start, end) in zip(profiled.operators, pairwise(moments), strict=True):
        name, cat = f"{operator.kind} {operator.name}", operator.kind
        args: dict[str, str | int] = {
            "module": operator.module or "",
            "joined": operator.joined or "",
            "shape": "x".join(map(str, operator.output_shape)),
            "macs": operator.macs,
            "moved_bytes": operator.moved_bytes,
            "provider": operator.provider,
        }
        yield TraceEvent(name=name, ph="B", ts=start, tid=_OPERATORS, cat=cat, args=args)
        yield TraceEvent(name=name, ph="E", ts=end, tid=_OPERATORS, cat=cat)


def _modules(profiled: Profiled, moments: Sequence[float]) -> Iterator[TraceEvent]:
    """Each module as often as its operators follow each other; one within another lies on it."""
    open_: list[str] = []
    for operator, start in zip((*profiled.operators, None), moments, strict=True):
        path = list(_prefixes(operator.module or "")) if operator is not None else []
        same = sum(1 for a, b in zip(path, open_, strict=False) if a == b)
        for name in reversed(open_[same:]):
            yield TraceEvent(name=name, ph="E", ts=start, tid=_MODULES, cat="module")
        for name in path[same:]:
            yield TraceEvent(name=name, ph="B", ts=start, tid=_MODULES, cat="module")
        open_ = path


def _prefixes(path: str) -> Iterator[str]:
    parts = path.split(".") if path else []
    for i in range(len(parts)):
        yield ".".join(parts[: i + 1])
