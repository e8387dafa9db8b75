import csv
import io

import pytest

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument import available
from effmod_bench.instrument.process.messages import Broken, Job, Timed
from effmod_bench.instrument.sessions.registry import NETWORK_RUNTIMES
from effmod_bench.runs import doctor
from effmod_bench.screen.console import Console
from results import Device, Rate, Roof, Runtime, RuntimeOptions
from results.tables.write import OutputFormat
from tests.fakes import session_facts

NO_DRIVER = (
    "no NVIDIA driver answers; install it, until 'nvidia-smi' lists the GPU (a container starts with --gpus all)"
)


def no_gpu(_: RuntimeOptions) -> None:
    raise DeviceUnavailableError(NO_DRIVER)


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


def test_with_details_it_says_what_the_machine_can_do_at_best(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rates = [Rate(per_s=per_s, low=per_s / 2, high=per_s, size_bytes=1, by="numpy") for per_s in (50e9, 9e9, 4e9)]
    roof = Roof(threads=1, multiply_adds=rates[0], bytes=tuple(rates[1:]))
    monkeypatch.setattr(doctor, "obtain_roof", lambda *_, **__: roof)
    monkeypatch.setattr(doctor, "run_convolution", lambda *_: "onnxruntime 1")
    doctor.examine(Console(1), Device.CPU, 0, OutputFormat.TABLE, wait=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "100 GFLOP/s in float32 (a product of matrices by numpy; the slowest process 50 % less)" in said
    assert "9 GB/s in the nearest cache, 4 GB/s in memory" in said


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


def test_what_a_subnormal_product_costs_is_said_of_the_cpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "run_convolution", lambda *_: "a runtime 1.0")
    monkeypatch.setattr(doctor, "subnormal_cost", lambda: 37.04)
    doctor.examine(Console(), Device.CPU, 0, OutputFormat.TABLE, wait=False)
    assert "takes 37.0 times as long as another (float32, in numpy)" in " ".join(capsys.readouterr().out.split())
    doctor.examine(Console(), Device.CPU, 0, OutputFormat.CSV, wait=False)
    rows = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert {row["subnormal_cost"] for row in rows} == {"37.04"}
