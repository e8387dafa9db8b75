import os
import re
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import msgspec
import psutil
import pytest

from effmod_bench.instrument.machine import conditions, memory, system
from effmod_bench.instrument.machine import machine as environment
from effmod_bench.instrument.machine.conditions import conditions_since, read_moment


def test_the_machine_is_this_one_and_nobody_can_be_recognized() -> None:
    machine = environment.read_machine()
    assert machine.cpu_model
    assert machine.available_cores <= (machine.logical_cores or 0)
    assert machine.memory_bytes == psutil.virtual_memory().total
    assert {"effmod-bench", "numpy", "python"} <= machine.versions.keys()
    assert {"onnxruntime", "onnxruntime-gpu"} & machine.versions.keys()
    assert {"torch", "torchvision", "timm"} <= machine.versions.keys()
    text = msgspec.json.encode(machine).decode()
    home = str(Path.home())
    host = os.uname().nodename
    assert len(host) < 4 or host not in text
    assert len(home) < 2 or home not in text


def test_a_gpus_libraries_are_those_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"nvidia-cuda-runtime": "13.0", "nvidia-cudnn-cu13": "9.24", "tensorrt-cu13": "10.13"}

    def version(name: str) -> str:
        try:
            return {"effmod-bench": "1", **installed}[name]
        except KeyError as error:
            raise PackageNotFoundError(name) from error

    monkeypatch.setattr("importlib.metadata.version", version)
    machine = environment.read_machine()
    assert machine.gpu_versions == installed
    assert machine.versions.keys() == {"python", "effmod-bench"}


def test_the_commit_is_gits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commit = environment.read_machine().effmod_commit
    if (Path(environment.__file__).parents[3] / ".git").exists():
        assert commit is not None
        assert re.fullmatch(r"[0-9a-f]{12}(-dirty)?", commit)
    monkeypatch.setattr(
        environment, "__file__", str(tmp_path / "effmod_bench" / "instrument" / "machine" / "machine.py")
    )
    assert environment.read_machine().effmod_commit is None


@pytest.mark.skipif(sys.platform != "linux", reason="affinity of Linux")
def test_cores_are_those_that_this_process_may_use() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {next(iter(allowed))})
        assert system.available_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the system's files hold: nothing, until a test puts something there."""
    contents: dict[str, str] = {}
    monkeypatch.setattr("cpuinfo.get_cpu_info", dict)  # which takes a second
    for module in (conditions, environment, memory, system):
        monkeypatch.setattr(module, "read_text", lambda path: contents.get(str(path)))
    return contents


@pytest.mark.parametrize(
    ("inner", "outer", "quota"),
    [("max 100000", "max 100000", None), ("150000 100000", "max 100000", 1.5), ("150000 100000", "50000 100000", 0.5)],
)
def test_a_containers_limit_on_time_is_the_tightest(
    inner: str, outer: str, quota: float | None, files: dict[str, str]
) -> None:
    files["/proc/self/cgroup"] = "0::/a.slice/b.scope"
    files["/sys/fs/cgroup/a.slice/b.scope/cpu.max"] = inner
    files["/sys/fs/cgroup/a.slice/cpu.max"] = outer
    assert environment.read_machine().cpu_quota == quota


@pytest.mark.parametrize(("quota_us", "quota"), [("-1", None), ("200000", 2.0)])
def test_control_groups_of_version_1_have_limits_too(quota_us: str, quota: float | None, files: dict[str, str]) -> None:
    files["/proc/self/cgroup"] = "4:memory:/docker/1\n1:cpu,cpuacct:/\n0::/"
    files["/sys/fs/cgroup/cpu/cpu.cfs_quota_us"] = quota_us
    files["/sys/fs/cgroup/cpu/cpu.cfs_period_us"] = "100000"
    files["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "1000000"
    machine = environment.read_machine()
    assert machine.cpu_quota == quota
    assert machine.memory_limit_bytes == 1_000_000


@pytest.mark.parametrize("limit", ["max", "9223372036854771712"])
def test_a_limit_beyond_the_memory_there_is_is_none(limit: str, files: dict[str, str]) -> None:
    files["/proc/self/cgroup"] = "0::/a"
    files["/sys/fs/cgroup/a/memory.max"] = limit
    assert environment.read_machine().memory_limit_bytes is None


@pytest.mark.parametrize(("content", "smt"), [("0", False), ("1", True), (None, None)])
def test_two_threads_a_core_is_a_fact_or_unknown(content: str | None, smt: bool | None, files: dict[str, str]) -> None:
    if content is not None:
        files["/sys/devices/system/cpu/smt/active"] = content
    assert environment.read_machine().smt is smt


def test_threads_of_one_core_are_known_by_their_common_list(files: dict[str, str]) -> None:
    assert system.physical_cores([0, 1, 2]) == [[0], [1], [2]]
    for core, siblings in enumerate(("0-1", "0-1", "2-3", "2-3")):
        files[f"/sys/devices/system/cpu/cpu{core}/topology/core_cpus_list"] = siblings
    assert system.physical_cores([0, 1, 3]) == [[0, 1], [3]]


@pytest.mark.skipif(sys.platform != "linux", reason="affinity of Linux")
def test_the_cores_of_this_process_are_named() -> None:
    assert environment.read_machine().affinity == tuple(sorted(os.sched_getaffinity(0)))


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
    }


@pytest.mark.parametrize(("plugged", "on_battery"), [(True, False), (False, True), (None, None)])
def test_a_machine_is_on_battery_or_not_or_one_does_not_know(
    plugged: bool | None, on_battery: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    battery = SimpleNamespace(power_plugged=plugged)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    assert conditions_since(read_moment()).on_battery is on_battery


def test_peak_memory_only_grows() -> None:
    before = memory.peak_memory_bytes()
    ballast = bytearray(50_000_000)
    ballast[::4096] = bytes(len(ballast[::4096]))
    after = memory.peak_memory_bytes()
    assert before is not None
    assert after is not None
    assert after >= before > 0
