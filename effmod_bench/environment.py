"""What machine this is. A value or None, never a guess."""

import contextlib
import os
import platform
import subprocess
import sys
import warnings
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil

from effmod_bench.timing import monotonic_s
from results import Conditions, Machine

_CPUS = Path("/sys/devices/system/cpu")
Number = TypeVar("Number", int, float)
_VERSIONS = (
    "effmod-bench",
    "onnxruntime-gpu",
    "onnxruntime",
    "coremltools",
    "openvino",
    "torch",
    "torchvision",
    "timm",
    "numpy",
)
_GPU_LIBRARIES = ("cuda-runtime", "cuda-nvrtc", "cudnn", "cublas", "cufft")
# From CUDA 13 on most packages leave its number out of their names.
_GPU_VERSIONS = tuple(
    f"{library}{cuda}"
    for library in (*(f"nvidia-{name}" for name in _GPU_LIBRARIES), "tensorrt")
    for cuda in ("", "-cu12", "-cu13")
)


def available_cores() -> int:
    """Logical cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def physical_cores(cores: Iterable[int]) -> list[list[int]]:
    """Logical cores by the physical core that they are threads of; each by itself where the system does not tell."""
    threads = defaultdict(list)
    for core in cores:
        topology = _CPUS / f"cpu{core}/topology"
        # The list of all its threads is the same for each of them. Kernels before 5.3 have it by another name.
        siblings = _read(topology / "core_cpus_list") or _read(topology / "thread_siblings_list")
        threads[siblings or str(core)].append(core)
    return list(threads.values())


def read_machine() -> Machine:
    """Everything about the machine that does not change during a run. Takes about a second."""
    import cpuinfo

    from exporters import installed_versions  # of no use to a worker, which starts sooner without

    return Machine(
        os=f"{platform.system()} {platform.release()}",
        architecture=platform.machine(),
        cpu_model=cpuinfo.get_cpu_info().get("brand_raw"),
        physical_cores=psutil.cpu_count(logical=False),
        logical_cores=psutil.cpu_count(),
        available_cores=available_cores(),
        cpu_quota=_cpu_quota(),
        memory_bytes=psutil.virtual_memory().total,
        governor=_read(_CPUS / "cpu0/cpufreq/scaling_governor"),
        versions={"python": platform.python_version()} | installed_versions(_VERSIONS),
        effmod_commit=_commit(),
        affinity=tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else None,
        smt={"0": False, "1": True}.get(_read(_CPUS / "smt/active") or ""),
        memory_limit_bytes=_memory_limit(),
        swap_bytes=_swap_bytes(),
        gpu_versions=installed_versions(_GPU_VERSIONS),
    )


def usable_memory_bytes() -> int:
    """The memory that a process can have: the machine's, or what the control groups allow of it."""
    return _memory_limit() or psutil.virtual_memory().total


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine has counted so far, and how it is now. `conditions_since` says what an attribute means.

    Attributes:
        busy_s: processor time of all that ran, over all cores.
        own_s: what of it went to this process and to those that it started and that have ended.
    """

    at_s: float
    busy_s: float
    own_s: float | None
    thermal_throttles: int | None
    quota_throttles: int | None
    frequency_mhz: float | None
    available_memory_bytes: int
    swapped_in_bytes: int | None
    memory_stall_s: float | None


def read_moment() -> Moment:
    """Look at the machine: before a round, for `conditions_since` after it. Takes a few milliseconds."""
    times, own = psutil.cpu_times(), os.times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # counted in user and nice already
    return Moment(
        at_s=monotonic_s(),
        busy_s=sum(times) - idle - guests,
        # Windows does not count the time of processes that have ended.
        own_s=sum(own[:4]) if os.name == "posix" else None,
        thermal_throttles=_total(_CPUS.glob("cpu[0-9]*/thermal_throttle/*_throttle_count")),
        quota_throttles=_total_of("nr_throttled", [folder / "cpu.stat" for folder in _control_groups("cpu")]),
        frequency_mhz=_frequency_mhz(),
        available_memory_bytes=psutil.virtual_memory().available,
        swapped_in_bytes=_swapped_in_bytes(),
        memory_stall_s=_memory_stall_s(),
    )


def conditions_since(before: Moment) -> Conditions:
    """What the machine did from a moment until now."""
    now = read_moment()
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    other_s = None
    if before.own_s is not None and now.own_s is not None:
        # Both are counted in hundredths of a second, so their difference can fall below nothing.
        other_s = round(max(0.0, (now.busy_s - before.busy_s) - (now.own_s - before.own_s)), 2)
    return Conditions(
        elapsed_s=now.at_s - before.at_s,
        other_cpu_s=other_s,
        thermal_throttles=_grown(before.thermal_throttles, now.thermal_throttles),
        quota_throttles=_grown(before.quota_throttles, now.quota_throttles),
        frequency_before_mhz=before.frequency_mhz,
        frequency_after_mhz=now.frequency_mhz,
        on_battery=None if battery is None or battery.power_plugged is None else not battery.power_plugged,
        available_memory_bytes=min(before.available_memory_bytes, now.available_memory_bytes),
        swapped_in_bytes=_grown(before.swapped_in_bytes, now.swapped_in_bytes),
        memory_stall_s=_grown(before.memory_stall_s, now.memory_stall_s),
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


def _control_groups(controller: str) -> list[Path]:
    """The folders of the control groups that this process is in, innermost first; whichever version there is."""
    root = Path("/sys/fs/cgroup")
    folders = []
    for line in (_read(Path("/proc/self/cgroup")) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            mount = root / controller if controllers else root
            # In a container the path may be the host's; what of it is not mounted here gives no value.
            inner = mount / path.lstrip("/")
            folders += [inner, *(parent for parent in inner.parents if parent.is_relative_to(mount))]
    return folders


def _cpu_quota() -> float | None:
    """Cores' worth of time that the control groups allow: the tightest counts."""
    quotas = []
    for folder in _control_groups("cpu"):
        quota, period = (_read(folder / "cpu.max") or "max 0").split()
        if quota == "max":  # none, or version 1
            quota, period = (_read(folder / f"cpu.cfs_{name}_us") or "-1" for name in ("quota", "period"))
        if int(quota) > 0:
            quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def _memory_limit() -> int | None:
    """Bytes that the control groups allow: the tightest counts, unless it is more than there is."""
    texts = [
        _read(folder / name) or "max"
        for folder in _control_groups("memory")
        for name in ("memory.max", "memory.limit_in_bytes")
    ]
    limit = min((int(text) for text in texts if text != "max"), default=None)
    return limit if limit is not None and limit < psutil.virtual_memory().total else None


def _swap_bytes() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where the traffic is not known, which is not asked here
        return psutil.swap_memory().total


def _swapped_in_bytes() -> int | None:
    """Bytes read back from swap since the start; None where that is not counted, for which psutil would say 0."""
    if sys.platform == "darwin":
        return psutil.swap_memory().sin
    pages = _total_of("pswpin", [Path("/proc/vmstat")])
    return None if pages is None else pages * os.sysconf("SC_PAGE_SIZE")


def _frequency_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError):  # some kernels have the folder without the figure
        return None
    return frequency.current or None if frequency else None


def _memory_stall_s() -> float | None:
    """Seconds since the start in which some process waited for memory (Linux's pressure stall information)."""
    pressure = _read(Path("/proc/pressure/memory"))
    return int(pressure.partition("total=")[2].split()[0]) / 1e6 if pressure else None


def _total(paths: Iterable[Path]) -> int | None:
    """The sum of the counts in files; None where there is none."""
    counts = [int(text) for path in paths if (text := _read(path))]
    return sum(counts) if counts else None


def _total_of(key: str, paths: Iterable[Path]) -> int | None:
    """The sum of one count in files of `key value` lines; None where there is none."""
    lines = [line.split() for path in paths for line in (_read(path) or "").splitlines()]
    counts = [int(value) for name, value in lines if name == key]
    return sum(counts) if counts else None


def _grown(before: Number | None, now: Number | None) -> Number | None:
    return None if before is None or now is None else now - before


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
