"""Ends what a test run has started, and deletes what it shared, once the run is gone, however it went: also by kill -9,
of which it hears nothing.

Beside each pytest process, of which pytest-xdist has one a worker and one more, this file runs as a process of its own
and looks whether that one is still there. What it has started is known by a mark in the environment, which each process
hands on to those that it starts, in whatever session or group they are.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

_MARK = "EFFMOD_TEST_RUN"
# The process, besides pytest's own, whose end is the run's end: `make` names itself.
_END_WITH = "EFFMOD_TEST_ENDS_WITH"
_LOOK_S = 0.5


def watch_this_process(shared: Sequence[Path] = ()) -> None:
    """Mark whatever this process starts from now on, and let it end with this process.

    Args:
        shared: files and folders that are deleted then.
    """
    if sys.platform == "win32":
        return
    mark = uuid.uuid4().hex
    watched = [str(os.getpid()), *os.environ.pop(_END_WITH, "").split()]
    # It leaves at once a process that is nobody's child, or tests that count their children would count it, too.
    subprocess.run(
        [sys.executable, "-I", __file__, mark, json.dumps([*map(str, shared)]), *watched],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    os.environ[_MARK] = f"{os.environ.get(_MARK, '')} {mark}".strip()


def main(mark: str, shared: str, *watched: str) -> None:
    if os.fork():
        os._exit(0)
    os.setsid()
    os.dup2(0, 2)  # whoever reads what pytest prints shall not wait for this process
    processes = [_found(int(pid)) for pid in watched]
    while all(process is not None and _lives(process) for process in processes):
        time.sleep(_LOOK_S)
    if processes[0] is not None:  # pytest's own
        _kill(processes[0])
    _kill_all(mark)
    for path in map(Path, json.loads(shared)):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _kill_all(mark: str) -> None:
    # More than once: one of them may have started another meanwhile.
    for _ in range(20):
        left = list(_marked(mark))
        if not left:
            return
        for process in left:
            _kill(process)
        time.sleep(0.1)


def _found(pid: int) -> psutil.Process | None:
    """None where it is gone."""
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _lives(process: psutil.Process) -> bool:
    """Whether it has not ended: told from a later one of the same number by what no change of the clock moves."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
