"""The end of a process with the one that started it, however that went."""

import ctypes
import os
import signal
import sys
from typing import IO

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Let the system end this process when its parent ends. Linux alone does so: elsewhere `wait_for_end` must do.

    It works in native code, too, which may hold Python's lock for ever, so that no thread of Python's runs. To the
    system, the parent is the thread that started this process.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_for_end(stream: IO[bytes]) -> None:
    """Wait, at no cost, for the end of what the parent holds open, and end with it."""
    stream.read()
    os._exit(1)
