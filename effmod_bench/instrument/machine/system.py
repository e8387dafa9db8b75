"""What the system's own files say."""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

CPUS = Path("/sys/devices/system/cpu")


def available_cores() -> int:
    """Logical cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def physical_cores(cores: Iterable[int]) -> list[list[int]]:
    """Logical cores by the physical core that they are threads of; each by itself where the system does not tell."""
    threads = defaultdict(list)
    for core in cores:
        topology = CPUS / f"cpu{core}/topology"
        # The list of all its threads is the same for each of them. Kernels before 5.3 have it by another name.
        siblings = read_text(topology / "core_cpus_list") or read_text(topology / "thread_siblings_list")
        threads[siblings or str(core)].append(core)
    return list(threads.values())


def read_governor() -> str | None:
    """The frequency governor of the first core."""
    return read_text(CPUS / "cpu0/cpufreq/scaling_governor")


def control_groups(controller: str) -> list[Path]:
    """The folders of the control groups that this process is in, innermost first; whichever version there is."""
    root = Path("/sys/fs/cgroup")
    folders = []
    for line in (read_text(Path("/proc/self/cgroup")) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            mount = root / controller if controllers else root
            # In a container the path may be the host's; what of it is not mounted here gives no value.
            inner = mount / path.lstrip("/")
            folders += [inner, *(parent for parent in inner.parents if parent.is_relative_to(mount))]
    return folders


def cpu_quota() -> float | None:
    """Cores' worth of time that the control groups allow: the tightest counts."""
    quotas = []
    for folder in control_groups("cpu"):
        quota, period = (read_text(folder / "cpu.max") or "max 0").split()
        if quota == "max":  # none, or version 1
            quota, period = (read_text(folder / f"cpu.cfs_{name}_us") or "-1" for name in ("quota", "period"))
        if int(quota) > 0:
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def total_in(paths: Iterable[Path]) -> int | None:
    """The sum of the counts in files; None where there is none."""
    counts = [int(text) for path in paths if (text := read_text(path))]
    return sum(counts) if counts else None


def total_of(key: str, paths: Iterable[Path]) -> int | None:
    """The sum of one count in files of `key value` lines; None where there is none."""
    lines = [line.split() for path in paths for line in (read_text(path) or "").splitlines()]
    counts = [int(value) for name, value in lines if name == key]
    return sum(counts) if counts else None


def read_text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
