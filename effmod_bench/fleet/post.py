"""On a node of a cluster: times for a command on another machine, in a process that the cluster has started for it.

It holds the node's lock, so that nobody else measures there, and ends with the command, which the cluster sees to. What
a job does is done in a process of its own, as on any machine, and while that runs this one sleeps.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from io import BytesIO
from pathlib import Path

import filelock
import msgspec
import psutil

from effmod_bench.errors import DeviceUnavailableError
from effmod_bench.fleet.errand import time_errand
from effmod_bench.fleet.keep import keep
from effmod_bench.fleet.messages import Bring, Brought, Errand, Lacking, Ready, Refused, Waiting, asked, told
from effmod_bench.instrument.lock import BusyError, Holder, holder_now, measuring_alone
from effmod_bench.instrument.machine.machine import read_machine
from effmod_bench.instrument.subject import FileStamp, stamp
from effmod_bench.instrument.threads import own_cores
from exporters.artifact.cache import brought
from results import Machine

_TITLE = "ray::"
_OWN = (
    "IDLE",
    "IDLE_SpillWorker",
    "IDLE_RestoreWorker",
    "DashboardAgent",
    "RuntimeEnvAgent",
)  # what Ray has on every node


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a node is doing.

    Attributes:
        holder: measures there now.
        others: what else Ray runs there, by the names of classes and functions, in words.
    """

    machine: Machine
    holder: Holder | None
    others: str | None = None


class Post:
    """What a command asks for, done. Methods take and give messages in JSON, of which Ray knows nothing.

    Args:
        command: what the lock says of its holder.
    """

    def __init__(self, command: str) -> None:
        sys.argv = command.split()
        self._held = ExitStack()
        self._seen: dict[str, tuple[FileStamp, ...]] = {}
        self._machine: Machine | None = None
        self._remarks = _be_usual()

    def begin(self) -> bytes:
        """Take the node's lock: `Ready`, or `Waiting` where somebody else has it, or `Refused`."""
        try:
            self._held.enter_context(measuring_alone(wait=False, on_wait=lambda _: None))
        except BusyError as error:
            return told(Waiting(text=f"another effmod measures there: {error.holder}"))
        except DeviceUnavailableError as error:
            return told(Refused(reason=str(error)))
        self._machine = read_machine()
        cores = own_cores()
        ready = Ready(
            machine=self._machine,
            cores=None if cores is None else tuple(map(tuple, cores)),
            remarks=(*self._remarks, *_beside()),
        )
        return told(ready)

    def bring(self, files: bytes, *contents: bytes) -> bytes:
        """Keep what is lacking of a `Bring`, whose bytes come in the order of its files: `Brought` or `Refused`.

        Where some of them do not come: `Lacking`.
        """
        message = asked(files)
        assert isinstance(message, Bring)
        lacking: list[Lacking] = []
        root = brought()
        try:
            # Nodes may have one home, on a network: what one of them has seen to be right another does not write again.
            root.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(root / f"{message.folder}.lock"):
                answer = keep(root, message, BytesIO(b"".join(contents)), lacking.append)
        except EOFError:
            return told(*lacking)
        except OSError as error:
            return told(Refused(reason=f"the cache there cannot be written: {error.strerror or error}"))
        if isinstance(answer, Brought):
            self._seen[answer.path] = stamp(*(Path(answer.path) / each.name for each in message.files))
        return told(answer)

    def time(self, errand: bytes) -> bytes:
        """Time an `Errand`: `Watched`."""
        message = asked(errand)
        assert isinstance(message, Errand)
        assert self._machine is not None
        return told(time_errand(message, self._seen, self._machine))

    def status(self) -> bytes:
        """`NodeStatus`, of a process that times nothing."""
        return msgspec.json.encode(NodeStatus(machine=read_machine(), holder=holder_now(), others=_others()))


def _beside() -> Iterator[str]:
    """What is said of others where the whole node is taken: Ray lets in beside it what asked for no processors."""
    if names := _others():
        yield f"Ray runs there, too, what asked it for no processors: {names}; what load that makes is measured with it"


def _others() -> str | None:
    """What else Ray runs on this machine, in words."""
    found: Counter[str] = Counter()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            title = (*process.cmdline(), "")[0]  # Ray names a process by its class, and by its method while that runs
            name = title.removeprefix(_TITLE).partition(".")[0]
            if title.startswith(_TITLE) and name not in (*_OWN, Post.__name__):
                found[name] += 1
    return ", ".join(f"{name} ({count})" if count > 1 else name for name, count in sorted(found.items())) or None


def _be_usual() -> tuple[str, ...]:
    """Undo what Ray does to its processes; what cannot be undone, in words."""
    if not hasattr(os, "setpriority"):
        return ()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    if nice <= 0:
        return ()
    remark = f"what Ray starts there gives way to all other programs (niceness {nice}); start Ray there with "
    return (remark + "RAY_worker_niceness=0 in the environment",)
