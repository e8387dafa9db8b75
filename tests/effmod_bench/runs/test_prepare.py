from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument import available
from effmod_bench.runs import prepare
from effmod_bench.tuning import tune
from results import Device, RuntimeOptions


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
