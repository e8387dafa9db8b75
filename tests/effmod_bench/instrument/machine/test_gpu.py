import os
import sys

import pytest

from effmod_bench.instrument.machine import gpu
from effmod_bench.instrument.machine.gpu import (
    NoDriverError,
    compute_capability,
    count_gpus,
    driver_cuda_version,
    own_memory_bytes,
)
from results import GpuState
from tests.fakes import FakeNvml


@pytest.fixture(autouse=True)
def _by_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def use(monkeypatch: pytest.MonkeyPatch, nvml: FakeNvml) -> FakeNvml:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    return nvml


def test_the_state_is_what_the_driver_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = use(monkeypatch, FakeNvml(pids=(os.getpid(), 11, 12)))
    assert gpu.read_gpu(0) == GpuState(
        name="A GPU",
        driver="580.1",
        memory_total_bytes=80 << 30,
        memory_used_bytes=1 << 30,
        sm_clock_mhz=1980,
        memory_clock_mhz=2619,
        temperature_c=41,
        power_w=120.5,
        throttle_reasons=("SwPowerCap",),  # an idle GPU's clocks are no throttling
        other_processes=2,
    )
    assert own_memory_bytes(0) == 7
    assert nvml.open == 0


def test_what_the_driver_does_not_tell_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = ("DeviceGetPowerUsage", "DeviceGetMemoryInfo", "DeviceGetComputeRunningProcesses")
    use(monkeypatch, FakeNvml(silent=silent))
    state = gpu.read_gpu(0)
    assert state is not None
    assert (state.power_w, state.memory_total_bytes, state.other_processes) == (None, None, None)
    assert state.temperature_c == 41
    assert own_memory_bytes(0) is None


@pytest.mark.parametrize(
    ("visible", "order", "names"),
    [
        (None, "PCI_BUS_ID", ["first", "second", None]),
        ("1", "PCI_BUS_ID", ["second", None, None]),
        ("1,0", "PCI_BUS_ID", ["second", "first", None]),
        ("GPU-1,GPU-0", "FASTEST_FIRST", ["second", "first", None]),
        # Which one CUDA calls the first is not known then.
        (None, "FASTEST_FIRST", [None, None, None]),
        ("1,0", "FASTEST_FIRST", [None, None, None]),
    ],
)
def test_the_gpu_is_the_one_that_cuda_means(
    visible: str | None, order: str, names: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_DEVICE_ORDER", order)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    use(monkeypatch, FakeNvml(("first", "second")))
    states = [gpu.read_gpu(index) for index in range(3)]
    assert [state.name if state else None for state in states] == names


def test_gpus_are_numbered_as_nvidia_smi_does_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_DEVICE_ORDER")
    gpu.number_by_bus()
    assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "FASTEST_FIRST")
    gpu.number_by_bus()
    assert os.environ["CUDA_DEVICE_ORDER"] == "FASTEST_FIRST"


def test_what_the_driver_supports_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, FakeNvml(("a", "b"), cuda=12040, capability=(6, 0)))
    assert driver_cuda_version() == (12, 4)
    assert compute_capability(0) == (6, 0)
    assert count_gpus() == 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert count_gpus() == 1


def test_a_visible_device_that_is_no_number_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    use(monkeypatch, FakeNvml(("a", "b")))
    for visible, known in (("1", True), ("²", False)):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert (gpu.read_gpu(0) is not None) == known


def test_without_a_driver_there_is_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = FakeNvml()

    def fail() -> None:
        raise nvml.NVMLError("NVML Shared Library Not Found")

    monkeypatch.setattr(nvml, "nvmlInit", fail)
    use(monkeypatch, nvml)
    assert gpu.read_gpu(0) is None
    assert own_memory_bytes(0) is None
    with pytest.raises(NoDriverError, match="Library Not Found"):
        driver_cuda_version()
