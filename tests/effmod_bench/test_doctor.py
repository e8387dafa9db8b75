import csv
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import onnxruntime
import pytest
import torch
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument import available
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.process.messages import Broken, Job, Timed
from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES
from effmod_bench.runs import doctor, prepare
from effmod_bench.screen.console import Console
from effmod_bench.tuning import tune
from results import Device, Runtime, RuntimeOptions
from results.tables.write import OutputFormat
from tests.fakes import FakeNvml, session_facts

Driver = Callable[[FakeNvml], None]
NO_DRIVER = (
    "no NVIDIA driver answers; install it, until 'nvidia-smi' lists the GPU (a container starts with --gpus all)"
)


def no_gpu(_: RuntimeOptions) -> None:
    raise DeviceUnavailableError(NO_DRIVER)


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


def test_a_runtime_that_ends_the_process_does_not_end_doctor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run_job(job: Job, **_: object) -> Timed | Broken:
        if job.session.options.runtime is Runtime.OPENVINO:
            return Broken(reason="the process was ended by SIGSEGV", detail="")
        return Timed(
            session=session_facts(), load_ns=1, first_inference_ns=1, durations_ns=(1,), peak_memory_bytes=None
        )

    monkeypatch.setattr(available, "run_job", run_job)
    monkeypatch.setattr(available, "check_cuda", no_gpu)
    doctor.examine(Console(), None, 0, OutputFormat.CSV, wait=False)
    rows = {(row["device"], row["runtime"]): row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert rows["cpu", "onnxruntime"]["usable"] == "yes"
    assert rows["cpu", "onnxruntime"]["version"] == "onnxruntime 1"
    assert rows["cpu", "openvino"]["reason"] == "the process was ended by SIGSEGV"
    assert rows["cuda", "pytorch"]["reason"] == NO_DRIVER


def test_only_the_device_that_is_asked_for_is_tried_and_a_common_reason_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(available, "check_cuda", no_gpu)
    with pytest.raises(DeviceUnavailableError, match="onnxruntime cannot run on cuda here; the table says why"):
        doctor.examine(Console(), Device.CUDA, 0, OutputFormat.TABLE, wait=False)
    said = capsys.readouterr()
    assert "cpu" not in said.out
    assert said.out.count("no NVIDIA driver answers") == 1
    assert "trying" not in said.err
    table = said.out.partition("cuda: no NVIDIA driver answers")[0].splitlines()
    assert max(map(len, table)) <= 80
    assert len([line for line in table if line.split()[:1] == ["cuda"]]) == 4


def test_reasons_that_differ_name_their_runtimes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lacks(_: Device, options: RuntimeOptions) -> str:
        if options.runtime is Runtime.OPENVINO:
            return "openvino 1"
        raise DeviceUnavailableError("no torch" if options.runtime in NETWORK_RUNTIMES else "no wheel")

    monkeypatch.setattr(doctor, "check_installed", lambda *_: None)
    monkeypatch.setattr(doctor, "run_convolution", lacks)
    with pytest.raises(DeviceUnavailableError):
        doctor.examine(Console(-1), Device.CPU, 0, OutputFormat.TABLE, wait=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["cpu, onnxruntime: no wheel", "cpu, pytorch, torch-compile: no torch"]


def test_nothing_is_tried_while_another_effmod_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was tried")

    monkeypatch.setattr(available, "run_convolution", never)
    with measuring_alone(wait=False, on_wait=never):
        done = CliRunner().invoke(app, ["doctor", "--device", "cpu", "--no-wait"])
    assert done.exit_code == 3
    assert "another effmod measures on this machine" in " ".join(done.stderr.split())


@pytest.mark.parametrize("runtime", [Runtime.ONNXRUNTIME, Runtime.PYTORCH])
def test_a_convolution_really_runs_on_the_cpu(runtime: Runtime) -> None:
    version = available.run_convolution(Device.CPU, RuntimeOptions(runtime=runtime))
    assert version.split()[0] in ("onnxruntime", "torch")


@pytest.mark.parametrize("command", ["bench", "compare", "tune"])
def test_before_a_gpu_is_measured_a_convolution_runs_on_it_when_nobody_else_measures(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[object] = []

    @contextmanager
    def alone(**_: object) -> Iterator[None]:
        events.append("alone")
        yield

    def fail(*arguments: object) -> None:
        events.append(arguments)
        raise DeviceUnavailableError("the convolution failed")

    monkeypatch.setattr(available, "check_cuda", events.append)
    monkeypatch.setattr(available, "run_convolution", fail)
    for module in (prepare, tune):
        monkeypatch.setattr(module, "measuring_alone", alone)
    targets = ["efficientmod_xxs"] if command == "tune" else ["efficientmod_xxs", "efficientmod_xs"]
    done = CliRunner().invoke(app, [command, *targets, "--device", "cuda:1"])
    assert done.exit_code == 3
    assert "the convolution failed" in done.stderr
    assert "exporting" not in done.stderr
    options = RuntimeOptions(device_index=1)
    assert events == [options, "alone", (Device.CUDA, options)]
