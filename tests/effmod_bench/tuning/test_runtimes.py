"""On which runtimes a target is tuned, and what is proved of each; the worker's times are made up."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.instrument.process.messages import PairJob
from effmod_bench.options.export import ExportChoices
from effmod_bench.targets.target import FileTarget, NetworkTarget
from effmod_bench.tuning import proof, runtimes
from effmod_bench.tuning.runtimes import choose_runtimes
from models import find_model
from results import ComparisonPlan, Device, Runtime, RuntimeOptions
from results.statistics.tuning import Decision
from tests.effmod_bench.tuning.support import decisions, let_take, relu, report, tune
from tests.fakes import write_onnx

NETWORK = NetworkTarget(spec=find_model("efficientmod_xxs"), choices=ExportChoices(), as_it_is=False)
FILE = FileTarget(path=Path("net.onnx"), shapes={}, batch_size=1)
BOTH = "onnxruntime,openvino"


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> set[Runtime]:
    """Runtimes that are not installed; all others are."""
    missing: set[Runtime] = set()

    def check(_: Device, options: RuntimeOptions) -> None:
        if options.runtime in missing:
            raise DeviceUnavailableError(f"{options.runtime} is not installed")

    monkeypatch.setattr(runtimes, "check_installed", check)
    return missing


def test_where_nobody_says_those_are_tried_that_are_installed_and_can_run_it(lacking: set[Runtime]) -> None:
    every = (Runtime.ONNXRUNTIME, Runtime.OPENVINO, Runtime.TORCH_COMPILE)
    assert choose_runtimes(None, ComparisonPlan(), NETWORK) == every
    assert choose_runtimes(None, ComparisonPlan(), FILE) == every[:2]
    assert choose_runtimes(None, ComparisonPlan(device=Device.CUDA), NETWORK) == every[:1]
    zero = ComparisonPlan(options=RuntimeOptions(denormal_as_zero=True))
    assert choose_runtimes(None, zero, NETWORK) == every[:1]
    lacking.add(Runtime.OPENVINO)
    assert choose_runtimes(None, ComparisonPlan(), FILE) == every[:1]
    with pytest.raises(DeviceUnavailableError, match="openvino is not installed"):
        choose_runtimes((Runtime.OPENVINO,), ComparisonPlan(), FILE)


@pytest.mark.usefixtures("lacking")
def test_what_runs_files_comes_first(lacking: set[Runtime]) -> None:
    assert not lacking
    asked = (Runtime.TORCH_COMPILE, Runtime.OPENVINO)
    assert choose_runtimes(asked, ComparisonPlan(), NETWORK) == asked[::-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("net.onnx", "--runtime", "torch-compile"), "torch-compile runs networks, not net.onnx; leave it out"),
        (("efficientmod_xxs", "--runtime", "pytorch"), "give --runtime onnxruntime,pytorch"),
        (("net.onnx", "--runtime", "tensorrt"), "tensorrt does not run on cpu"),
        (("net.onnx", "--runtime", "tvm"), "no runtime 'tvm'; there are onnxruntime"),
        (("net.onnx", "--runtime", BOTH, "--denormal-as-zero"), "--denormal-as-zero is ONNX Runtime's"),
    ],
)
def test_a_runtime_that_does_not_go_with_the_rest_is_refused(
    folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    write_onnx(folder / "net.onnx")
    done = CliRunner().invoke(app, ("tune", *arguments))
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


def _by_runtime(monkeypatch: pytest.MonkeyPatch, **share: float) -> None:
    """What a file takes in a runtime is its name's figure times the runtime's."""

    def ratio(job: PairJob) -> float:
        _, runtime = job.runtimes
        path = Path(job.members["B"].session.path)
        return (1.0 if path.name == "net.onnx" else float(path.stem)) * share[runtime.value]

    let_take(monkeypatch, [], ratio)


def test_the_fastest_runtime_comes_with_the_lines_that_run_the_file_in_it(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    forms["rewritten"] = relu(Path("made/1.2.onnx"), 2)
    _by_runtime(monkeypatch, onnxruntime=1.0, openvino=0.9)
    done = tune(runtime=BOTH)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "net.onnx"  # the user's own, where it was
    found = decisions("net.onnx")
    assert found["original, openvino"] == (Decision.CHOSEN, "compared again, in new processes")
    assert found["rewritten, openvino"][0] is Decision.DROPPED
    told = report("net.onnx")
    (chosen,) = (trial for trial in told.trials if trial.decision is Decision.CHOSEN)
    assert chosen.options.runtime is Runtime.OPENVINO
    assert chosen.relative_error == 0.0
    assert "Run it with OpenVINO:" in done.stderr
    assert all(f"    {line}" in done.stderr.splitlines() for line in told.code.splitlines())
    assert "effmod bench net.onnx --threads 1 --runtime openvino" in done.stderr


def test_what_departs_in_a_runtimes_arithmetic_is_never_timed_there(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not forms
    tried = proof.prove_one

    def rounded(*arguments: object, **words: object) -> tuple[float, str]:
        error, where = tried(*arguments, **words)  # type: ignore[arg-type]
        return error + 2e-3, where

    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    monkeypatch.setattr(proof, "prove_one", rounded)
    assert tune(runtime=BOTH).exit_code == 0
    assert jobs == []
    decision, reason = decisions("net.onnx")["original, openvino"]
    assert decision is Decision.DROPPED
    assert reason.startswith("not equal: 1e-05 is allowed.")
    alone = tune(runtime="openvino")
    assert alone.exit_code == 4
    assert "net.onnx is off by 2.0e-03 there" in " ".join(alone.stderr.split())


def test_what_a_runtime_cannot_run_is_a_row_or_an_error_where_nothing_else_was_asked_for(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    from effmod_bench.instrument.sessions.session import SessionError
    from effmod_bench.tuning import making

    assert not forms

    def refuse(*_: object) -> None:
        raise SessionError("OpenVINO cannot run net.onnx: no Relu")

    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    monkeypatch.setattr(making, "evaluate", refuse)
    assert tune(runtime=BOTH).exit_code == 0
    assert decisions("net.onnx")["original, openvino"] == (Decision.DROPPED, "OpenVINO cannot run net.onnx: no Relu")
    first = tune(runtime="openvino,onnxruntime")
    assert first.exit_code == 0
    assert "what the others are compared with runs on onnxruntime" in " ".join(first.stderr.split())
    assert decisions("net.onnx")["original, openvino"] == (Decision.DROPPED, "OpenVINO cannot run net.onnx: no Relu")
    alone = tune(runtime="openvino")
    assert alone.exit_code == 2
    assert "OpenVINO cannot run net.onnx: no Relu; leave openvino out" in " ".join(alone.stderr.split())
    assert jobs == []
    assert msgspec.json.encode(report("net.onnx"))
