"""The only clock. What is measured is measured with `time.perf_counter_ns`."""

import gc
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

T = TypeVar("T")


def time_once(call: Callable[[], T]) -> tuple[T, int]:
    """What a call returns, and its duration in nanoseconds."""
    start = time.perf_counter_ns()
    result = call()
    return result, time.perf_counter_ns() - start


def time_runs(run: Callable[[], object], runs: int) -> "array[int]":
    """Call `run` back to back; the duration of each call, in nanoseconds."""
    return time_in_turn([run] * runs)


def time_in_turn(calls: Sequence[Callable[[], object]]) -> "array[int]":
    """Make calls back to back; the duration of each, in nanoseconds.

    The array is there before the clock starts, and nothing else happens between two calls.
    """
    durations = array("q", bytes(8 * len(calls)))
    clock = time.perf_counter_ns
    for i, call in enumerate(calls):
        start = clock()
        call()
        durations[i] = clock() - start
    return durations


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
