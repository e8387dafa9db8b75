"""A node of a cluster that jobs are timed on: held as long as a run lasts, and asked for one job after the other."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from effmod_bench import __version__
from effmod_bench.fleet.cluster import NodeFacts, NodeLostError, Remote
from effmod_bench.fleet.conversation import TICK_S, RefusedError
from effmod_bench.fleet.errors import BoardError, NonsenseError
from effmod_bench.fleet.messages import Bring, Brought, Errand, Lacking, Ready, Refused, Waiting, told, unpack
from effmod_bench.fleet.messages import Watched as Answer
from effmod_bench.fleet.parcel import Parcel, job_there, parcel
from effmod_bench.fleet.post import Post
from effmod_bench.instrument.clock import monotonic_s, utc_now, wait_until
from effmod_bench.instrument.process.messages import Job, PairJob
from effmod_bench.instrument.subject import Subject

# Ray starts a process on a free node in a second or two.
_BUSY_S = 10.0
_GIVE_UP_S = 30.0


class Node:
    """One node. Nobody else measures there from `open` to `close`: neither by Ray, which gives it all away, nor beside.

    Args:
        name: what records call it.
        command: what the node's lock says of its holder, as of no other command.
        wait: for whoever measures there now.
        say: told what the user should hear, about which node.
        put: lays the bytes of a file, of this hash, into the cluster's memory, once for all nodes.
    """

    def __init__(
        self,
        facts: NodeFacts,
        *,
        name: str,
        kind: str,
        command: str,
        wait: bool,
        say: Callable[[str], None],
        put: Callable[[Path, str], Any],
    ) -> None:
        self.facts, self.name, self.kind = facts, name, kind
        self.ready: Ready | None = None
        self.is_broken = False
        """It was there, and could not be used."""
        self._command, self._wait, self._say, self._put = command, wait, say, put
        self._remote: Remote | None = None
        self._brought: dict[str, str] = {}
        self._turn = threading.Lock()  # two places may share a node, when another one was lost
        self._closed = False

    def open(self) -> None:
        """Wait until nobody else has it, and take it.

        Raises:
            BoardError: it cannot be used.
            KeyboardInterrupt: it was closed.
        """
        with self._turn:
            self._check_open()
            if self._remote is None:
                self._open()

    def close(self) -> None:
        """Leave it; what is being timed there ends."""
        self._closed = True
        self._hang_up()

    def time(
        self,
        job: Job | PairJob,
        subjects: Sequence[Subject],
        *,
        tick: Callable[[float], None],
        timeout_s: float | None,
    ) -> tuple[str, Answer]:
        """Have a job done; when it began, by this machine's clock, and what it came to.

        Raises:
            NodeLostError: the node is gone, or what timed on it.
            RefusedError: it cannot keep what it is to time.
            BoardError: it cannot be used any more.
            KeyboardInterrupt: it was closed.
        """
        with self._turn:
            self._check_open()
            if self._remote is None:
                self._open()
            try:
                parcels = [parcel(subject) for subject in subjects]
                sent, folders = job_there(job, subjects, [(files, self._bring(files)) for files in parcels])
                began = utc_now().isoformat(timespec="milliseconds")
                errand = told(Errand(job=sent, folders=folders, timeout_s=timeout_s))
                return began, self._ask(Answer, "time", errand, tick=tick)
            except NodeLostError:
                self._hang_up()
                self._check_open()
                raise

    def _open(self) -> None:
        try:
            self._remote = Remote(Post, self.facts, self._command)
            ready = self._begin()
            version = ready.machine.versions.get("effmod-bench")
            if version != __version__:
                raise BoardError(f"its effmod is {version}, and this is {__version__}; install the same one there")
            if self.ready is not None and ready.machine.stable != self.ready.machine.stable:
                raise BoardError("it has other software than when the run began")
        except BoardError:
            self.is_broken = True
            self._hang_up()
            self._check_open()
            raise
        for remark in ready.remarks if self.ready is None else ():
            self._say(f"{self.name}: {remark}")
        self.ready = ready
        self._brought.clear()

    def _begin(self) -> Ready:
        said = False
        while True:
            message = self._ask(Ready, "begin", others=(Waiting,), tick=self._wait_for_ray)
            if isinstance(message, Ready):
                return message
            if self._command in message.text:
                raise BoardError("another node of this run is on the same machine, where one can be measured at a time")
            if not self._wait:
                raise BoardError(f"{message.text}; leave --no-wait out to wait for its end")
            if not said:
                self._say(f"{self.name}: {message.text}; waiting for its end")
                said = True
            wait_until(monotonic_s() + TICK_S)

    def _wait_for_ray(self, elapsed_s: float) -> None:
        why = "Ray has other work on it, or is slow to start a process there"
        if elapsed_s >= _GIVE_UP_S and not self._wait:
            raise BoardError(f"{why}; leave --no-wait out to wait")
        if _BUSY_S <= elapsed_s < _BUSY_S + TICK_S:
            self._say(f"{self.name}: waiting, since {why}")

    def _bring(self, files: Parcel) -> str:
        """See to it, once, that files are there; the path of their folder on the node."""
        if files.folder not in self._brought:
            message = told(Bring(folder=files.folder, files=files.files))
            answer = self._ask(Brought, "bring", message, others=(Lacking,))
            if isinstance(answer, Lacking):
                lacking = [each for each in files.files if each.name in answer.names]
                contents = [self._put(files.paths[each.name], each.sha256) for each in lacking]
                answer = self._ask(Brought, "bring", message, *contents)
                size = sum(each.size_bytes for each in lacking)
                self._say(f"{self.name}: {files.what} brought, {max(size, 50_000) / 1e6:.1f} MB")
            self._brought[files.folder] = answer.path
        return self._brought[files.folder]

    def _ask(
        self,
        kind: type[Any],
        method: str,
        *arguments: Any,
        others: tuple[type[Any], ...] = (),
        tick: Callable[[float], None] = lambda _: None,
    ) -> Any:
        """What a method of the node's `Post` answers, which is to be of this kind, or of another one.

        Raises:
            RefusedError: it says that it cannot.
            NonsenseError: it says something else.
        """
        assert self._remote is not None
        content = self._remote.ask(method, *arguments, tick=tick, is_over=lambda: self._closed)
        message = unpack(content)
        if isinstance(message, Refused):
            if kind is Ready:
                raise BoardError(message.reason)
            raise RefusedError(message)
        if not isinstance(message, (kind, *others)):
            raise NonsenseError(content.decode(errors="replace"))
        return message

    def _hang_up(self) -> None:
        remote, self._remote = self._remote, None
        if remote is not None:
            remote.end()

    def _check_open(self) -> None:
        if self._closed:
            self._hang_up()
            raise KeyboardInterrupt
