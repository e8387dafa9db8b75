"""The only clock. What is measured is measured with `time.perf_counter_ns`."""

import gc
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median
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


# A warm-up of a network that takes seconds would go on for minutes: after this, no more of what was asked is begun.
WARMUP_LEAST_LIMIT_S = 30.0
# It ends where the medians of its last three windows, fifths of what was asked for, lie so close together,
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


def wait_until(moment_s: float) -> None:
    """Sleep until `monotonic_s` says so; Ctrl-C ends it."""
    time.sleep(max(moment_s - monotonic_s(), 0.0))


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


def warm_up(run: Callable[[], object], least: int) -> WarmUp:
    """Call `run` at least so often, then until the running median settles, or the bound is reached.

    It has settled when the medians of three successive windows lie within 2 %. A window is a fifth of `least`, so a
    warm-up that settles at once is as long as asked. Where 30 s do not suffice for that, it is over after them, or
    after three runs, and a window is a fifth of those that were made.
    """
    if not least:
        return WarmUp(runs=0, steady=None, run_ns=None)
    durations, taken_ns = array("q"), 0
    while len(durations) < least and (taken_ns < WARMUP_LEAST_LIMIT_S * 1e9 or len(durations) < 3):
        (run_ns,) = time_runs(run, 1)
        durations.append(run_ns)
        taken_ns += run_ns
    window = max(1, min(least, len(durations)) // 5)
    durations.extend(time_runs(run, max(0, 3 * window - len(durations))))
    while True:
        last = durations[-3 * window :]
        medians = [median(last[i * window : (i + 1) * window]) for i in range(3)]
        steady = max(medians) <= min(medians) * (1 + STEADY_WITHIN)
        if steady or len(durations) + window > WARMUP_FACTOR * least or sum(durations) > WARMUP_LIMIT_S * 1e9:
            return WarmUp(runs=len(durations), steady=steady, run_ns=round(medians[-1]))
        durations.extend(time_runs(run, window))


class PartTimer:
    """How long named parts of inferences take: what a part takes in one inference is added up.

    Args:
        wait: called before the clock is read, so that what was queued is done: of a GPU's work.
    """

    def __init__(self, wait: Callable[[], None]) -> None:
        self._wait = wait
        self._runs: list[dict[str, int]] = []

    def begin(self) -> None:
        """The next inference begins."""
        self._runs.append({})

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """A part, from here to the end of the block."""
        taken = self._runs[-1]
        self._wait()
        start = time.perf_counter_ns()
        yield
        self._wait()
        taken[part] = taken.get(part, 0) + time.perf_counter_ns() - start

    def last(self, runs: int) -> dict[str, tuple[int, ...]]:
        """By part, what it took in each of the last inferences, in nanoseconds."""
        names = dict.fromkeys(name for taken in self._runs[-runs:] for name in taken)
        return {name: tuple(taken.get(name, 0) for taken in self._runs[-runs:]) for name in names}


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
