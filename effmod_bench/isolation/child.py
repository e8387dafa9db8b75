"""The process that works for a command: it does one thing after the other, and ends when the command does.

What is said comes in by standard input and goes out by standard output. What the work itself reads is empty, and what
it prints, native code included, goes to standard error: the first thing done here is to see to that.
"""

import gc
import io
import os
import pickle
import queue
import sys
import threading
import traceback
from typing import IO, Any

from effmod_bench.errors import ExitCode
from effmod_bench.instrument.process.parent import die_with_parent
from effmod_bench.isolation.messages import Done, Entered, Message, RemoteReporter, failed, read, write
from exporters.stage import listen


class _Unpickler(pickle.Unpickler):
    """Reads work to do; where it has the command's console in it, it gets a reporter."""

    def __init__(self, content: bytes, reporter: RemoteReporter) -> None:
        super().__init__(io.BytesIO(content))
        self._reporter = reporter

    def persistent_load(self, _: Any) -> RemoteReporter:
        return self._reporter


def main() -> None:
    die_with_parent()
    # Importing torch and tracing a network make millions of objects that live on: a fifth of an export's time.
    gc.set_threshold(100_000, 50, 50)
    with os.fdopen(os.dup(0), "rb") as asked, os.fdopen(os.dup(1), "wb", buffering=0) as answers:
        _redirect()
        path = read(asked)
        if path is None:
            return
        # What the command can import can be imported here, but nothing in the place of effmod's own packages.
        sys.path += [folder for folder in pickle.loads(path) if folder not in sys.path]
        work: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(asked, work), daemon=True).start()

        def send(message: Message) -> None:
            write(answers, pickle.dumps(message))

        listen(lambda stage, what: send(Entered(stage, what)))
        reporter = RemoteReporter(send)
        while True:
            write(answers, _answer(work.get(), reporter))


def _redirect() -> None:
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")


def _listen(asked: IO[bytes], work: "queue.SimpleQueue[bytes]") -> None:
    """Take work until the command is gone, of which the end of its messages tells; what is being done then ends too."""
    while (content := read(asked)) is not None:
        work.put(content)
    os._exit(1)


def _answer(content: bytes, reporter: RemoteReporter) -> bytes:
    try:
        return pickle.dumps(Done(_Unpickler(content, reporter).load()()))
    except KeyboardInterrupt:  # the work's own doing, since Ctrl-C does not reach this process
        os._exit(ExitCode.INTERRUPTED)
    except BaseException as error:  # whatever it is, the command is to hear it
        return failed(error, traceback.format_exc())


if __name__ == "__main__":
    main()
