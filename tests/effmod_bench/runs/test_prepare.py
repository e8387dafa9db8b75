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
from effmod_bench.options.export import ExportChoices
from effmod_bench.runs import prepare
from effmod_bench.runs.plan import Invocation, RunPlan, new_run
from effmod_bench.runs.prepare import prepared
from effmod_bench.screen.console import Console
from effmod_bench.tuning import tune
from results import BenchPlan, Device, RuntimeOptions, Store, StoreError
from tests.fakes import write_onnx


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


def test_what_is_named_again_keeps_its_first_place_for_it_is_the_baseline(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    seen: list[Sequence[str]] = []
    with prepared(Console(-1), invoke("a.onnx", "b.onnx", "folder/../a.onnx"), check=seen.append) as ready:
        assert [subject.artifact.name for subject in ready.subjects] == ["a.onnx", "b.onnx"]
    assert ready.anchor is None
    assert seen == [["a.onnx", "b.onnx", "a.onnx"], ["a.onnx", "b.onnx"]]
