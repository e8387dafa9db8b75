import importlib.util
import sys
from collections.abc import Callable

import onnxruntime
import pytest
import torch

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument import available
from effmod_bench.instrument.available import check_installed
from effmod_bench.instrument.process.messages import Broken
from results import Device, Runtime, RuntimeOptions
from tests.fakes import FakeNvml

Driver = Callable[[FakeNvml], None]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Put a stand-in in the place of NVIDIA's driver."""
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")

    def use(nvml: FakeNvml) -> None:
        monkeypatch.setitem(sys.modules, "pynvml", nvml)

    return use


def refusal(runtime: Runtime = Runtime.ONNXRUNTIME, index: int = 0) -> str:
    with pytest.raises(DeviceUnavailableError) as caught:
        available.check_cuda(RuntimeOptions(runtime=runtime, device_index=index))
    return str(caught.value)


def test_without_a_driver_that_is_the_reason(driver: Driver) -> None:
    nvml = FakeNvml()
    nvml.nvmlInit = lambda: nvml._fail()  # type: ignore[method-assign]
    driver(nvml)
    assert refusal().startswith("no NVIDIA driver answers (Not Supported); install it")


def test_a_gpu_that_is_not_there_is_the_reason(driver: Driver) -> None:
    driver(FakeNvml(("one", "two")))
    assert refusal(index=2) == "there is no cuda:2; this machine shows 2 GPUs"


def test_a_driver_that_is_too_old_for_the_wheel_is_the_reason(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(FakeNvml(cuda=12040))
    monkeypatch.setattr(available, "_onnxruntime_build", lambda _: ("onnxruntime-gpu", "13.0", None))
    assert refusal() == "onnxruntime-gpu is built for CUDA 13.0, and the driver goes up to 12.4; update the driver"


def test_a_gpu_that_is_too_old_for_the_wheel_is_the_reason(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(FakeNvml(("Tesla P100",), capability=(6, 0)))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_80", "sm_120", "compute_120"])
    assert "compute capability is 6.0, and PyTorch for CUDA 13.0 has no code for any before 7.5" in refusal(
        Runtime.PYTORCH
    )
    monkeypatch.setattr(torch.version, "cuda", None)
    assert refusal(Runtime.PYTORCH).startswith("the installed PyTorch is built for the CPU alone")


@pytest.mark.parametrize(
    ("installed", "said"),
    [
        (("onnxruntime", "onnxruntime-gpu"), "onnxruntime, for the CPU, lies over onnxruntime-gpu"),
        (("onnxruntime",), "the installed onnxruntime has no CUDAExecutionProvider"),
    ],
)
def test_a_wheel_for_the_cpu_is_the_reason(
    installed: tuple[str, ...], said: str, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(FakeNvml())
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    monkeypatch.setattr(available, "_is_installed", lambda name: name in installed)
    assert refusal().startswith(said)
    assert "pip install onnxruntime-gpu" in refusal()


def test_a_library_that_does_not_load_is_answered_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "SessionError: ONNX Runtime does not run on X: libcudnn.so.9: cannot open shared object file"
    monkeypatch.setattr(available, "run_job", lambda *_, **__: Broken(reason=reason, detail=""))
    with pytest.raises(DeviceUnavailableError, match=r"libcudnn.*; pip install 'onnxruntime-gpu\[cuda,cudnn\]'"):
        available.run_convolution(Device.CUDA, RuntimeOptions())


@pytest.mark.parametrize("runtime", [Runtime.ONNXRUNTIME, Runtime.PYTORCH])
def test_a_convolution_really_runs_on_the_cpu(runtime: Runtime) -> None:
    version = available.run_convolution(Device.CPU, RuntimeOptions(runtime=runtime))
    assert version.split()[0] in ("onnxruntime", "torch")


def test_openvino_that_is_not_installed_is_answered_with_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else find_spec(name))
    with pytest.raises(DeviceUnavailableError, match=r"openvino is not installed; .* -m pip install '?openvino"):
        check_installed(Device.CPU, RuntimeOptions(runtime=Runtime.OPENVINO))
