"""Real processes, that import little: whatever is done in one, this one goes on."""

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from effmod_bench.errors import ExitCode, UnfinishedError, UnfinishedProofError, exit_code
from effmod_bench.isolation import apart as room
from effmod_bench.isolation.apart import apart, end
from effmod_bench.isolation.limit import allow
from effmod_bench.isolation.messages import ForeignError
from effmod_bench.screen.console import Console
from exporters import ArtifactError
from exporters.stage import Stage
from tests.effmod_bench.isolation import work
from tests.effmod_bench.support import EFFMOD
from tests.fakes import write_endless_onnx

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
ROOT = Path(__file__).resolve().parents[3]


def wait_for(path: Path) -> str:
    """What a file holds, once it does."""
    deadline = time.monotonic() + 60
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return path.read_text()


def test_one_process_that_is_not_this_one_does_one_thing_after_the_other() -> None:
    first, second = (apart(os.getpid, what="x") for _ in range(2))
    assert first == second != os.getpid()
    end()
    assert not psutil.pid_exists(first)
    assert apart(os.getpid, what="x") != first


def test_an_error_comes_back_as_it_was_with_the_place_where_it_was_raised() -> None:
    with pytest.raises(ArtifactError, match=r"^x is damaged$") as caught:
        apart(functools.partial(work.fail, ArtifactError("x is damaged")), what="x")
    assert "in fail" in str(caught.value.__cause__)
    with pytest.raises(OSError, match="full") as full:
        apart(functools.partial(work.fail, OSError(28, "full")), what="x")
    assert exit_code(full.value) is ExitCode.STORE


def test_an_error_of_a_stranger_comes_back_in_words() -> None:
    with pytest.raises(ForeignError, match=r"^OddError: so odd$") as caught:
        apart(work.fail_oddly, what="x")
    assert exit_code(caught.value) is ExitCode.BUG
    with pytest.raises(ForeignError, match="SystemExit: 3"):
        apart(functools.partial(sys.exit, 3), what="x")


@pytest.mark.parametrize(
    ("stage", "number", "said", "code"),
    [
        (Stage.LOADING, signal.SIGSEGV, "x: the process that loaded it ended by signal 11 (SIGSEGV)", 2),
        (Stage.MAKING, signal.SIGABRT, "x: the process that made it ended by signal 6 (SIGABRT)", 2),
        (Stage.PROVING, signal.SIGKILL, "x: the process that proved it was killed (SIGKILL), perhaps for want of", 4),
    ],
)
def test_a_crash_is_an_error_that_names_the_signal_and_what_was_done(
    stage: Stage, number: int, said: str, code: int
) -> None:
    swept: list[None] = []
    with pytest.raises((UnfinishedError, UnfinishedProofError)) as caught:
        apart(functools.partial(work.crash_in, stage, number), what="x", sweep=lambda: swept.append(None))
    assert said in str(caught.value)
    assert exit_code(caught.value) == code
    assert swept == [None]
    assert apart(os.getpid, what="y") != os.getpid()  # the next one has a process again


def test_a_process_that_leaves_is_told_by_its_status() -> None:
    with pytest.raises(UnfinishedError, match="x: the process that loaded it ended with status 3"):
        apart(functools.partial(os._exit, 3), what="x", stage=Stage.LOADING)
    with pytest.raises(UnfinishedError, match="x: the process that loaded it ended with status 130"):
        apart(functools.partial(signal.raise_signal, signal.SIGINT), what="x", stage=Stage.LOADING)


def test_what_takes_longer_than_allowed_is_ended_and_the_option_named_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("effmod_bench.isolation.limit._Limit.seconds", 0.3)
    with pytest.raises(UnfinishedError, match=r"^x: it was not loaded within 0\.3 s$"):
        apart(work.sleep, what="x", stage=Stage.LOADING)
    allow(0.2)
    with pytest.raises(
        UnfinishedProofError, match=r"^x: it was not proved within 0\.2 s; --timeout gives each step more$"
    ):
        apart(work.sleep, what="x", stage=Stage.PROVING)
    assert room._State.process is None


def test_it_is_where_the_command_is_and_reads_nothing_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_COMMAND", "value")
    read, folder, variable, left = apart(work.look_around, what="x")
    assert (read, folder, variable) == ("", str(tmp_path), "value")
    assert left.exists()
    end()
    assert not left.parent.exists()


def test_what_it_prints_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    apart(work.print_everywhere, what="x")
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["said by Python", "said by native code"]


def test_what_it_tells_the_user_is_told_by_the_commands_console(capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[int] = []

    class Watching(Console):
        def track(self, items, total, what):  # type: ignore[no-untyped-def]
            for item in super().track(items, total, what):
                shown.append(item)
                yield item

    assert apart(functools.partial(work.report, Watching()), what="x") == [5, 6, 7]
    assert capsys.readouterr().err.split("\n")[:2] == ["a note", "warning: a warning"]
    assert shown == [0, 1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_it_ends_with_a_command_that_is_killed_also_in_native_code_that_never_returns(tmp_path: Path) -> None:
    program = (
        f"import functools, sys; sys.path.append({str(ROOT)!r})\n"
        "from effmod_bench.isolation.apart import apart\n"
        "from tests.effmod_bench.isolation import work\n"
        "apart(functools.partial(work.never_end, 'mark'), what='x')"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as command:
        child = psutil.Process(int(wait_for(tmp_path / "mark")))
        command.kill()
    psutil.wait_procs([child], timeout=20)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_ctrl_c_ends_an_export_of_a_file_that_never_ends_and_the_next_sweeps_what_kill_9_left(tmp_path: Path) -> None:
    write_endless_onnx(tmp_path / "endless.onnx")
    out = tmp_path / "out"
    left: set[Path] = set()
    for number, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, ExitCode.INTERRUPTED)):
        command = subprocess.Popen([EFFMOD, "export", "endless.onnx", "-o", "out"], stderr=subprocess.PIPE, text=True)
        with command:
            deadline = time.monotonic() + 60
            while not {*out.glob(".partial-*/endless*.onnx")} - left:  # written, and now run
                assert time.monotonic() < deadline
                time.sleep(0.05)
            (child,) = psutil.Process(command.pid).children()
            command.send_signal(number)
            _, said = command.communicate(timeout=60)
        assert command.returncode == code
        psutil.wait_procs([child], timeout=20)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
        if number == signal.SIGINT:
            assert said.splitlines()[-1] == "error: interrupted"
            assert list(out.iterdir()) == []  # what kill -9 left, too
        left = {*out.glob(".partial-*/endless*.onnx")}
        assert len(left) == (number == signal.SIGKILL)
