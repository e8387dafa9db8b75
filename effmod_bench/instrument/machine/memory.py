"""Memory: what there is, what may be used, and what a process took of it."""

import contextlib
import sys
import warnings
from pathlib import Path

import psutil

from effmod_bench.instrument.machine.system import control_groups, read_text


def usable_memory_bytes() -> int:
    """The memory that a process can have: the machine's, or what the control groups allow of it."""
    return memory_limit() or psutil.virtual_memory().total


def reset_peak_memory() -> None:
    """Let `peak_memory_bytes` begin anew, where the system can do that (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_bytes() -> int | None:
    """The largest resident memory that this process has had, since it was reset where the system can do that."""
    if sys.platform == "linux":
        # Not getrusage: its figure begins with that of the process that started this one.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return None
    if sys.platform == "win32":
        peak: int = psutil.Process().memory_info().peak_wset
        return peak
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def memory_limit() -> int | None:
    """Bytes that the control groups allow: the tightest counts, unless it is more than there is."""
    texts = [
        read_text(folder / name) or "max"
        for folder in control_groups("memory")
        for name in ("memory.max", "memory.limit_in_bytes")
    ]
    limit = min((int(text) for text in texts if text != "max"), default=None)
    return limit if limit is not None and limit < psutil.virtual_memory().total else None


def swap_bytes() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where the traffic is not known, which is not asked here
        return psutil.swap_memory().total
