"""Real worker processes, with files that take milliseconds."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import onnx
import psutil
import pytest
from onnx import TensorProto, helper

from effmod_bench.instrument.process import start
from effmod_bench.instrument.process.messages import Broken, Job, Loaded, Message, ProfileJob, Timed, Warm
from effmod_bench.instrument.process.start import run_job
from effmod_bench.instrument.sessions.session import SessionRequest
from results import Device, InputTensor, RuntimeOptions
from tests.fakes import write_endless_onnx, write_onnx

pytestmark = pytest.mark.xdist_group("measures")  # they would disturb each other's times


def job(path: Path, **changes: object) -> Job:
    fields = {
        "session": SessionRequest(path=str(path), device=Device.CPU, options=RuntimeOptions(), intra_op_num_threads=1),
        "inputs": (InputTensor(name="x", shape=(1, 3, 8, 8), dtype="float"),),
        "warmup_runs": 3,
        "runs": 20,
        "mean": (0.5, 0.5, 0.5),
        "std": (0.25, 0.25, 0.25),
    }
    return Job(**(fields | changes))  # type: ignore[arg-type]


def time_file(path: Path, *, timeout_s: float | None = None, **changes: object) -> Timed | Broken:
    return run_job(job(path, **changes), on_warm=lambda _: None, tick=lambda _: None, timeout_s=timeout_s)


def test_a_round_gives_every_run_and_what_really_ran_it(tmp_path: Path) -> None:
    warm: list[Warm] = []
    outcome = run_job(job(write_onnx(tmp_path / "x.onnx")), on_warm=warm.append, tick=lambda _: None)
    assert isinstance(outcome, Timed)
    assert len(outcome.durations_ns) == 20
    assert all(duration > 0 for duration in outcome.durations_ns)
    assert outcome.load_ns > 0
    assert outcome.first_inference_ns > 0
    assert warm[0].expected_ns > 0
    assert 3 <= outcome.warmup_runs <= 30
    assert outcome.steady is not None
    assert outcome.session.execution_provider == "CPUExecutionProvider"
    assert outcome.session.intra_op_num_threads == 1
    assert outcome.session.inter_op_num_threads == 1
    assert outcome.session.allow_spinning
    assert outcome.session.graph_optimization_level == "ORT_ENABLE_ALL"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="ONNX Runtime has it for x86 alone")
def test_subnormal_numbers_are_zero_where_that_is_asked_and_the_round_tried_it(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx")
    for asked in (False, True):
        options = RuntimeOptions(denormal_as_zero=asked)
        session = SessionRequest(path=str(path), device=Device.CPU, options=options, intra_op_num_threads=2)
        outcome = time_file(path, session=session)
        assert isinstance(outcome, Timed)
        assert outcome.session.denormal_as_zero is asked


def test_a_round_without_warm_up_works(tmp_path: Path) -> None:
    outcome = time_file(write_onnx(tmp_path / "x.onnx"), warmup_runs=0, runs=1)
    assert isinstance(outcome, Timed)
    assert len(outcome.durations_ns) == 1
    assert (outcome.warmup_runs, outcome.steady) == (0, None)


def test_memory_is_the_workers_own_not_its_parents(tmp_path: Path) -> None:
    ballast = bytearray(600_000_000)
    ballast[::4096] = bytes(len(ballast[::4096]))  # touched, so resident
    outcome = time_file(write_onnx(tmp_path / "x.onnx"))
    assert isinstance(outcome, Timed)
    assert outcome.peak_memory_bytes is not None
    assert 20e6 < outcome.peak_memory_bytes < 400e6
    del ballast


def test_nan_is_a_failure(tmp_path: Path) -> None:
    outcome = time_file(write_onnx(tmp_path / "x.onnx", operator="Log"))  # of negative pixels
    assert isinstance(outcome, Broken)
    assert "NaN or infinity" in outcome.reason


def test_what_the_runtime_raises_is_the_reason(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"nonsense")
    outcome = time_file(tmp_path / "x.onnx")
    assert isinstance(outcome, Broken)
    assert "InvalidProtobuf" in outcome.reason
    assert "Traceback" in outcome.detail


def test_an_element_type_that_cannot_be_fed_is_the_reason(tmp_path: Path) -> None:
    tensor = InputTensor(name="x", shape=(1,), dtype="string")
    outcome = time_file(write_onnx(tmp_path / "x.onnx"), inputs=(tensor,))
    assert isinstance(outcome, Broken)
    assert "'string'" in outcome.reason


def test_a_graph_that_asks_for_more_memory_than_there_is_fails_by_name(tmp_path: Path) -> None:
    shape = helper.make_tensor("shape", TensorProto.INT64, [1], [1 << 46])
    graph = helper.make_graph(
        [
            helper.make_node("ConstantOfShape", ["shape"], ["big"]),
            helper.make_node("ReduceSum", ["big"], ["s"]),
            helper.make_node("Add", ["x", "s"], ["y"]),
        ],
        "absurd",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [shape],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), tmp_path / "x.onnx")
    outcome = time_file(tmp_path / "x.onnx")
    assert isinstance(outcome, Broken)
    assert "Failed to allocate memory" in outcome.reason


def test_a_limit_on_memory_is_a_failure_not_a_crash_of_effmod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    original = subprocess.Popen

    def start(*arguments: object, **options: object) -> "subprocess.Popen[bytes]":
        process = original(*arguments, **options)  # type: ignore[call-overload]
        resource.prlimit(process.pid, resource.RLIMIT_AS, (300_000_000, 300_000_000))
        return process

    monkeypatch.setattr(subprocess, "Popen", start)
    outcome = time_file(
        write_onnx(tmp_path / "x.onnx"), inputs=(InputTensor(name="x", shape=(1, 3, 20_000, 20_000), dtype="float"),)
    )
    assert isinstance(outcome, Broken)
    assert outcome.reason.startswith("MemoryError: Unable to allocate")


START = subprocess.Popen


def use_program(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let the worker process run this instead."""

    def start(_: list[str], **options: object) -> "subprocess.Popen[bytes]":
        return START([sys.executable, "-c", program], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", start)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL", "SIGABRT"])
def test_a_signal_that_ends_the_worker_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_program(monkeypatch, f"import os, sys; sys.stdin.readline(); os.kill(os.getpid(), {int(signal.Signals[name])})")
    outcome = time_file(tmp_path / "x.onnx")
    assert isinstance(outcome, Broken)
    assert name in outcome.reason


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL"])
def test_a_signal_in_the_timed_runs_is_named(name: str, tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "x.onnx")

    def strike(_: Warm) -> None:
        (worker,) = psutil.Process().children()
        worker.send_signal(signal.Signals[name])

    outcome = run_job(job(path, runs=100_000_000), on_warm=strike, tick=lambda _: None)
    assert isinstance(outcome, Broken)
    assert f"the process was ended by {name}" in outcome.reason


def test_a_graph_that_never_ends_is_ended(tmp_path: Path) -> None:
    outcome = time_file(write_endless_onnx(tmp_path / "x.onnx"), timeout_s=2.0)
    assert isinstance(outcome, Broken)
    assert outcome.reason == (
        "timeout after 2 s, while loading the file and running it once; --round-timeout gives it more"
    )
    assert not psutil.Process().children()


@pytest.mark.parametrize(
    ("messages", "stage"),
    [
        ([], "loading the file"),
        ([Loaded(first_inference_ns=1)], "warming up"),
        ([Loaded(first_inference_ns=1), Warm(expected_ns=1)], "being timed"),
    ],
)
def test_a_worker_that_falls_silent_is_ended_and_the_stage_is_named(
    messages: list[Message], stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "_LEAST_BEFORE_RUNS_S", 0.3)
    monkeypatch.setattr(start, "_LEAST_RUNS_S", 0.3)
    lines = [msgspec.json.encode(message).decode() for message in messages]
    use_program(monkeypatch, f"import sys\nfor line in {lines}: print(line, flush=True)\nsys.stdin.read()")
    outcome = time_file(tmp_path / "x.onnx")
    assert isinstance(outcome, Broken)
    assert outcome.reason.startswith(f"timeout after 0.3 s, while {stage}")


@pytest.mark.parametrize(
    ("device", "stage"), [(Device.CPU, "loading the file and running it once"), (Device.COREML, "reading the plan")]
)
def test_a_profile_is_not_advised_an_option_that_it_has_not(
    device: Device, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_program(monkeypatch, "import sys; sys.stdin.read()")
    monkeypatch.setattr(start, "_LEAST_BEFORE_RUNS_S", 0.1)
    timed = job(tmp_path / "x.onnx")
    session = msgspec.structs.replace(timed.session, device=device)
    profile = ProfileJob(
        session=session, inputs=(), warmup_runs=1, runs=1, plain_first=True, mean=timed.mean, std=timed.std
    )
    outcome = run_job(profile, on_warm=lambda _: None, tick=lambda _: None)
    assert outcome == Broken(reason=f"timeout after 0.1 s, while {stage}", detail="")


def test_the_limit_follows_from_what_was_seen() -> None:
    limit = start._Limit(None, "loading")
    limit.enter("being timed", expected_ns=30_000_000_000, least_s=60)
    assert str(limit).startswith("timeout after 300 s")
    limit.enter("being timed", expected_ns=1, least_s=60)
    assert str(limit).startswith("timeout after 60 s")
    fixed = start._Limit(5, "loading")
    fixed.enter("being timed", expected_ns=30_000_000_000, least_s=60)
    assert str(fixed).startswith("timeout after 5 s")


def test_a_worker_that_is_done_or_says_nothing_more_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = msgspec.json.encode(Broken(reason="done", detail="")).decode()
    use_program(monkeypatch, f"import sys; print({line!r}, flush=True); sys.stdin.read()")
    assert time_file(tmp_path / "x.onnx") == Broken(reason="done", detail="")
    monkeypatch.setattr(start, "_EXIT_S", 0.1)
    use_program(monkeypatch, "import os, sys; os.close(1); sys.stdin.read()")
    outcome = time_file(tmp_path / "x.onnx")
    assert isinstance(outcome, Broken)
    assert "ended by SIGKILL" in outcome.reason
    assert not psutil.Process().children()


def test_a_worker_that_ends_early_gives_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_program(monkeypatch, "import sys; sys.exit('no such thing')")
    outcome = time_file(tmp_path / "x.onnx")
    assert isinstance(outcome, Broken)
    assert outcome.reason == "the process ended with status 1: no such thing"


def test_a_worker_that_ends_in_the_middle_of_a_word_said_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = msgspec.json.encode(Broken(reason="done", detail="")).decode()
    use_program(monkeypatch, f"import sys; print({line!r}, end='', flush=True); sys.exit('no room')")
    outcome = time_file(tmp_path / "x.onnx")
    assert isinstance(outcome, Broken)
    assert outcome.reason == "the process ended with status 1: no room"


def test_a_worker_that_does_not_read_gives_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_program(monkeypatch, "import sys; sys.exit('no such thing')")
    outcome = run_job(
        job(tmp_path / f"{'x' * 1_000_000}.onnx"), on_warm=lambda _: None, tick=lambda _: None, timeout_s=60
    )
    assert isinstance(outcome, Broken)
    assert outcome.reason == "the process ended with status 1: no such thing"


@pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")
def test_an_interruption_ends_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    original = subprocess.Popen

    def start(*arguments: object, **options: object) -> "subprocess.Popen[bytes]":
        started.append(original(*arguments, **options))  # type: ignore[call-overload]
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", start)

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    path = write_onnx(tmp_path / "x.onnx")
    with pytest.raises(KeyboardInterrupt):
        run_job(job(path, runs=100_000_000), on_warm=interrupt, tick=lambda _: None)
    assert started[0].returncode == -signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(started[0].pid, 0)


def test_a_models_folder_of_the_users_does_not_get_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert isinstance(time_file(write_onnx(tmp_path / "x.onnx")), Timed)


def test_ticks_come_while_the_worker_runs(tmp_path: Path) -> None:
    ticks: list[float] = []
    path = write_onnx(tmp_path / "x.onnx")
    outcome = run_job(job(path), on_warm=lambda _: None, tick=ticks.append, tick_s=0.01)
    assert isinstance(outcome, Timed)
    assert ticks
    assert ticks == sorted(ticks)
