"""On a board: times for a command on another machine, one job after the other, for as long as that holds the line.

It waits for the board's lock and keeps it, so that nobody else measures there. What a job does is done in a process of
its own, as on any machine, and while that runs this one sleeps, and sends nothing.
"""

import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.fleet.errand import time_errand
from effmod_bench.fleet.keep import keep
from effmod_bench.fleet.messages import (
    MARK,
    Bring,
    Brought,
    Errand,
    FromBoard,
    Ready,
    Refused,
    Waiting,
    pack,
    read,
)
from effmod_bench.instrument.lock import holder, measuring_alone
from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.process.parent import die_with_parent
from effmod_bench.instrument.subject import FileStamp, stamp
from effmod_bench.instrument.threads import own_cores

ROOT = Path.home() / ".cache" / "effmod" / "board" / "artifacts"


class Line:
    """What is said to the command. Whatever else is printed goes to standard error."""

    def __init__(self) -> None:
        self._channel = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        self._channel.write(MARK)

    def say(self, message: FromBoard) -> None:
        whole = memoryview(pack(message))
        while whole:
            whole = whole[self._channel.write(whole) :]


class Outpost:
    """What a command asks for, done; files are known by how they looked when their hashes were seen to be right."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._errands: queue.SimpleQueue[Errand] = queue.SimpleQueue()
        self._seen: dict[str, tuple[FileStamp, ...]] = {}

    def listen(self, stream: IO[bytes]) -> None:
        """Until the command is gone, of which the end of its messages tells; what is being timed then ends, too."""
        with suppress(OSError, EOFError):
            while (message := read(stream)) is not None:
                if isinstance(message, Bring):
                    answer = keep(ROOT, message, stream, self._line.say)
                    if isinstance(answer, Brought):
                        self._seen[answer.path] = stamp(*(Path(answer.path) / each.name for each in message.files))
                    self._line.say(answer)
                else:
                    self._errands.put(message)
        os._exit(1)

    def work(self) -> None:
        """Time what is asked for, until `listen` ends the process."""
        machine = read_machine()
        cores = own_cores()
        self._line.say(Ready(machine=machine, cores=None if cores is None else tuple(map(tuple, cores))))
        while True:
            self._line.say(time_errand(self._errands.get(), self._seen, machine))


def main() -> None:
    """Serve the command whose token, patience, and name for this machine are the arguments."""
    die_with_parent()
    token, wait, name = sys.argv[1], sys.argv[2] == "wait", sys.argv[3]
    sys.argv = ["effmod", "for", "another", "machine"]  # what the lock says of its holder
    line = Line()
    outpost = Outpost(line)
    threading.Thread(target=outpost.listen, args=(sys.stdin.buffer,), daemon=True).start()
    others, holding = dict(_of_command(token)), holder()
    if holding is not None and (twice := others.get(holding.pid, name)) != name:
        line.say(Refused(reason=f"it is the machine that is {twice!r}, too; name it once"))
        return
    left_behind = [pid for pid, other in others.items() if other == name]
    for pid in left_behind:  # when its line was cut, and the system here has not noticed
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    try:
        with measuring_alone(wait=wait or bool(left_behind), on_wait=lambda text: line.say(Waiting(text=text))):
            outpost.work()
    except DeviceUnavailableError as error:
        line.say(Refused(reason=str(error)))


def _of_command(token: str) -> Iterator[tuple[int, str]]:
    """The numbers of other processes here of the same command, with its names for the machine that they time on."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if words[3:5] == ["effmod_bench.fleet.outpost", token] and (pid := int(path.parent.name)) != os.getpid():
                yield pid, words[6]


if __name__ == "__main__":
    main()
