"""The process that works for a command, from its start to its end, and what is said where that comes too early."""

import contextlib
import io
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from effmod_bench.errors import UnfinishedError, UnfinishedProofError
from effmod_bench.instrument.clock import monotonic_s
from effmod_bench.isolation.limit import advice, limit_s
from effmod_bench.isolation.messages import Done, Entered, Failed, Message, Said, Tracked, read, write
from effmod_bench.screen.console import Console
from exporters.artifact.scratch import scratch
from exporters.stage import Stage

T = TypeVar("T")
_LOOK_S = 0.2
_EXIT_S = 10.0  # that it has to end once it has closed its output


class RemoteTraceback(Exception):  # noqa: N818 - it is no error of its own
    """Where an error came from in the other process, for the log of a bug."""


class Step:
    """What is being done now, and until when that may take.

    Args:
        what: is worked on, as the user knows it.
    """

    def __init__(self, what: str, stage: Stage) -> None:
        self._given = what
        self.begin(stage)

    def begin(self, stage: Stage, what: str | None = None) -> None:
        """The next step begins, with something else where that is given."""
        self._stage, self._what = stage, what or self._given
        self.go_on()

    def go_on(self) -> None:
        """The next step of the same kind begins."""
        self._deadline = monotonic_s() + limit_s()

    def check(self) -> None:
        """Raises `UnfinishedError` or `UnfinishedProofError` where the time is up."""
        if monotonic_s() >= self._deadline:
            raise self._error(f"{self._what}: it was not {self._stage} within {limit_s():g} s{advice()}")

    def crashed(self, returncode: int) -> Exception:
        """What is said of a process that ended by itself."""
        return self._error(f"{self._what}: the process that {self._stage} it {_ended(returncode)}")

    def _error(self, text: str) -> Exception:
        return UnfinishedProofError(text) if self._stage is Stage.PROVING else UnfinishedError(text)


def _ended(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with status {returncode}"
    if -returncode == signal.SIGKILL:
        return "was killed (SIGKILL), perhaps for want of memory"
    known = {number.value: number.name for number in signal.Signals}
    return f"ended by signal {-returncode} ({known.get(-returncode, 'which has no name')})"


class _Pickler(pickle.Pickler):
    """Writes work to do. The console in it stays here, and is noted."""

    console: Console | None = None

    def persistent_id(self, value: Any) -> str | None:
        if not isinstance(value, Console):
            return None
        self.console = value
        return "console"


class WorkProcess:
    """A process that does one thing after the other, and has what it needs for the next imported already.

    It has this one's environment, folder and standard error; a temporary folder of its own, since what is killed
    cannot clear it; and no terminal, so that Ctrl-C reaches this one alone, which then ends the other.
    """

    def __init__(self) -> None:
        with contextlib.ExitStack() as left_behind:
            folder = left_behind.enter_context(scratch(Path(tempfile.gettempdir()), "effmod-work-"))
            self._process = subprocess.Popen(
                # -I: no current folder, PYTHONPATH or user packages, where another `models` could lie.
                [sys.executable, "-I", "-m", "effmod_bench.isolation.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"TMPDIR": os.fspath(folder)},
                start_new_session=True,
            )
            left_behind.callback(self._kill)
            self._left_behind = left_behind.pop_all()
        self._heard: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._send(pickle.dumps([folder for folder in sys.path if folder]))

    def do(self, work: Callable[[], T], step: Step) -> T:
        """Do this there, and return what it returns.

        Args:
            work: a function of a module, with its arguments. A console among them is a `Reporter` there.
            step: the first one.

        Raises:
            UnfinishedError, UnfinishedProofError: it crashed, or took too long. The process is gone then.
            KeyboardInterrupt: the user interrupts. The process is gone then.
            Exception: what the work raises.
        """
        content = io.BytesIO()
        pickler = _Pickler(content)
        pickler.dump(work)
        answer = None
        try:
            self._send(content.getvalue())
            answer = self._follow(step, pickler.console)
        finally:
            if answer is None:
                self.end()
        match answer:
            case Done(value):
                return value
            case Failed(error, trace):
                raise error from RemoteTraceback(f"\n{trace}")
        raise step.crashed(self._process.returncode)

    def end(self) -> None:
        """End it, whatever it is doing, and take away what it leaves behind."""
        self._left_behind.close()

    @property
    def is_there(self) -> bool:
        """Whether it can do something more."""
        return self._process.poll() is None

    def _send(self, content: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is gone; why, is known when it has been waited for
            write(self._process.stdin, content)

    def _listen(self) -> None:
        """In a thread: a pipe cannot be waited for together with a clock on every system."""
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while (content := read(stream)) is not None:
                self._heard.put(content)
            self._heard.put(None)

    def _follow(self, step: Step, console: Console | None) -> Done | Failed | None:
        """Follow the work to its end; None where the process ends before."""
        bars: dict[str, Iterator[int]] = {}
        try:
            while True:
                message = self._next(step)
                match message:
                    case Done() | Failed() | None:
                        return message
                    case Entered(stage, what):
                        step.begin(stage, what)
                    case Said(how, text):
                        getattr(console, how)(text)
                    case Tracked(title, total, done):
                        step.go_on()
                        if console is not None:
                            bar = bars.setdefault(title, console.track(range(total), total, title))
                            next(bar, None)
                            if done:
                                bars.pop(title)
        finally:
            for bar in bars.values():
                bar.close()  # type: ignore[attr-defined]

    def _next(self, step: Step) -> Message | None:
        while True:
            try:
                content = self._heard.get(timeout=_LOOK_S)
            except queue.Empty:
                # One that it has started may hold its output open after its end.
                if not self.is_there and self._heard.empty():
                    return None
                step.check()
                continue
            if content is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_EXIT_S)  # or how it ended would not be known
                return None
            return pickle.loads(content)

    def _kill(self) -> None:
        """End it, and what it has started. Nothing that it does can hold this up."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # of what it did not read
            self._process.stdin.close()
