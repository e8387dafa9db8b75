"""A connection to a board, by asyncssh, as calls that wait. Its loop runs in one thread, which sleeps while they do.

Keys, agent, aliases and known hosts are those of ssh. A host key that is not known is never accepted, and no password
is asked for.
"""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from effmod_bench.fleet.address import Address
from effmod_bench.fleet.errors import BoardError, LineCutError, NonsenseError
from effmod_bench.fleet.identities import identities
from effmod_bench.fleet.messages import LENGTH, LONGEST, MARK

T = TypeVar("T")
CONNECT_S = 15.0
START_S = 120.0  # a slow board loads a Python from an SD card
# A line that is cut somewhere on the way ends for neither side. So the systems, not the processes, ask each other
# whether they are there: a packet a minute of silence, and three more until it is over. Where there is no such option,
# the system's own time of two hours holds.
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
_CLOSED = "SSH connection closed"  # asyncssh's reason where that goes while a program is started
_MOST_SAID = 2000  # characters of what a board's programs say, that are kept
_MOST_PRINTED = 1 << 20  # and of what one prints that is run to its end


class _Loop:
    """The loop of all connections."""

    _lock = threading.Lock()
    _loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def begin(cls, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Let it be done."""
        with cls._lock:
            if cls._loop is None:
                cls._loop = asyncio.new_event_loop()
                threading.Thread(target=cls._loop.run_forever, daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, cls._loop)

    @classmethod
    def do(cls, work: Coroutine[Any, Any, T]) -> T:
        """Wait until it is done."""
        return cls.begin(work).result()

    @classmethod
    def start(cls, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a program to answer for the first time.

        Raises:
            BoardError: it does not.
        """
        task = cls.begin(work)
        try:
            return task.result(START_S)
        except NotYet as error:
            if task.done():
                raise
            task.cancel()
            raise BoardError(f"a program there did not answer within {START_S:g} s") from error


class Program:
    """A program on a board: what it says, and what it is told."""

    def __init__(self, process: "asyncssh.SSHClientProcess[bytes]") -> None:
        self._process = process
        self._errors = bytearray()
        self._listening = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        """Keep the end of what it says on standard error, or it would have to wait for someone to read it."""
        with contextlib.suppress(asyncssh.Error, OSError):
            while block := await self._process.stderr.read(1 << 16):
                self._errors = (self._errors + block)[-_MOST_SAID:]

    async def find_mark(self) -> None:
        await self._process.stdout.readuntil(MARK)

    async def read(self, count: int) -> bytes:
        return await self._process.stdout.readexactly(count)

    async def read_line(self) -> bytes:
        return await self._process.stdout.readuntil(b"\n")

    async def write(self, content: bytes) -> None:
        self._process.stdin.write(content)
        await self._process.stdin.drain()

    async def how_it_ended(self) -> str:
        """What it said last, or else how it ended."""
        with contextlib.suppress(asyncssh.Error, asyncio.TimeoutError):
            await asyncio.wait_for(self._process.wait_closed(), 5)
            await asyncio.wait_for(self._listening, 5)
        lines = self._errors.decode(errors="replace").strip().splitlines()
        if lines:
            return lines[-1]
        if self._process.exit_signal:
            return f"ended by SIG{self._process.exit_signal[0]}"
        return f"ended with status {self._process.exit_status}"


class Line:
    """A connection, and the programs that were started over it.

    Raises:
        BoardError: there is none to be had; the message says why, and what would help.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        try:
            self._connection = _Loop.do(self._connect())
        except BoardError:
            raise
        except (TimeoutError, asyncssh.Error, OSError, ValueError) as error:
            raise _error(address, error) from error

    async def _connect(self) -> asyncssh.SSHClientConnection:
        address = self._address
        connection = await asyncssh.connect(
            address.host,
            address.port or (),
            username=address.user or (),
            connect_timeout=CONNECT_S,
            login_timeout=CONNECT_S,
            agent_forwarding=False,
            password_auth=False,
            kbdint_auth=False,
            request_pty=False,  # it would change the bytes that are sent
            keepalive_interval=0,  # nothing is sent while the clock runs
            **identities(address),
        )
        line = connection.get_extra_info("socket")
        if line is not None:  # over a `ProxyCommand` there is none here, and it is that command's affair
            for name, value in _KEEPALIVE.items():
                if hasattr(socket, name):
                    with contextlib.suppress(OSError):
                        line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        return connection

    def start(self, command: str, first: bytes = b"") -> "Talk":
        """Start a program that says `MARK` when it is there.

        Args:
            first: what it is told before that.

        Raises:
            LineCutError: the connection is gone.
            BoardError: the program ended at once, or none is started.
        """
        return Talk(self._connection, command, first)

    @property
    def is_cut(self) -> bool:
        """Whether the connection itself is gone."""
        return self._connection.is_closed()

    def run(self, command: str) -> str:
        """What a program prints, or the beginning of it.

        Raises:
            LineCutError: the connection is gone.
            BoardError: none is started, or it does not answer.
        """

        async def run() -> str:
            process = await self._connection.create_process(
                command, encoding="utf-8", errors="replace", stdin=asyncssh.DEVNULL, stderr=asyncssh.DEVNULL
            )
            said = ""
            while len(said) < _MOST_PRINTED and (block := await process.stdout.read(1 << 16)):
                said += block
            process.close()
            return said

        with _cut_or_not():
            return _Loop.start(run())

    def close(self) -> None:
        """End it, and every program that was started over it."""

        async def abort() -> None:
            self._connection.abort()
            with contextlib.suppress(asyncssh.Error, OSError):
                await self._connection.wait_closed()

        _Loop.do(abort())


class Talk:
    """A conversation with a program on a board, that has begun with its mark."""

    def __init__(self, connection: asyncssh.SSHClientConnection, command: str, first: bytes) -> None:
        async def start() -> Program:
            program = Program(await connection.create_process(command, encoding=None, bufsize=1 << 16))
            await program.write(first)
            return program

        with _cut_or_not():
            self._program = _Loop.do(start())
            try:
                _Loop.start(self._program.find_mark())
            except asyncio.IncompleteReadError as error:
                raise BoardError(
                    f"the program that times there did not start: {_Loop.do(self._program.how_it_ended())}"
                ) from error
        self._heard: Future[bytes] | None = None

    def send(self, content: bytes) -> None:
        """Say something.

        Raises:
            LineCutError: nobody is there any more.
        """
        with _cut_or_not():
            _Loop.do(self._program.write(content))

    def send_file(self, path: Path) -> None:
        """Send a file's bytes.

        Raises:
            LineCutError: nobody is there any more.
        """
        with path.open("rb") as file:
            while block := file.read(1 << 18):
                self.send(block)

    def hear_line(self) -> bytes:
        """The next line.

        Raises:
            LineCutError: nobody is there any more.
        """
        with _cut_or_not():
            return _Loop.do(self._program.read_line())

    def hear(self, timeout_s: float) -> bytes | None:
        """The next message; None where there is none yet after so long.

        Raises:
            LineCutError: nobody is there any more.
            BoardError: what is said there is no message.
        """
        with _cut_or_not():
            if self._heard is None:
                self._heard = _Loop.begin(self._read())
            try:
                content = self._heard.result(timeout_s)
            except NotYet:
                if not self._heard.done():
                    return None
                raise
            self._heard = None
            return content

    async def _read(self) -> bytes:
        header = await self._program.read(LENGTH.size)
        (length,) = LENGTH.unpack(header)
        if length > LONGEST:
            raise NonsenseError(header.decode(errors="replace"))
        return await self._program.read(length)

    def why_it_ended(self) -> str:
        """What the program said last."""
        with _cut_or_not():
            return _Loop.do(self._program.how_it_ended())


@contextlib.contextmanager
def _cut_or_not() -> Iterator[None]:
    """Whatever else asyncssh raises in the midst of a conversation, the line is cut."""
    try:
        yield
    except asyncssh.ChannelOpenError as error:
        if error.reason == _CLOSED:
            raise LineCutError(error.reason) from error
        raise BoardError(
            f"it starts no other program over the connection ({error.reason})",
            "MaxSessions in its sshd_config is to be 2 or more",
        ) from error
    except (asyncssh.Error, OSError, asyncio.IncompleteReadError) as error:
        raise LineCutError(str(error) or type(error).__name__) from error


def _error(address: Address, error: Exception) -> BoardError:
    """What to say where no connection was made."""
    port = f" -p {address.port}" if address.port else ""
    login = f"'ssh{port} {address.user}@{address.host}'" if address.user else f"'ssh{port} {address.host}'"
    match error:
        case asyncssh.HostKeyNotVerifiable():
            return BoardError(
                "its host key is not one that known_hosts has for it",
                "look at the key on the board itself (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); where that is "
                f"the one that {login} shows, take it there",
            )
        case asyncssh.PermissionDenied():
            return BoardError(
                "it lets nobody in by the keys that there are",
                f"{login} is to work without a password: ssh-copy-id brings a key there, ssh-add unlocks one",
            )
        case asyncssh.DisconnectError():
            return BoardError("it hung up while the connection was made", f"{error}; does {login} work?")
        case asyncio.TimeoutError():
            return BoardError(f"it did not answer within {CONNECT_S:g} s", f"is it on, and does {login} work?")
        case OSError():
            named = isinstance(error, socket.gaierror) or error.errno is None
            why = error.strerror if named else os.strerror(error.errno or 0)
            which = f": {error.filename}" if error.filename else ""  # such as the program of a `ProxyCommand`
            return BoardError(
                f"it cannot be reached ({why or type(error).__name__}{which})", f"is it on, and does {login} work?"
            )
    return BoardError(f"no connection was made ({type(error).__name__})", f"{error}; does {login} work?")
