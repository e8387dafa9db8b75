"""The plan of a package as its user meets it, with Core ML imitated: shares and processors are made up."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from effmod_bench.errors import ExitCode
from effmod_bench.instrument import place
from effmod_bench.instrument.process.messages import Broken, Profiled, ProfileJob
from effmod_bench.instrument.process.profiled import run_profile
from effmod_bench.instrument.profilers.profiler import ProfileError
from results import Profile, Store
from tests.effmod_bench.instrument.sessions import test_coreml as mac
from tests.effmod_bench.instrument.sessions.test_coreml import AppleModel, AppleOperator, ApplePlan, apple  # noqa: F401
from tests.effmod_bench.support import effmod
from tests.exporters.coreml.support import operators, write
from tests.exporters.support import Small

pytestmark = mac.pytestmark

NETWORK = """
from torch import nn

class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU())
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        return self.head(self.stem(x).mean(dim=(2, 3)))

def tiny():
    return Tiny()
"""
WEIGHTS = {"conv": (0.5, "NeuralEngine"), "linear": (0.25, "CPU")}


def plan_of(package: Path) -> list[AppleOperator]:
    """A plan for the operators that the package has."""
    made = []
    for each in operators(package):
        weight, device = WEIGHTS.get(each.type, (None, None))
        read = [binding.name for argument in each.inputs.values() for binding in argument.arguments if binding.name]
        gives = tuple(value.name for value in each.outputs)
        made.append(AppleOperator(f"ios16.{each.type}", device, weight, gives, tuple(read)))
    return made


@pytest.fixture(autouse=True)
def on_a_mac(apple: type[AppleModel], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[AppleModel]:  # noqa: F811
    def get_compute_plan(cls: type[AppleModel], *_: str) -> Any:
        from coremltools.models.compute_plan import MLComputePlan

        return MLComputePlan(ApplePlan(plan_of(cls.opened)))

    def run_job(job: ProfileJob, **_: Any) -> Profiled | Broken:
        try:
            return run_profile(job, on_warm=lambda _: None)
        except ProfileError as error:  # as the worker does
            return Broken(reason=str(error), detail="")

    monkeypatch.setattr(apple, "get_compute_plan", classmethod(get_compute_plan))
    monkeypatch.setattr(place, "run_job", run_job)
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NETWORK)
    return apple


def test_a_network_is_exported_and_its_plan_shown_and_kept(on_a_mac: type[AppleModel]) -> None:
    done = effmod("profile", "net.py:tiny", "--device", "coreml", "--image-size", "32", "--store", "s")
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert "estimated by Core ML's compute plan: nothing was run, and nothing was timed" in said
    assert "100 % of the estimated work belongs to a module" in said
    assert " ms " not in said
    assert on_a_mac.fed == []
    (record,) = Store(Path("s")).read_kind(Profile)
    assert (record.run_us, record.kernel_us, record.plan.processes) == ((), (), 1)
    assert sum(record.weights) == 0.75
    assert {each.module for each in record.operators} == {"", "stem.0", "stem.1", "head"}
    again = effmod("show", "s", "--run", record.run_id)
    assert "stem.0 66.7 % 1 Neural Engine" in " ".join(again.stdout.split())
    (row,) = json.loads(effmod("show", "s", "--output-format", "json").stdout)
    assert sum(row["estimated_shares"]) == pytest.approx(1)
    (row,) = csv.DictReader(io.StringIO(effmod("show", "s", "--output-format", "csv").stdout))
    assert (row["basis"], row["run_ms"]) == ("estimated", "")
    assert effmod("report", "s", "--output", "r.html").exit_code == 0
    page = Path("r.html").read_text()
    assert "nothing was run, and nothing was timed" in page
    assert "its share of the work, as Core ML" in page


def test_a_package_without_a_sidecar_is_shown_by_its_operators() -> None:
    made = effmod("export", "net.py:tiny", "--image-size", "32", "--format", "coreml", "--output", "out")
    assert made.exit_code == 0, made.output
    (sidecar,) = Path("out").glob("*.json")
    package = str(sidecar.with_suffix(""))
    options = ("--device", "coreml", "--output-format", "csv", "--store", "s")
    rows = list(csv.DictReader(io.StringIO(effmod("profile", package, "--depth", "1", *options).stdout)))
    assert [row["path"] for row in rows] == ["", "", "stem.0", "head", "stem.1"]
    assert float(rows[2]["estimated_share"]) == pytest.approx(2 / 3, abs=1e-3)
    assert [row["processors"] for row in rows[2:]] == ["Neural Engine", "CPU", "unknown"]
    sidecar.unlink()
    asked = effmod("profile", package, "--by", "module", *options)
    assert asked.exit_code == ExitCode.USAGE
    assert "names no modules: it has no sidecar" in asked.stderr
    done = effmod("profile", package, *options)
    assert done.exit_code == 0, done.output
    assert "names no modules: here are its operators" in done.stderr
    first, second, *_ = csv.DictReader(io.StringIO(done.stdout))
    assert [row["name"].split()[0] for row in (first, second)] == ["conv", "linear"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--trace", "t.json"), "--trace is of times"),
        (("--model-explorer", "m.json"), "--model-explorer is of times"),
        (("--runs", "3"), "--runs is of what runs, and of Core ML a plan is read"),
        (("--processes", "2"), "--processes is of what runs"),
        (("--threads", "2"), "--threads is for the CPU"),
    ],
)
def test_what_is_of_times_is_not_of_a_plan(arguments: tuple[str, ...], why: str) -> None:
    done = effmod("profile", "net.py:tiny", "--device", "coreml", *arguments)
    assert done.exit_code == ExitCode.USAGE
    assert why in done.stderr


def test_a_mac_that_tells_no_plan_is_a_record_with_its_reason(
    on_a_mac: type[AppleModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("effmod_bench.instrument.profilers.coreml.CoreMLSession.plan", None)
    write(Small().eval(), Path("x.mlpackage"))
    done = effmod("profile", "x.mlpackage", "--device", "coreml", "--store", "s")
    assert done.exit_code == ExitCode.SOME_FAILED
    assert "Core ML tells no plan of it: that is for macOS 14.4 or later" in " ".join(done.stderr.split())
    (record,) = Store(Path("s")).read_kind(Profile)
    assert record.failure is not None
    for arguments in (("show", "s"), ("show", "s", "--run", record.run_id)):
        again = effmod(*arguments)
        assert (again.exit_code, again.stdout) == (0, "")
        assert "x.mlpackage: Core ML tells no plan of it" in " ".join(again.stderr.split())
        assert json.loads(effmod(*arguments, "--output-format", "json").stdout) == []
    assert on_a_mac.fed == []
