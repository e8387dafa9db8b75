"""A profiled inference as a Chrome trace: for Perfetto, and what else reads that format."""

from collections.abc import Iterator

import msgspec

from results.statistics.profile import Profiled

_MODULES, _OPERATORS = 1, 2  # rows of the picture


class TraceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What took from one moment to another ("X" is the format's word for that), or what a row is called ("M").

    Attributes:
        ts, dur: in microseconds.
        tid: the row.
    """

    name: str
    ph: str
    ts: float = 0.0
    dur: float = 0.0
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
    count = len(profiled.process_ms)
    taken = [1e3 * sum(process[i] for process in profiled.process_ms) / count for i in range(len(profiled.operators))]
    starts = [sum(taken[:i]) for i in range(len(taken))]
    return Trace(traceEvents=(*_names(profiled), *_modules(profiled, starts, taken), *_own(profiled, starts, taken)))


def _names(profiled: Profiled) -> Iterator[TraceEvent]:
    yield TraceEvent(name="process_name", ph="M", tid=0, args={"name": profiled.artifact.name})
    for row, name in ((_MODULES, "modules"), (_OPERATORS, "operators")):
        yield TraceEvent(name="thread_name", ph="M", tid=row, args={"name": name})


def _own(profiled: Profiled, starts: list[float], taken: list[float]) -> Iterator[TraceEvent]:
    for operator, start, us in zip(profiled.operators, starts, taken, strict=True):
        yield TraceEvent(
            name=f"{operator.kind} {operator.name}",
            ph="X",
            ts=start,
            dur=us,
            tid=_OPERATORS,
            cat=operator.kind,
            args={
                "module": operator.module or "",
                "shape": "x".join(map(str, operator.output_shape)),
                "macs": operator.macs,
                "moved_bytes": operator.moved_bytes,
                "provider": operator.provider,
            },
        )


def _modules(profiled: Profiled, starts: list[float], taken: list[float]) -> Iterator[TraceEvent]:
    """Each module as often as its operators follow each other; one within another lies on it."""
    open_: list[tuple[str, float]] = []
    end = 0.0
    for operator, start, us in zip(profiled.operators, starts, taken, strict=True):
        path = list(_prefixes(operator.module or ""))
        same = sum(1 for a, b in zip(path, (name for name, _ in open_), strict=False) if a == b)
        while len(open_) > same:
            name, began = open_.pop()
            yield TraceEvent(name=name, ph="X", ts=began, dur=end - began, tid=_MODULES, cat="module")
        open_ += [(name, start) for name in path[same:]]
        end = start + us
    while open_:
        name, began = open_.pop()
        yield TraceEvent(name=name, ph="X", ts=began, dur=end - began, tid=_MODULES, cat="module")


def _prefixes(path: str) -> Iterator[str]:
    parts = path.split(".") if path else []
    for i in range(len(parts)):
        yield ".".join(parts[: i + 1])
