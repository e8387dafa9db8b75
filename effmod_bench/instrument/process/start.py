"""Rounds in fresh processes: start one, listen to it, end it where it hangs, and say how it ended."""

import contextlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import IO, overload

import msgspec

from effmod_bench.instrument.clock import monotonic_s
from effmod_bench.instrument.process.messages import (
    Broken,
    Job,
    Loaded,
    Message,
    PairJob,
    PairTimed,
    Profiled,
    ProfileJob,
    Timed,
    Warm,
)
from results import Device

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


# Seconds that a stage of a round may take at least, and how many times as long as it is expected to.
_LEAST_BEFORE_RUNS_S = 600.0
_LEAST_RUNS_S = 60.0
_PATIENCE = 10

# Seconds that a worker has to end after it has closed its output.
_EXIT_S = 10.0


class _Limit:
    """How long a worker may take: the user's limit for all of a round, or one a stage, by what the last one showed."""

    def __init__(self, timeout_s: float | None, stage: str, *, advice: str = "") -> None:
        """Begin with a stage; `advice` says how it would be given more."""
        self._fixed = timeout_s is not None
        self._stage, self._advice = stage, advice
        self._seconds = _LEAST_BEFORE_RUNS_S if timeout_s is None else timeout_s
        self.deadline = monotonic_s() + self._seconds

    def enter(self, stage: str, *, expected_ns: int, least_s: float) -> None:
        """The worker has reached the next stage."""
        self._stage = stage
        if not self._fixed:
            self._seconds = max(least_s, _PATIENCE * expected_ns / 1e9)
            self.deadline = monotonic_s() + self._seconds

    def __str__(self) -> str:
        return f"timeout after {self._seconds:g} s, while {self._stage}{self._advice}"


@overload
def run_job(
    job: Job,
    *,
    on_warm: Callable[[Warm], None],
    tick: Callable[[float], None],
    tick_s: float = 1.0,
    timeout_s: float | None = None,
) -> Timed | Broken: ...


@overload
def run_job(
    job: PairJob,
    *,
    on_warm: Callable[[Warm], None],
    tick: Callable[[float], None],
    tick_s: float = 1.0,
    timeout_s: float | None = None,
) -> PairTimed | Broken: ...


@overload
def run_job(
    job: ProfileJob,
    *,
    on_warm: Callable[[Warm], None],
    tick: Callable[[float], None],
    tick_s: float = 1.0,
    timeout_s: float | None = None,
) -> Profiled | Broken: ...


def run_job(
    job: Job | PairJob | ProfileJob,
    *,
    on_warm: Callable[[Warm], None],
    tick: Callable[[float], None],
    tick_s: float = 1.0,
    timeout_s: float | None = None,
) -> Timed | PairTimed | Profiled | Broken:
    """Time one job in a process of its own.

    Args:
        on_warm: told when the timed runs begin.
        tick: told the seconds since the start, about every `tick_s` seconds while the process runs. Drawing takes
            processor time from what is measured, so it is seldom, and this process sleeps in between.
        timeout_s: what the process may take; by default 10 min before the timed runs and 1 min for them, or 10 times
            what they should take where that is more.

    Raises:
        KeyboardInterrupt: the user interrupts; the process is gone by then.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            # -I: no current folder, PYTHONPATH or user packages, where another `models` could lie.
            [sys.executable, "-I", "-m", "effmod_bench.instrument.process.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the other
        )
        try:
            last = _listen(process, job, on_warm, tick, tick_s, _limit(job, timeout_s))
        finally:
            process.kill()
            process.wait()
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # of what it did not read
                process.stdin.close()
        if last is not None:
            return last
        errors.seek(0)
        detail = errors.read().decode(errors="replace")
        return Broken(reason=_how_it_ended(process.returncode, detail), detail=detail)


def _limit(job: Job | PairJob | ProfileJob, timeout_s: float | None) -> _Limit:
    """With advice for those commands that let a user say how long a process may take: they time."""
    if not isinstance(job, ProfileJob):
        return _Limit(timeout_s, "loading the file and running it once", advice="; --round-timeout gives it more")
    is_plan = job.session.device is Device.COREML
    return _Limit(timeout_s, "reading the plan" if is_plan else "loading the file and running it once")


def _listen(
    process: "subprocess.Popen[bytes]",
    job: Job | PairJob | ProfileJob,
    on_warm: Callable[[Warm], None],
    tick: Callable[[float], None],
    tick_s: float,
    limit: _Limit,
) -> Timed | PairTimed | Profiled | Broken | None:
    """Follow a worker to its last message; None where it ends without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(process.stdout, heard), daemon=True).start()
    try:
        # The pipe stays open: its end tells the worker that this process is gone, however it went.
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        _wait_for_exit(process)
        return None
    runs = len(job.order) if isinstance(job, PairJob) else job.runs * (1 + isinstance(job, ProfileJob))
    began = monotonic_s()
    next_tick = began + tick_s
    while True:
        with contextlib.suppress(queue.Empty):
            line = heard.get(timeout=max(0.0, min(next_tick, limit.deadline) - monotonic_s()))
            if not line.endswith(b"\n"):  # it ended, perhaps in the middle of one
                _wait_for_exit(process)
                return None
            message = _decoder.decode(line)
            match message:
                case Loaded(first_inference_ns=once_ns):
                    expected_ns = once_ns * job.warmup_runs
                    limit.enter("warming up", expected_ns=expected_ns, least_s=_LEAST_BEFORE_RUNS_S)
                case Warm(expected_ns=once_ns):
                    stage = "being profiled" if isinstance(job, ProfileJob) else "being timed"
                    limit.enter(stage, expected_ns=once_ns * runs, least_s=_LEAST_RUNS_S)
                    on_warm(message)
                case _:
                    return message
        if monotonic_s() >= limit.deadline:
            return Broken(reason=str(limit), detail="")
        if monotonic_s() >= next_tick:
            tick(monotonic_s() - began)
            next_tick = monotonic_s() + tick_s


def _read_lines(stream: IO[bytes], heard: "queue.SimpleQueue[bytes]") -> None:
    """In a thread: a pipe cannot be waited for together with a clock on every system."""
    with stream:
        for line in stream:
            heard.put(line)
    heard.put(b"")


def _wait_for_exit(process: "subprocess.Popen[bytes]") -> None:
    """Let a worker that says nothing more come to its end, which tells why. One that does not is killed after."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_EXIT_S)


def _how_it_ended(returncode: int, errors: str) -> str:
    if returncode < 0:
        known = {number.value: number.name for number in signal.Signals}
        name = known.get(-returncode, f"signal {-returncode}")  # real-time signals have no name
        hint = " (the system was out of memory, or somebody ended it)" if name == "SIGKILL" else ""
        return f"the process was ended by {name}{hint}"
    lines = errors.strip().splitlines()
    return f"the process ended with status {returncode}: {lines[-1] if lines else 'no message'}"
