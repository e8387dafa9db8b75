"""What a board needs before it can time: its Python found, packages and modules brought, once."""

import hashlib
import json
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from effmod_bench.fleet import unpack
from effmod_bench.fleet.errors import BoardError, LineCutError, NonsenseError
from effmod_bench.fleet.messages import unpack_as
from effmod_bench.fleet.python import LOOK, choose
from effmod_bench.fleet.ssh import Line, Talk
from effmod_bench.fleet.supplies import TRY, Archive, own_modules, packages_for


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What `unpack` says, a line each.

    Attributes:
        lacking: folders whose archives it waits for.
        python: the path of the one that has all packages: the end.
        failed: why there is none: the end, too.
    """

    lacking: tuple[str, ...] = ()
    python: str | None = None
    failed: str | None = None


def supply(line: Line, say: Callable[[str], None]) -> str:
    """Bring what is lacking: the path of the Python there that has all packages.

    Raises:
        BoardError: the board cannot be used, or cannot keep it, or answers something else.
        LineCutError: the connection is gone.
        DeviceUnavailableError: something is missing here.
    """
    found = choose(line.run(LOOK))
    archives = (own_modules(), packages_for(found))
    program = Path(unpack.__file__).read_bytes()
    start = f"import sys;exec(compile(sys.stdin.buffer.read({len(program)}),'effmod','exec'))"
    talk = line.start("exec " + shlex.join([found.executable, "-I", "-c", start]), program)
    try:
        return _bring(talk, archives, lambda what: say(f"bringing {what}, once ({found})"))
    except LineCutError as error:
        if line.is_cut:
            raise
        raise BoardError(f"what is to make it ready ended there ({talk.why_it_ended()})") from error


def _bring(talk: Talk, archives: tuple[Archive, Archive], on_lack: Callable[[str], None]) -> str:
    talk.send(json.dumps(_asked(archives)).encode() + b"\n")
    said = _hear(talk)
    brought = [each for each in archives if each.folder in said.lacking]
    size = sum(each.size_bytes for each in brought)
    if size:
        on_lack(f"{size / 1e6:.0f} MB of packages and modules")
    with suppress(LineCutError):  # what cannot keep them ends in the midst of it, and has said why
        for archive in brought:
            talk.send_file(archive.path)
    if said.failed is None:
        said = _hear(talk)
    if said.failed is not None:
        raise BoardError(said.failed)
    if said.python is None:
        raise NonsenseError(str(said))
    return said.python


def _asked(archives: tuple[Archive, Archive]) -> dict[str, Any]:
    folders = [each.folder for each in archives]
    return {
        "archives": [
            {"folder": a.folder, "sha256": a.sha256, "size_bytes": a.size_bytes, "takes_bytes": a.takes_bytes}
            for a in archives
        ],
        "environment": "environment-" + hashlib.sha256("\n".join(folders).encode()).hexdigest()[:16],
        "try": TRY,
    }


def _hear(talk: Talk) -> _Answer:
    return unpack_as(talk.hear_line(), _Answer)
