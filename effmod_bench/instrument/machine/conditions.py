"""What the machine did between two moments."""

import os
import sys
from pathlib import Path
from typing import TypeVar

import msgspec
import psutil

from effmod_bench.instrument.clock import monotonic_s
from effmod_bench.instrument.machine.heat import is_slowed, temperature_c
from effmod_bench.instrument.machine.system import CPUS, control_groups, read_governor, read_text, total_in, total_of
from results import Conditions

Number = TypeVar("Number", int, float)


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
    temperature_c: float | None
    governor: str | None
    slowed: bool | None


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
        thermal_throttles=total_in(CPUS.glob("cpu[0-9]*/thermal_throttle/*_throttle_count")),
        quota_throttles=total_of("nr_throttled", [folder / "cpu.stat" for folder in control_groups("cpu")]),
        frequency_mhz=_frequency_mhz(),
        available_memory_bytes=psutil.virtual_memory().available,
        swapped_in_bytes=_swapped_in_bytes(),
        memory_stall_s=_memory_stall_s(),
        temperature_c=temperature_c(),
        governor=read_governor(),
        slowed=is_slowed(),
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
        temperature_before_c=before.temperature_c,
        temperature_after_c=now.temperature_c,
        governor_before=before.governor,
        governor_after=now.governor,
        slowed_before=before.slowed,
        slowed_after=now.slowed,
    )


def load_average() -> float | None:
    """Processes running or waiting, over the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _swapped_in_bytes() -> int | None:
    """Bytes read back from swap since the start; None where that is not counted, for which psutil would say 0."""
    if sys.platform == "darwin":
        return psutil.swap_memory().sin
    pages = total_of("pswpin", [Path("/proc/vmstat")])
    return None if pages is None else pages * os.sysconf("SC_PAGE_SIZE")


def _frequency_mhz() -> float | None:
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError):  # some kernels have the folder without the figure
        return None
    return frequency.current or None if frequency else None


def _memory_stall_s() -> float | None:
    """Seconds since the start in which some process waited for memory (Linux's pressure stall information)."""
    pressure = read_text(Path("/proc/pressure/memory"))
    return int(pressure.partition("total=")[2].split()[0]) / 1e6 if pressure else None


def _grown(before: Number | None, now: Number | None) -> Number | None:
    return None if before is None or now is None else now - before
