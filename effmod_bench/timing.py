"""The only clock. What is measured is measured with `time.perf_counter_ns`."""

import gc
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

T = TypeVar("T")

# Correcting a clock little by little changes it by at most 0.05 %, 0.3 s in ten minutes: more was a step.
_STEP_S = 1.0


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """The system's clocks at one moment, in seconds.

    Attributes:
        wall_s: the time of day, which can be set.
        running_s: what nobody sets; it stands still while the machine is suspended.
        since_boot_s: the same, going on while the machine is suspended; None where the system has no such clock.
    """

    wall_s: float
    running_s: float
    since_boot_s: float | None


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


def read_clocks() -> Clocks:
    """Every clock, for `disturbance`."""
    return Clocks(
        wall_s=time.time(),
        running_s=time.monotonic(),
        since_boot_s=time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else None,
    )


def disturbance(before: Clocks, after: Clocks) -> str | None:
    """What happened to the machine or its clock between two moments, in words; None where nothing did."""
    running_s = after.running_s - before.running_s
    if before.since_boot_s is not None and after.since_boot_s is not None:
        suspended_s = after.since_boot_s - before.since_boot_s - running_s
        if suspended_s > _STEP_S:
            return f"the machine was suspended for {suspended_s:.0f} s"
    step_s = after.wall_s - before.wall_s - running_s
    if abs(step_s) > _STEP_S:
        return f"the system's clock was set {'forward' if step_s > 0 else 'back'} by {abs(step_s):.0f} s"
    return None
