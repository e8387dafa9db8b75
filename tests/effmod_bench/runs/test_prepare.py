from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.errors import DeviceUnavailableError, TargetError
from effmod_bench.instrument import available, threads
from effmod_bench.instrument.lock import measuring_alone
from effmod_bench.instrument.subject import Subject
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs import prepare
from effmod_bench.runs.plan import Invocation, RunPlan, new_run
from effmod_bench.runs.prepare import prepared
from effmod_bench.screen.console import Console
from effmod_bench.targets.subjects import file_subject
from effmod_bench.targets.target import NetworkTarget
from effmod_bench.tuning import tune
from exporters import ExportError
from models import UnknownModelError
from models.zoo.errors import ModelTargetError
from results import BenchPlan, ComparisonPlan, Device, RuntimeOptions, Store, StoreError
from tests.fakes import make_accuracy, timed_artifact, write_onnx


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


Invoke = Callable[..., Invocation]


@pytest.fixture
def invoke(tmp_path: Path) -> Invoke:
    """A new run of files in the current folder: a.onnx, if nothing else is said."""
    for nodes, name in enumerate("ab", start=1):
        write_onnx(tmp_path / f"{name}.onnx", nodes=nodes)

    def invoke(*targets: str, threads: int | None = 1) -> Invocation:
        run = new_run(
            targets=targets or ("a.onnx",), plan=BenchPlan(threads=threads), choices=ExportChoices(), input_shapes={}
        )
        store = Store(tmp_path / "records")
        return Invocation(run=run, store=store, resumed=False, wait=False, round_timeout_s=None)

    return invoke


def test_names_that_make_no_sense_together_are_refused_before_anything_is_written(invoke: Invoke) -> None:
    def refuse(names: Sequence[str]) -> None:
        raise TargetError(f"not {' and '.join(names)}")

    invocation = invoke("a.onnx", "b.onnx")
    with pytest.raises(TargetError, match=r"not a\.onnx and b\.onnx"):
        prepared(Console(-1), invocation, check=refuse).__enter__()
    assert not invocation.store.path.exists()


def test_an_accuracy_that_is_stated_beside_a_measured_one_is_said_not_to_count(
    invoke: Invoke, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact = file_subject(tmp_path / "a.onnx", {}, batch_size=1).artifact
    invocation = invoke("a.onnx", "b.onnx")
    run = msgspec.structs.replace(invocation.run, top1={"a.onnx": 77.3, "b.onnx": 70})
    invocation = msgspec.structs.replace(invocation, run=run)
    invocation.store.check_writable()
    invocation.store.write(make_accuracy(artifact))
    with prepared(Console(0), invocation):
        pass
    said = " ".join(capsys.readouterr().err.split())
    assert "the --top1 of a.onnx is not shown: 'effmod verify --data' measured 75.0 %" in said
    assert "--top1 of b.onnx" not in said


def test_two_names_of_one_file_are_one_to_time(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    checked: list[list[str]] = []
    targets = ("a.onnx", "folder/../a.onnx", "b.onnx")
    with prepared(Console(-1), invoke(*targets), check=lambda names: checked.append([*names])) as ready:
        assert [subject.path.name for subject in ready.subjects] == ["a.onnx", "b.onnx"]
        assert ready.anchor is None
        assert ready.is_whole
    assert list(map(sorted, checked)) == [["a.onnx", "a.onnx", "b.onnx"], ["a.onnx", "b.onnx"]]


def test_a_new_run_is_stored_before_it_begins_and_one_that_is_resumed_is_there_already(invoke: Invoke) -> None:
    invocation = invoke()
    with prepared(Console(-1), msgspec.structs.replace(invocation, resumed=True)):
        assert invocation.store.read_kind(RunPlan) == []
    with prepared(Console(-1), invocation):
        assert invocation.store.read_kind(RunPlan) == [invocation.run]


def test_nobody_else_measures_until_it_is_done(invoke: Invoke) -> None:
    def never(said: str) -> None:
        raise AssertionError(said)

    with prepared(Console(-1), invoke()), pytest.raises(DeviceUnavailableError, match="another effmod measures"):
        measuring_alone(wait=False, on_wait=never).__enter__()
    with measuring_alone(wait=False, on_wait=never):
        pass


def test_a_run_that_is_cut_short_says_how_it_goes_on(invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
    invocation = invoke()
    again = invocation.run.resume_command(invocation.store.path)
    with pytest.raises(KeyboardInterrupt), prepared(Console(), invocation):
        raise KeyboardInterrupt
    assert f"go on: {again}" in capsys.readouterr().err
    with pytest.raises(StoreError) as caught, prepared(Console(), msgspec.structs.replace(invocation, resumed=True)):
        raise StoreError("the disk is full")
    assert str(caught.value).startswith("the disk is full. What it holds stays readable")
    assert str(caught.value).endswith(again)


@pytest.mark.parametrize(
    ("asked", "cores", "quota", "said"),
    [
        (None, 2, None, "2 threads, one for each core; the paper used 4 (--threads 4 obeys, on shared cores)"),
        (None, 1, None, "1 thread, one for each core"),
        (3, 2, None, "warning: 3 threads on 2 cores wait for each other"),
        (2, 2, None, ""),
        (None, 8, None, ""),
        (None, 8, 1.5, "2 threads, as many as a container's limit of 1.5 cores lets run; the paper used 4"),
        (None, 2, 8.0, "2 threads, one for each core"),
        (None, 8, 6.5, ""),
        (4, 8, 1.5, "warning: 4 threads within a container's limit of 1.5 cores wait for each other"),
    ],
)
def test_threads_that_are_not_the_papers_or_have_no_core_of_their_own_are_told_of(
    asked: int | None,
    cores: int,
    quota: float | None,
    said: str,
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module in (prepare, threads):
        monkeypatch.setattr(module, "available_cores", lambda: cores)
        monkeypatch.setattr(module, "cpu_quota", lambda: quota)
    with prepared(Console(), invoke(threads=asked)):
        found = capsys.readouterr().err
    assert said in found
    assert bool(found) is bool(said)


def test_of_several_numbers_of_threads_those_that_have_no_core_of_their_own_are_told_of(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (prepare, threads):
        monkeypatch.setattr(module, "available_cores", lambda: 2)
        monkeypatch.setattr(module, "cpu_quota", lambda: None)
    asked = invoke(threads=1)
    swept = msgspec.structs.replace(asked, run=msgspec.structs.replace(asked.run, threads=(1, 2, 4)))
    with prepared(Console(), swept):
        found = capsys.readouterr().err
    assert "4 threads on 2 cores wait for each other" in found
    assert found.count("wait for each other") == 1


NETWORKS = """
from torch import nn

def good():
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.Flatten(), nn.Linear(512, 10))

def broken():
    raise RuntimeError("no luck")
"""


class Fails:
    """A network whose export fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
        def subject(self: NetworkTarget, _: Console) -> Subject:
            if self.name in names:
                raise ExportError(f"no operator for {Path.cwd()}/x.py")
            return file_subject(Path("a.onnx"), {}, batch_size=1)

        monkeypatch.setattr(NetworkTarget, "subject", subject)


def test_of_several_targets_those_that_cannot_be_built_or_exported_are_told_of_and_the_others_go_on(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Fails(monkeypatch, "efficientmod_xs")
    Path("net.py").write_text(NETWORKS)
    asked = invoke("efficientmod_xxs", "efficientmod_xs", "net.py:broken", "b.onnx")
    with prepared(Console(0), asked) as ready:
        pass
    exported, unbuilt = ready.subjects[1:3]
    assert [each.failure is None for each in ready.subjects] == [True, False, False, True]
    assert (exported.artifact.name, exported.artifact.image_size) == ("efficientmod_xs", 224)
    assert (unbuilt.artifact.name, unbuilt.artifact.inputs) == ("net.py:broken", ())
    assert "failed at line 8: RuntimeError: no luck" in (unbuilt.failure or "")
    assert ready.not_timed == {each.artifact.name: each.failure for each in (exported, unbuilt)}
    assert capsys.readouterr().err.count("failed; on to the next") == 2


def test_what_cannot_be_built_is_a_target_in_each_of_several_image_sizes(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    Fails(monkeypatch)
    Path("net.py").write_text(NETWORKS)
    asked = invoke("efficientmod_xxs", "net.py:broken")
    asked = msgspec.structs.replace(asked, run=msgspec.structs.replace(asked.run, image_sizes=(96, 128)))
    with prepared(Console(-1), asked) as ready:
        broken = [each.artifact.image_size for each in ready.subjects if each.failure is not None]
    assert broken == [96, 128]


def test_what_a_run_timed_before_and_can_be_made_no_more_ends_it(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = invoke("b.onnx", "efficientmod_xs")
    before = msgspec.structs.replace(timed_artifact(), name="efficientmod_xs")
    Fails(monkeypatch, "efficientmod_xs")
    resumed = msgspec.structs.replace(asked, run=msgspec.structs.replace(asked.run, artifacts=(before,)), resumed=True)
    with pytest.raises(ExportError, match="no operator"):
        prepared(Console(-1), resumed).__enter__()


@pytest.mark.parametrize(
    ("targets", "compares", "error"),
    [
        (("efficientmod_xs",), False, ExportError),  # there are no others
        (("efficientmod_xs", "net.py:broken"), False, ExportError),  # nor here
        (("efficientmod_xs", "b.onnx"), True, ExportError),  # the baseline
        (("b.onnx", "net.py:broken"), True, ModelTargetError),  # nothing is left to compare
        (("b.onnx", "net.py:nothing"), False, UnknownModelError),  # as of the zoo
        (("b.onnx", "nothing.py:net"), False, UnknownModelError),
    ],
)
def test_where_nothing_is_left_to_measure_or_a_name_is_of_nothing_it_ends_at_once(
    targets: tuple[str, ...], compares: bool, error: type[Exception], invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    Fails(monkeypatch, "efficientmod_xs")
    Path("net.py").write_text(NETWORKS)
    asked = invoke(*targets)
    if compares:
        asked = msgspec.structs.replace(asked, run=msgspec.structs.replace(asked.run, compared=ComparisonPlan()))
    with pytest.raises(error):
        prepared(Console(-1), asked).__enter__()


def test_what_is_named_again_keeps_its_first_place_for_it_is_the_baseline(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    seen: list[Sequence[str]] = []
    with prepared(Console(-1), invoke("a.onnx", "b.onnx", "folder/../a.onnx"), check=seen.append) as ready:
        assert [subject.artifact.name for subject in ready.subjects] == ["a.onnx", "b.onnx"]
    assert ready.anchor is None
    assert seen == [["a.onnx", "b.onnx", "a.onnx"], ["a.onnx", "b.onnx"]]
