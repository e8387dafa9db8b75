"""The program around the command line: what it prints on any screen, whose packages it imports, how it is ended."""

import importlib.util
import json
import signal
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import msgspec
import pytest

from effmod_bench import __main__ as program
from effmod_bench import cli, streams
from tests.effmod_bench.support import EFFMOD, Run, store_with
from tests.fakes import make_comparison_process, make_round, timed_artifact


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_a_screen_that_lacks_our_marks_gets_plain_ones(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    artifact = timed_artifact("naïve.onnx")
    pairs = [make_comparison_process(index=index) for index in range(2)]
    pairs = [msgspec.structs.replace(pair, baseline=artifact) for pair in pairs]
    store_with(tmp_path / "store", *(make_round([10.0 + i], artifact=artifact, index=i) for i in range(3)), *pairs)
    done = subprocess.run([EFFMOD, "show", "store"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    out = done.stdout.decode(encoding)
    assert ("na?ve.onnx" if encoding == "ascii" else "naïve.onnx") in out
    assert "\n4 its time over that of" in out
    done = subprocess.run([EFFMOD, "show", "store", "--output-format", "json"], capture_output=True, check=False)
    assert json.loads(done.stdout.decode())[0]["name"] == "naïve.onnx"


def test_another_models_package_is_named_and_refused(
    effmod_process: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pa\x1b[31mth"
    (folder / "results").mkdir(parents=True)
    (folder / "results" / "__init__.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    done = effmod_process("list")
    assert done.returncode == 2
    assert str(tmp_path / r"pa\x1b[31mth" / "results") in done.stderr
    assert "PYTHONPATH" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_is_heard_while_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(streams, "prepare", lambda: None)  # or pytest's own streams would be changed
    monkeypatch.setattr(program, "find_stranger", interrupted)
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 130


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_it_is_heard_as_ctrl_c(name: str) -> None:
    """In a process of its own: pytest's has loaded libraries that hear signals, too."""
    ended = (
        "import signal, sys\n"
        "for each in (signal.SIGTERM, signal.SIGHUP):\n"
        "    signal.signal(each, signal.SIG_DFL)\n"  # behind nohup one of them is to be ignored, and stays so
        "from effmod_bench import __main__ as program, cli\n"
        "cli.app = lambda **_: signal.raise_signal(signal.Signals[sys.argv[1]])\n"
        "program.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", ended, name], capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_that_was_to_be_ignored_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `nohup effmod bench` asks for: the terminal closes, and the run goes on."""
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = [(each, signal.signal(each, signal.SIG_IGN)) for each in (*numbers, signal.SIGCHLD)]

    def end(**_: str) -> None:
        for each in numbers:
            signal.raise_signal(each)
        # But how a child ended is to be known.
        assert subprocess.run([sys.executable, "-I", "-S", "-c", "raise SystemExit(3)"]).returncode == 3

    monkeypatch.setattr(cli, "app", end)
    monkeypatch.setattr(streams, "prepare", lambda: None)
    try:
        program.main()
        assert [signal.getsignal(each) for each in numbers] == [signal.SIG_IGN] * 3
    finally:
        for each, handler in before:
            signal.signal(each, handler)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX")
@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("list >&-", 5, "error: cannot print: standard output is closed; '>/dev/null' throws away what is printed\n"),
        ("--version >/dev/full", 5, "error: cannot print: No space left on device\n"),
        ("--help | true", 141, ""),
        ("show nowhere 2>/dev/full <&-", 5, ""),
        ("--version >&- 2>&- <&-", 5, ""),
    ],
)
def test_it_ends_with_a_message_and_a_code_whatever_the_streams_are(command: str, code: int, said: str) -> None:
    shell = ["bash", "-c", f'set -o pipefail; "$0" {command}', str(EFFMOD)]
    done = subprocess.run(shell, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, said)


@pytest.mark.parametrize("name", ["models", "exporters", "results"])
def test_a_package_of_our_name_from_elsewhere_or_from_nowhere_is_a_stranger(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program.find_stranger() is None
    find = importlib.util.find_spec
    for spec, found in (
        (ModuleSpec(name, None, origin=str(tmp_path / "__init__.py")), tmp_path / "__init__.py"),
        (None, "nowhere"),
    ):
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda asked, spec=spec: spec if asked == name else find(asked)
        )
        stranger = program.find_stranger()
        assert stranger is not None
        assert stranger.startswith(f"effmod's package '{name}' would be imported from {found}, not from ")
