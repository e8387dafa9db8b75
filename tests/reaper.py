"""Ends what a test run has started once the run is gone, however it went: also by kill -9, of which it hears nothing.

Beside each pytest process, of which pytest-xdist has one a worker and one more, this file runs as a process of its own
and looks whether that one is still there. What it has started is known by a mark in the environment, which each process
hands on to those that it starts, in whatever session or group they are.
"""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress

import psutil

_MARK = "EFFMOD_TEST_RUN"
# The process, besides pytest's own, whose end is the run's end: `make` names itself.
_END_WITH = "EFFMOD_TEST_ENDS_WITH"
_LOOK_S = 0.5


def watch_this_process() -> None:
    """Mark whatever this process starts from now on, and let it end with this process."""
    if sys.platform == "win32":
        return
    mark = uuid.uuid4().hex
    watched = [str(os.getpid()), *os.environ.pop(_END_WITH, "").split()]
    # It leaves at once a process that is nobody's child, or tests that count their children would count it, too.
    subprocess.run(
        [sys.executable, "-I", __file__, mark, *watched],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    os.environ[_MARK] = f"{os.environ.get(_MARK, '')} {mark}".strip()


def main(mark: str, *watched: str) -> None:
    if os.fork():
        os._exit(0)
    os.setsid()
    os.dup2(0, 2)  # whoever reads what pytest prints shall not wait for this process
    pytest, *others = (int(pid) for pid in watched)
    began = {pid: _began(pid) for pid in (pytest, *others)}
    while all(started is not None and _began(pid) == started for pid, started in began.items()):
        time.sleep(_LOOK_S)
    if began[pytest] is not None and _began(pytest) == began[pytest]:
        _kill(psutil.Process(pytest))
    # More than once: one of them may have started another meanwhile.
    for _ in range(20):
        left = list(_marked(mark))
        if not left:
            return
        for process in left:
            _kill(process)
        time.sleep(0.1)


def _began(pid: int) -> float | None:
    """When a process began, which tells it from a later one of the same number; None where it is gone."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended, or is another user's
            if mark in process.environ().get(_MARK, "").split() and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.Error):
        process.kill()


if __name__ == "__main__":
    main(*sys.argv[1:])
