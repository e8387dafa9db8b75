import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from effmod_bench import streams
from effmod_bench.errors import ExitCode, exit_code

FULL = Path("/dev/full")


@pytest.fixture
def standard(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put these in place of the standard streams, and take them in hand."""

    def use(**named: io.TextIOWrapper | None) -> None:
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, name, named.get(name, io.StringIO()))
        monkeypatch.setattr(streams, "_fill", lambda _: None)  # they are the test run's own
        streams.prepare()

    return use


@contextmanager
def onto(file: Path | int) -> Iterator[io.TextIOWrapper]:
    with open(file, "wb", buffering=0) as raw:
        stream = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
        yield stream
        stream.detach()


def test_a_closed_output_is_refused_at_once(standard: Callable[..., None]) -> None:
    standard(stdout=None)
    streams.finish()
    with pytest.raises(streams.PrintError, match="standard output is closed; '>/dev/null' throws away") as raised:
        streams.check()
    assert exit_code(raised.value) is ExitCode.STORE


@pytest.mark.skipif(not FULL.exists(), reason="this system has no full disk at hand")
def test_a_full_output_is_an_error_and_a_full_error_is_none(standard: Callable[..., None]) -> None:
    with onto(FULL) as out, onto(FULL) as err:
        standard(stdout=out, stderr=err)
        streams.check()
        sys.stderr.write("a note")
        sys.stderr.flush()
        sys.stdout.write("a result")
        with pytest.raises(streams.PrintError, match="cannot print: No space left on device") as raised:
            streams.finish()
    assert exit_code(raised.value) is ExitCode.STORE


def test_a_reader_that_has_read_enough_ends_it_as_a_signal_would(standard: Callable[..., None]) -> None:
    read, write = os.pipe()
    os.close(read)
    with onto(write) as out:
        standard(stdout=out)
        sys.stdout.write("a result")
        with pytest.raises(streams.ReaderGoneError) as raised:
            streams.finish()
    assert exit_code(raised.value) == 141


def test_a_stream_that_is_closed_gives_its_number_to_nothing_else() -> None:
    """What another library prints would go into that file."""
    code = "from effmod_bench import streams; streams.prepare(); import os; print(os.open(os.devnull, os.O_RDONLY) > 2)"
    assert _without_input_and_error(code) == "True\n"


def test_a_process_that_is_started_has_all_streams() -> None:
    code = (
        "from effmod_bench import streams; streams.prepare(); import subprocess, sys; "
        "subprocess.run([sys.executable, '-I', '-c', 'import os; [os.fstat(each) for each in range(3)]'], check=True); "
        "print('it has')"
    )
    assert _without_input_and_error(code) == "it has\n"


def _without_input_and_error(code: str) -> str:
    shell = ["bash", "-c", '"$0" -I -c "$1" <&- 2>&-', sys.executable, code]
    return subprocess.run(shell, stdout=subprocess.PIPE, text=True, check=True).stdout
