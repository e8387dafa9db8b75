import json

import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument import available
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.runs import doctor


def test_nothing_is_tried_while_another_effmod_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("it was tried")

    monkeypatch.setattr(doctor, "run_convolution", never)
    with measuring_alone(wait=False, on_wait=never):
        done = CliRunner().invoke(app, ["doctor", "--device", "cpu", "--no-wait"])
    assert done.exit_code == 3
    assert "another effmod measures on this machine" in " ".join(done.stderr.split())


def test_doctor_ends_well_where_the_device_asked_for_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gpu(_: object) -> None:
        raise DeviceUnavailableError("no driver")

    monkeypatch.setattr(available, "check_cuda", no_gpu)
    monkeypatch.setattr(doctor, "run_convolution", lambda *_: "a runtime 1.0")
    result = CliRunner().invoke(app, ["doctor", "--output-format", "json"])
    assert result.exit_code == 0, result.output
    findings = {(row["device"], row["runtime"]): row["usable"] for row in json.loads(result.stdout)}
    assert findings["cpu", "onnxruntime"]
    assert not findings["cuda", "onnxruntime"]
    result = CliRunner().invoke(app, ["doctor", "--device", "cuda:1"])
    assert result.exit_code == 3
    assert "cuda: no driver" in result.stdout
    assert "onnxruntime cannot run on cuda here; the table says why" in " ".join(result.stderr.split())
