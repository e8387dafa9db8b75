"""What the other process is told to do."""

import ctypes
import os
import sys
import time
from pathlib import Path

from effmod_bench.isolation.messages import Reporter
from exporters.stage import Stage, enter


class OddError(Exception):
    """One that cannot be made again of what it holds."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def fail(error: Exception) -> None:
    raise error


def fail_oddly() -> None:
    raise OddError("so", "odd")


def crash_in(stage: Stage, signal: int) -> None:
    enter(stage)
    os.kill(os.getpid(), signal)


def print_everywhere() -> None:
    print("said by Python")  # noqa: T201 - as a user's file does
    os.write(1, b"said by native code\n")


def look_around() -> tuple[str, str, str | None, Path]:
    """What it reads, its folder, a variable of the environment, and a file that it leaves behind."""
    left = Path(os.environ["TMPDIR"], "left")
    left.touch()
    return sys.stdin.read(), os.fspath(Path.cwd()), os.environ.get("OF_THE_COMMAND"), left


def report(reporter: Reporter) -> list[int]:
    reporter.note("a note")
    reporter.warn("a warning")
    return list(reporter.track([5, 6, 7], 3, "counting"))


def never_end(mark: str) -> None:
    """In native code that does not give Python's lock away, so that none of Python's threads runs."""
    Path(mark).write_text(str(os.getpid()))
    while True:
        ctypes.PyDLL(None).pause()


def sleep() -> None:
    time.sleep(3600)
