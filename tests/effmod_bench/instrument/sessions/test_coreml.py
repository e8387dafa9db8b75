"""Core ML, with a stand-in for the compiled part of coremltools, which alone calls Apple's framework.

All of coremltools that is Python runs as it is on a Mac: its checks of what it is given, and its types.
"""

import importlib.util
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from typer.testing import CliRunner

import models
from effmod_bench import errors
from effmod_bench.cli import app
from effmod_bench.instrument import available, place
from effmod_bench.instrument.process.inputs import make_inputs
from effmod_bench.instrument.process.messages import Broken, Job, Loaded, Message, Timed, Warm
from effmod_bench.instrument.process.single import run as run_job
from effmod_bench.instrument.sessions.registry import open_session
from effmod_bench.instrument.sessions.session import Session, SessionRequest
from exporters import CoreMLConfig, InputKind
from exporters.coreml.export import PackageMetadata, export
from exporters.coreml.package import read_tensors
from exporters.coreml.tools import import_coremltools
from models import Preprocessing
from results import ComputeUnits, Device, InputTensor, Runtime, RuntimeOptions, Store
from tests.exporters.support import Small

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("coremltools") is None, reason="coremltools has no wheel for this platform and Python"
)


class AppleOperator(NamedTuple):
    """An operator of a program, as Core ML tells of it: where it would run, its estimated cost, and its values."""

    name: str
    device: str | None = None
    weight: float | None = None
    gives: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


OPERATORS = (
    AppleOperator("const"),
    AppleOperator("ios16.conv", "NeuralEngine"),
    AppleOperator("ios16.conv", "NeuralEngine"),
    AppleOperator("softmax", "GPU"),
    AppleOperator("cast", "CPU"),
    AppleOperator("ios16.pad"),
)
NODES = {"Neural Engine": {"conv": 2}, "GPU": {"softmax": 1}, "CPU": {"cast": 1}, "an unknown processor": {"pad": 1}}


class AppleDevice:
    """libcoremlpython's handle of a processor."""


class ApplePlan:
    """libcoremlpython's `_MLComputePlanProxy`, of a program with such operators."""

    def __init__(self, made_of: Sequence[AppleOperator]) -> None:
        from coremltools.models import compute_device, compute_plan

        self._costs = [each.weight and compute_plan.MLComputePlanCost(weight=each.weight) for each in made_of]
        self._usages = [
            each.device
            and compute_plan.MLComputePlanDeviceUsage(
                preferred_compute_device=getattr(compute_device, f"ML{each.device}ComputeDevice")(AppleDevice()),
                supported_compute_devices=[],
            )
            for each in made_of
        ]
        operators = [
            compute_plan.MLModelStructureProgramOperation(
                inputs={f"in{i}": _argument(name) for i, name in enumerate(each.reads)},
                operator_name=each.name,
                outputs=[_named(name) for name in each.gives],
                blocks=[],
                __proxy__=place,
            )
            for place, each in enumerate(made_of)
        ]
        block = compute_plan.MLModelStructureProgramBlock(inputs=[], operations=operators, output_names=[])
        main = compute_plan.MLModelStructureProgramFunction(inputs=[], block=block)
        self.model_structure = compute_plan.MLModelStructure(
            neuralnetwork=None, program=compute_plan.MLModelStructureProgram({"main": main}), pipeline=None
        )

    def get_compute_device_usage_for_mlprogram_operation(self, operation: Any) -> Any:
        return self._usages[operation.__proxy__]

    def get_estimated_cost_for_mlprogram_operation(self, operation: Any) -> Any:
        return self._costs[operation.__proxy__]


def _argument(name: str) -> Any:
    """A value that is read; next to it, as of some parameters, a constant without a name."""
    from coremltools.models.compute_plan import MLModelStructureProgramArgument, MLModelStructureProgramBinding

    bindings = [MLModelStructureProgramBinding(name=each, value=None) for each in (name, None)]
    return MLModelStructureProgramArgument(bindings=bindings)


def _named(name: str) -> Any:
    from coremltools.models.compute_plan import MLModelStructureProgramNamedValueType as NamedValueType
    from coremltools.models.compute_plan import MLModelStructureProgramValueType as ValueType

    return NamedValueType(name=name, type=ValueType())


class AppleModel:
    """libcoremlpython's `_MLModelProxy`. Attributes of the class are what a test sets, and what it looks at."""

    has_plans = True
    operators: Sequence[AppleOperator] = OPERATORS
    opened: Path  # the package
    outputs: dict[str, Any] = {"logits": np.zeros((1, 10), np.float32)}  # noqa: RUF012 - set by tests, never changed
    loaded: list[tuple[str, str]]
    fed: list[dict[str, Any]]

    def __init__(self, path: str, compute_units: str, _: str, __: dict[str, str], ___: None) -> None:
        type(self).opened = Path(path)
        self.loaded.append((Path(path).name, compute_units))

    @staticmethod
    def maximum_supported_specification_version() -> int:
        return 9

    def predict(self, data: dict[str, Any], _: None) -> dict[str, Any]:
        self.fed.append(data)
        return self.outputs

    def get_compiled_model_path(self) -> str:
        return "compiled.mlmodelc"

    @classmethod
    def get_compute_plan(cls, path: str, compute_units: str) -> Any:
        from coremltools.models.compute_plan import MLComputePlan

        if not cls.has_plans:
            raise RuntimeError("MLComputePlan is only available on macOS >= 14.4")
        cls.loaded.append((path, compute_units))
        return MLComputePlan(ApplePlan(cls.operators))


@pytest.fixture
def apple(monkeypatch: pytest.MonkeyPatch) -> type[AppleModel]:
    """A Mac, as far as coremltools and effmod can tell."""
    import_coremltools()
    from coremltools.models import compute_device, compute_plan, model

    class Proxy(AppleModel):
        loaded: list[tuple[str, str]] = []  # noqa: RUF012
        fed: list[dict[str, Any]] = []  # noqa: RUF012

    for module in (model, compute_plan):
        monkeypatch.setattr(module, "_MLModelProxy", Proxy)
    monkeypatch.setattr(compute_plan, "_MLComputePlanProxy", ApplePlan)
    for name in ("CPU", "GPU", "NeuralEngine"):
        monkeypatch.setattr(compute_device, f"_ML{name}ComputeDeviceProxy", AppleDevice)
    monkeypatch.setattr("platform.mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    monkeypatch.setattr(available, "platform", SimpleNamespace(system=lambda: "Darwin"))
    return Proxy


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[InputKind, Path]:
    """A small network, as it takes an image and as it takes a tensor."""
    model = Small().eval()
    models.fill(model, image_size=32)
    metadata = PackageMetadata(model="small", paper="", weights="", rewrites=(), versions={})
    folder = tmp_path_factory.mktemp("packages")
    for kind in InputKind:
        export(model, folder / f"{kind}.mlpackage", CoreMLConfig(image_size=32, input=kind), Preprocessing(), metadata)
    return {kind: folder / f"{kind}.mlpackage" for kind in InputKind}


def request(path: Path, units: ComputeUnits = ComputeUnits.ALL) -> SessionRequest:
    options = RuntimeOptions(runtime=Runtime.COREML, compute_units=units)
    return SessionRequest(path=str(path), device=Device.COREML, options=options, intra_op_num_threads=0)


def inputs_of(path: Path) -> tuple[InputTensor, ...]:
    return tuple(
        InputTensor(name=x.name, dtype=x.dtype, shape=tuple(int(size) for size in x.shape or ()))
        for x in read_tensors(path)[0]
    )


def feed(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    return make_inputs(inputs_of(path), {}, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))[0]


def open_package(path: Path, units: ComputeUnits = ComputeUnits.ALL) -> Session:
    return open_session(request(path, units), feed(path))


def job(path: Path) -> Job:
    return Job(
        session=request(path),
        inputs=inputs_of(path),
        warmup_runs=3,
        runs=20,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
    )


def test_an_image_input_is_fed_an_image(apple: type[AppleModel], packages: dict[InputKind, Path]) -> None:
    session = open_package(packages[InputKind.IMAGE])
    session.run()
    image = apple.fed[0]["input"]
    assert isinstance(image, Image.Image)
    assert (image.mode, image.size) == ("RGB", (32, 32))
    assert np.array_equal(np.asarray(image).transpose(2, 0, 1), feed(packages[InputKind.IMAGE])["input"][0])
    assert np.asarray(image).std() > 10  # a picture, not a plane
    assert session.outputs()["logits"] is apple.outputs["logits"]


def test_a_tensor_input_is_fed_a_normalized_tensor(apple: type[AppleModel], packages: dict[InputKind, Path]) -> None:
    open_package(packages[InputKind.TENSOR]).run()
    x = apple.fed[0]["input"]
    assert (x.dtype, x.shape) == (np.float32, (1, 3, 32, 32))
    assert x.min() < 0 < x.max()


@pytest.mark.parametrize("units", ComputeUnits)
def test_the_compute_units_asked_for_are_those_loaded(
    units: ComputeUnits, apple: type[AppleModel], packages: dict[InputKind, Path]
) -> None:
    session = open_package(packages[InputKind.TENSOR], units)
    assert session.facts().execution_provider == units
    name = units.replace("-", "_").upper()
    assert apple.loaded == [("tensor.mlpackage", name), ("compiled.mlmodelc", name)]


@pytest.mark.usefixtures("apple")
def test_the_plan_says_how_many_operators_run_where(packages: dict[InputKind, Path]) -> None:
    facts = open_package(packages[InputKind.TENSOR]).facts()
    assert facts.nodes == NODES
    assert facts.runtime.endswith("on macOS 15.1")
    assert facts.intra_op_num_threads is None


def test_an_older_mac_has_no_plan_and_measures_all_the_same(
    apple: type[AppleModel], packages: dict[InputKind, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apple, "has_plans", False)
    assert open_package(packages[InputKind.TENSOR]).facts().nodes is None


def test_of_a_classifier_the_tensors_are_looked_at(
    apple: type[AppleModel], packages: dict[InputKind, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apple, "outputs", {"classLabel": "cat", "logits": {"cat": 1.0}})
    session = open_package(packages[InputKind.IMAGE])
    session.run()
    assert session.outputs() == {}


def test_the_worker_times_every_run(apple: type[AppleModel], packages: dict[InputKind, Path]) -> None:
    messages: list[Message] = []
    run_job(job(packages[InputKind.IMAGE]), messages.append)
    loaded, warm, timed = messages
    assert isinstance(loaded, Loaded)
    assert isinstance(warm, Warm)
    assert isinstance(timed, Timed)
    assert len(timed.durations_ns) == 20
    assert len(apple.fed) == 1 + timed.warmup_runs + 20
    assert timed.session.nodes == NODES


def test_nan_is_a_failure(
    apple: type[AppleModel], packages: dict[InputKind, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apple, "outputs", {"logits": np.full((1, 10), np.nan, np.float32)})
    with pytest.raises(FloatingPointError, match="'logits' holds NaN"):
        run_job(job(packages[InputKind.IMAGE]), lambda _: None)


@pytest.mark.skipif(sys.platform == "darwin", reason="there it works")
@pytest.mark.skipif(sys.platform == "darwin", reason="there it works")
def test_without_core_ml_the_first_inference_says_so(packages: dict[InputKind, Path]) -> None:
    import_coremltools()
    session = open_package(packages[InputKind.IMAGE])
    with pytest.raises(Exception, match="only supported on macOS"):
        session.run()


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds in this process, where the stand-in is."""

    def run_here(
        job: Job, *, on_warm: Callable[[Warm], None], tick: Callable[[float], None], **__: object
    ) -> Timed | Broken:
        messages: list[Message] = []
        run_job(job, messages.append)
        _, warm, last = messages
        assert isinstance(warm, Warm)
        assert isinstance(last, Timed)
        on_warm(warm)
        tick(0.1)
        return last

    monkeypatch.setattr(place, "run_job", run_here)


NETWORK = """
from torch import nn

def tiny():
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
"""


@pytest.mark.usefixtures("in_process")
def test_a_network_is_exported_and_measured_on_a_mac(apple: type[AppleModel], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    options = ["--image-size", "32", "--runs", "6", "--rounds", "2", "--warmup", "1", "--compute-units", "cpu-and-ne"]
    done = CliRunner().invoke(app, ["bench", "net.py:tiny", "--device", "coreml", *options, "-v"])
    assert done.exit_code == 0, done.output
    assert "Core ML, compute units: cpu-and-ne, batch 1, 32 px, rewritten form, 6 timed runs, 2 rounds" in done.stdout
    assert "net.py:tiny: 2 operators on Neural Engine: conv 2" in done.stderr
    assert "thread" not in done.stderr
    records = Store(tmp_path / "effmod-results").read()
    assert [len(record.durations_ns) for record in records] == [3, 3]
    for record in records:
        artifact = record.artifact
        assert (artifact.format, artifact.opset, artifact.specification_version) == ("coreml", None, 7)
        assert artifact.inputs[0].dtype == "image"
        assert record.plan.options.compute_units is ComputeUnits.CPU_AND_NE
        assert record.environment.threads is None
        assert "coremltools" in record.environment.machine.versions
        assert record.environment.session is not None
        assert record.environment.session.nodes == NODES
    assert apple.loaded[0] == ("net.py-tiny.mlpackage", "CPU_AND_NE")


@pytest.mark.usefixtures("apple", "in_process")
def test_a_package_is_known_by_its_sidecar_as_long_as_it_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    export_options = ["--image-size", "32", "--format", "coreml", "--input", "tensor", "--output", "out"]
    assert CliRunner().invoke(app, ["export", "net.py:tiny", *export_options]).exit_code == 0
    options = ["--device", "coreml", "--runs", "2", "--rounds", "1", "--output-format", "json"]
    package = "out/net.py-tiny-tensor.mlpackage/"  # as a shell completes it
    (row,) = json.loads(CliRunner().invoke(app, ["bench", package, *options]).stdout)
    assert (row["name"], row["artifact"]["form"], row["options"]["compute_units"]) == (
        "net.py:tiny",
        "rewritten",
        "all",
    )
    model = Path(package) / "Data" / "com.apple.CoreML" / "model.mlmodel"
    model.write_bytes(model.read_bytes() + b"\x08\x07")  # the specification version once more
    (row,) = json.loads(CliRunner().invoke(app, ["bench", package, *options]).stdout)
    assert (row["name"], row["artifact"]["form"]) == (Path(package).name, None)
    assert row["artifact"]["specification_version"] == 7
    (fed,) = row["artifact"]["inputs"]
    assert (fed["name"], fed["shape"], fed["dtype"]) == ("input", [1, 3, 32, 32], "float32")
    assert fed["fed"]["value"] == "image"


def test_elsewhere_nothing_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "platform", SimpleNamespace(system=lambda: "Linux", release=lambda: "6.1"))
    monkeypatch.setenv("EFFMOD_CACHE", str(tmp_path / "cache"))
    done = CliRunner().invoke(app, ["bench", "efficientmod_xxs", "--device", "coreml"])
    assert done.exit_code == 3
    assert "Core ML runs on macOS only, and this is Linux 6.1" in done.stderr
    assert "effmod record add" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_mac_without_coremltools_says_which_pythons_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mac = SimpleNamespace(system=lambda: "Darwin", python_version=lambda: "3.14.0")
    monkeypatch.setattr(available, "platform", mac)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(errors.DeviceUnavailableError, match=r"Python 3\.11 to 3\.13, and this is 3\.14\.0"):
        available.check_installed(Device.COREML, RuntimeOptions(runtime=Runtime.COREML))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["x.onnx", "--device", "coreml"], "x.onnx is no coreml file; leave --device coreml out"),
        (["x.mlpackage"], "x.mlpackage is no onnx file; give --device coreml"),
        (["--device", "coreml", "--threads", "2"], "--threads is for the CPU"),
        (["--device", "coreml", "--format", "onnx"], "--format onnx does not run on --device coreml, but on"),
        (["--format", "coreml"], "--format coreml does not run on --device cpu, but on --device coreml"),
        (["--compute-units", "all"], "--compute-units goes with --device coreml"),
        (["--device", "coreml", "--opset", "18"], "--opset goes with --format onnx"),
        (["--device", "coreml", "--batch-size", "2"], "a batch needs the input 'tensor'"),
        (["x.mlpackage", "--device", "coreml", "--target", "iOS17"], "--target is for networks that effmod exports"),
        (["x.mlpackage", "--device", "coreml", "--dry-run"], "x.mlpackage is not a Core ML package"),
    ],
)
def test_what_does_not_go_together_is_said(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["bench", *arguments])
    assert done.exit_code == 2
    assert said in done.stderr
