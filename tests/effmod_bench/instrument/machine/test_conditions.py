import os
from types import SimpleNamespace
from typing import NamedTuple

import psutil
import pytest

from effmod_bench.instrument.machine.conditions import conditions_since, read_moment


def test_time_that_others_took_is_all_but_ours_and_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    class Times(NamedTuple):
        user: float
        idle: float
        iowait: float
        steal: float
        guest: float

    own = [[1.0, 0.5, 10.0, 2.0, 0.0], [2.0, 1.0, 25.0, 4.0, 0.0]]  # of this process, and of its ended children
    everything = [Times(100, 900, 50, 3, 5), Times(123, 990, 60, 5, 7)]
    monkeypatch.setattr(os, "times", iter(own).__next__)
    monkeypatch.setattr(psutil, "cpu_times", iter(everything).__next__)
    conditions = conditions_since(read_moment())
    assert conditions.other_cpu_s == pytest.approx((123 + 5) - (100 + 3) - (32.0 - 13.5))


def test_what_happened_meanwhile_is_what_was_counted_meanwhile(files: dict[str, str]) -> None:
    files["/proc/self/cgroup"] = "0::/a"
    files["/sys/fs/cgroup/a/cpu.stat"] = "nr_periods 50\nnr_throttled 7"
    files["/proc/pressure/memory"] = "some avg10=0.00 avg60=0.13 avg300=0.16 total=1500000\nfull avg10=0 total=9"
    files["/proc/vmstat"] = "pswpin 100\npswpout 5"
    before = read_moment()
    files["/sys/fs/cgroup/a/cpu.stat"] = "nr_periods 60\nnr_throttled 10"
    files["/proc/pressure/memory"] = "some avg10=0.00 avg60=0.13 avg300=0.16 total=1750000\nfull avg10=0 total=9"
    files["/proc/vmstat"] = "pswpin 102\npswpout 5"
    conditions = conditions_since(before)
    assert conditions.quota_throttles == 3
    assert conditions.memory_stall_s == pytest.approx(0.25)
    assert conditions.swapped_in_bytes == 2 * os.sysconf("SC_PAGE_SIZE")
    assert conditions.elapsed_s > 0


def test_what_the_machine_does_not_tell_is_none(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not files
    monkeypatch.setattr(psutil, "cpu_freq", lambda: None)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None, raising=False)
    conditions = conditions_since(read_moment())
    unknown = {name for name in conditions.__struct_fields__ if getattr(conditions, name) is None}
    assert unknown == {
        "thermal_throttles",
        "quota_throttles",
        "frequency_before_mhz",
        "frequency_after_mhz",
        "on_battery",
        "swapped_in_bytes",
        "memory_stall_s",
        "temperature_before_c",
        "temperature_after_c",
        "governor_before",
        "governor_after",
        "slowed_before",
        "slowed_after",
    }


@pytest.mark.parametrize(("plugged", "on_battery"), [(True, False), (False, True), (None, None)])
def test_a_machine_is_on_battery_or_not_or_one_does_not_know(
    plugged: bool | None, on_battery: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    battery = SimpleNamespace(power_plugged=plugged)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    assert conditions_since(read_moment()).on_battery is on_battery
