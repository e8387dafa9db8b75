"""The only clock. What is measured is measured with `time.perf_counter_ns`."""

import gc
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median
from typing import TypeVar

import msgspec

T = TypeVar("T")

# A warm-up ends where the medians of its last three windows, fifths of what was asked for, lie so close together,
STEADY_WITHIN = 0.02
# or else before it is so many times as long as asked, and begins no window later than this.
WARMUP_FACTOR = 10
WARMUP_LIMIT_S = 10.0


class WarmUp(msgspec.Struct, frozen=True, kw_only=True):
    """What a warm-up came to.

    Attributes:
        steady: whether it settled; None where none was asked for.
        run_ns: about one run at its end.
    """

    runs: int
    steady: bool | None
    run_ns: int | None


def time_once(call: Callable[[], T]) -> tuple[T, int]:
    """What a call returns, and its duration in nanoseconds."""
    start = time.perf_counter_ns()
    result = call()
    return result, time.perf_counter_ns() - start


def time_runs(run: Callable[[], object], runs: int) -> "array[int]":
    """Call `run` back to back; the duration of each call, in nanoseconds.

    The array is there before the clock starts, and nothing else happens between two runs.
    """
    durations = array("q", bytes(8 * runs))
    clock = time.perf_counter_ns
    for i in range(runs):
        start = clock()
        run()
        durations[i] = clock() - start
    return durations


def warm_up(run: Callable[[], object], least: int) -> WarmUp:
    """Call `run` at least so often, then until the running median settles, or the bound is reached.

    It has settled when the medians of three successive windows lie within 2 %. A window is a fifth of `least`, so a
    warm-up that settles at once is as long as asked.
    """
    if not least:
        return WarmUp(runs=0, steady=None, run_ns=None)
    window = max(1, least // 5)
    durations = time_runs(run, max(least, 3 * window))
    while True:
        last = durations[-3 * window :]
        medians = [median(last[i * window : (i + 1) * window]) for i in range(3)]
        steady = max(medians) <= min(medians) * (1 + STEADY_WITHIN)
        if steady or len(durations) + window > WARMUP_FACTOR * least or sum(durations) > WARMUP_LIMIT_S * 1e9:
            return WarmUp(runs=len(durations), steady=steady, run_ns=round(medians[-1]))
        durations.extend(time_runs(run, window))


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Collect garbage now, and not again before the block ends."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def monotonic_s() -> float:
    """Seconds on a clock that nobody sets, for deadlines and progress."""
    return time.monotonic()


def utc_now() -> datetime:
    """The date and time, for the record."""
    return datetime.now(UTC)
