"""Standard output is a command's own: what others print while it runs goes to standard error."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def prints_to_standard_error() -> Iterator[None]:
    """Let whatever is printed go to standard error: by Python, by native code, and by the processes that they start."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # one of the two is closed, and so nobody reads a word of it
            _flush()
            kept = os.dup(1)
            stack.callback(_put_back, kept)
            os.dup2(2, 1)
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield


def _put_back(kept: int) -> None:
    _flush()
    os.dup2(kept, 1)
    os.close(kept)


def _flush() -> None:
    """Send what is waiting to where it was printed to: C keeps what is no line of a terminal in a buffer of its own."""
    with contextlib.suppress(OSError, ValueError):  # who wrote it is told when he flushes it himself
        sys.stdout.flush()
    if os.name == "posix":
        import ctypes  # here: every command imports this module, and few come this far

        ctypes.CDLL(None).fflush(None)
