"""Rounds in fresh processes: start one, listen to it, and say how it ended."""

import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import overload

import msgspec

from effmod_bench.pair import PairJob, PairTimed
from effmod_bench.timing import monotonic_s
from effmod_bench.worker import Broken, Job, Message, Timed, Warm

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


@overload
def run_job(
    job: Job, *, on_warm: Callable[[Warm], None], tick: Callable[[float], None], tick_s: float = 1.0
) -> Timed | Broken: ...


@overload
def run_job(
    job: PairJob, *, on_warm: Callable[[Warm], None], tick: Callable[[float], None], tick_s: float = 1.0
) -> PairTimed | Broken: ...


def run_job(
    job: Job | PairJob, *, on_warm: Callable[[Warm], None], tick: Callable[[float], None], tick_s: float = 1.0
) -> Timed | PairTimed | Broken:
    """Time one job in a process of its own.

    Args:
        on_warm: told when the timed runs begin.
        tick: told the seconds since the start, about every `tick_s` seconds while the process runs. Drawing takes
            processor time from what is measured, so it is seldom, and this process sleeps in between.

    Raises:
        KeyboardInterrupt: the user interrupts; the process is gone by then.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            # -I: no current folder, PYTHONPATH or user packages, where another `models` could lie.
            [sys.executable, "-I", "-m", "effmod_bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the other
        )
        try:
            last = _listen(process, job, on_warm, tick, tick_s)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        if last is not None:
            return last
        errors.seek(0)
        detail = errors.read().decode(errors="replace")
        return Broken(reason=_how_it_ended(process.returncode, detail), detail=detail)


def _listen(
    process: "subprocess.Popen[bytes]",
    job: Job | PairJob,
    on_warm: Callable[[Warm], None],
    tick: Callable[[float], None],
    tick_s: float,
) -> Timed | PairTimed | Broken | None:
    """Follow a worker to its last message; None where it ends without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        # The pipe stays open: its end tells the worker that this process is gone, however it went.
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        process.wait()
        return None
    received = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        began = monotonic_s()
        next_tick = began + tick_s
        while True:
            if selector.select(max(0.0, next_tick - monotonic_s())):
                chunk = os.read(process.stdout.fileno(), 1 << 16)
                if not chunk:
                    process.wait()
                    return None
                received += chunk
                *lines, received = received.split(b"\n")
                for line in lines:
                    message = _decoder.decode(line)
                    if isinstance(message, Warm):
                        on_warm(message)
                    else:
                        return message
            if monotonic_s() >= next_tick:
                tick(monotonic_s() - began)
                next_tick = monotonic_s() + tick_s


def _how_it_ended(returncode: int, errors: str) -> str:
    if returncode < 0:
        name = signal.Signals(-returncode).name
        hint = " (the system was out of memory, or somebody ended it)" if name == "SIGKILL" else ""
        return f"the process was ended by {name}{hint}"
    lines = errors.strip().splitlines()
    return f"the process ended with status {returncode}: {lines[-1] if lines else 'no message'}"
