"""What machine this is. A value or None, never a guess."""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

import psutil

from results import Machine

_VERSIONS = ("effmod-bench", "onnxruntime-gpu", "onnxruntime", "openvino", "torch", "numpy")


def available_cores() -> int:
    """Logical cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_machine() -> Machine:
    """Everything about the machine that does not change during a run. Takes about a second."""
    import cpuinfo

    return Machine(
        os=f"{platform.system()} {platform.release()}",
        architecture=platform.machine(),
        cpu_model=cpuinfo.get_cpu_info().get("brand_raw"),
        physical_cores=psutil.cpu_count(logical=False),
        logical_cores=psutil.cpu_count(),
        available_cores=available_cores(),
        cpu_quota=_cpu_quota(),
        memory_bytes=psutil.virtual_memory().total,
        governor=_read(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        versions={"python": platform.python_version()} | _versions(),
        effmod_commit=_commit(),
    )


def load_average() -> float | None:
    """Processes running or waiting, over the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


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


def _versions() -> dict[str, str]:
    found = {}
    for name in _VERSIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cpu_quota() -> float | None:
    """Cores' worth of time that the control group allows (version 2)."""
    limit = _read(Path("/sys/fs/cgroup/cpu.max"))
    if limit is None or limit.startswith("max"):
        return None
    quota, period = limit.split()
    return int(quota) / int(period)


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _commit() -> str | None:
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
