import os
import re
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import msgspec
import psutil
import pytest

from effmod_bench.instrument.machine import machine as environment


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


@pytest.mark.parametrize(("content", "smt"), [("0", False), ("1", True), (None, None)])
def test_two_threads_a_core_is_a_fact_or_unknown(content: str | None, smt: bool | None, files: dict[str, str]) -> None:
    if content is not None:
        files["/sys/devices/system/cpu/smt/active"] = content
    assert environment.read_machine().smt is smt


@pytest.mark.skipif(sys.platform != "linux", reason="affinity of Linux")
def test_the_cores_of_this_process_are_named() -> None:
    assert environment.read_machine().affinity == tuple(sorted(os.sched_getaffinity(0)))
