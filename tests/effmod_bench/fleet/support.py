"""A real SSH server on the loopback address, whose home is a folder: a board."""

import asyncio
import contextlib
import os
import shlex
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from effmod_bench.fleet.python import PythonThere
from effmod_bench.fleet.supplies import Archive, _archive

# Before what needs it: a test module that imports this one is skipped where it is missing.
asyncssh = pytest.importorskip("asyncssh", reason="asyncssh, of effmod's extra ssh, is not installed")

from effmod_bench.fleet import conversation  # noqa: E402
from effmod_bench.fleet.board import Board  # noqa: E402
from effmod_bench.fleet.identities import identities  # noqa: E402
from effmod_bench.fleet.ssh import Line, Talk  # noqa: E402

__all__ = [
    "USER",
    "Board",
    "Keys",
    "Line",
    "SshBoard",
    "Talk",
    "conversation",
    "identities",
    "installed_here",
    "new_key",
    "running",
]

USER = "ada"


class SshBoard:
    """A board: what a user may do there, each program a child of this process.

    Attributes:
        before: sh code that is run before each program, such as a limit.
        connections: that there were.
    """

    def __init__(self, home: Path, keys: "Keys") -> None:
        self.home = home
        self.port = 0
        self.before = ""
        self.connections: list[Any] = []
        self._keys = keys
        self._loop = asyncio.new_event_loop()
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "sh").symlink_to("/bin/sh")
        self.give_python(f'exec {shlex.quote(os.path.realpath(sys.executable))} "$@"')

    @property
    def lock(self) -> Path:
        return self.home / "measuring.lock"

    def give_python(self, code: str | None) -> None:
        """Its python3, as sh code; None for none at all."""
        python = self.home / "bin" / "python3"
        if code is None:
            python.unlink(missing_ok=True)
        else:
            python.write_text(f"#!/bin/sh\n{code}\n")
            python.chmod(0o755)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        if not self._thread.is_alive():
            return
        self._do(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Cut every connection, as a cable that is pulled and a system that notices."""
        for connection in self.connections:
            self._loop.call_soon_threadsafe(connection.abort)
        self.connections.clear()

    def processes(self) -> dict[int, str]:
        """Command lines of what runs there, by the numbers of the processes."""
        found = {}
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if os.fspath(self.home).encode() in (line := path.read_bytes()):
                    found[int(path.parent.name)] = line.replace(b"\0", b" ").decode(errors="replace")
        return found

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _leave(self) -> None:
        self._server.close()
        for connection in self.connections:
            connection.abort()
        # What was started ends when its line is cut.
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=10)

    async def _listen(self) -> Any:
        board = self

        class Server(asyncssh.SSHServer):  # type: ignore[name-defined, unused-ignore]
            def connection_made(self, connection: Any) -> None:
                board.connections.append(connection)

        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Server,
            server_host_keys=[os.fspath(self._keys.host)],
            authorized_client_keys=os.fspath(self._keys.authorized),
            process_factory=self._serve,
            encoding=None,
        )

    async def _serve(self, process: Any) -> None:
        there = {"HOME": os.fspath(self.home), "EFFMOD_LOCK": os.fspath(self.lock)}
        child = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", f"{self.before}\n{process.command}"),
            env=there | {"PATH": os.fspath(self.home / "bin")},
            cwd=self.home,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert child.stdin
        assert child.stdout
        assert child.stderr
        feeding = asyncio.ensure_future(_feed(process.stdin, child.stdin))
        await asyncio.gather(_pass_on(child.stdout, process.stdout), _pass_on(child.stderr, process.stderr))
        code = await child.wait()
        feeding.cancel()
        with contextlib.suppress(OSError, asyncssh.Error):
            process.exit(max(code, 0))


async def _feed(said: Any, child: asyncio.StreamWriter) -> None:
    """What the client says, to its end or that of the line."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while block := await said.read(1 << 16):
            child.write(block)
            await child.drain()
    child.close()


async def _pass_on(said: asyncio.StreamReader, client: Any) -> None:
    while block := await said.read(1 << 16):
        with contextlib.suppress(OSError, asyncssh.Error):
            client.write(block)
            await client.drain()


def new_key() -> Any:
    """A private key."""
    return asyncssh.generate_private_key("ssh-ed25519")


class Keys:
    """The server's key and the user's, and a home for the command, that knows both."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        (self.home / ".ssh").mkdir(parents=True)
        self.host = folder / "host_key"
        self.authorized = folder / "authorized_keys"
        for path in (self.host, self.home / ".ssh" / "id_ed25519"):
            key = new_key()
            key.write_private_key(os.fspath(path))
            path.chmod(0o600)
        key.write_public_key(os.fspath(self.authorized))
        self.known_hosts = self.home / ".ssh" / "known_hosts"

    def know(self, *boards: SshBoard, key: str | None = None) -> None:
        """Note the key of these boards, or another one for them."""
        own = asyncssh.read_private_key(os.fspath(self.host)).export_public_key().decode()
        self.known_hosts.write_text("".join(f"[127.0.0.1]:{board.port} {key or own}\n" for board in boards))


def installed_here(_: PythonThere) -> Archive:
    """In the place of packages: a file that names the folders of those of this Python."""
    folder = Path(os.environ["EFFMOD_CACHE"])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "packages.zip"
    if not path.exists():
        with zipfile.ZipFile(path, "w") as archive:
            packages = [each for each in sys.path if each.endswith("site-packages")]
            archive.writestr(zipfile.ZipInfo("installed.pth"), "\n".join(packages))
    return _archive(path)


@contextlib.contextmanager
def running(*boards: SshBoard) -> Iterator[None]:
    for board in boards:
        board.start()
    try:
        yield
    finally:
        for board in boards:
            board.stop()
