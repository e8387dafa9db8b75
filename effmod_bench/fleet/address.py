"""Where a board is reached, as the user writes it: `ssh://user@host:port`, perhaps with a name before it."""

import re
from urllib.parse import urlsplit

import msgspec

from effmod_bench.errors import TargetError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_LOOKS = "write ssh://USER@HOST, ssh://HOST:PORT, or NAME=ssh://HOST with a name for its records; several with commas"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One board. None where ~/.ssh/config, or else ssh's own rule, says it.

    Attributes:
        name: what records call it: they name no host and no user.
        host: or an alias of ~/.ssh/config, which knows capitals from small letters.
    """

    name: str
    host: str
    user: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return f"{self.name} ({user}{self.host}{f':{self.port}' if self.port else ''})"


def parse_addresses(text: str) -> tuple[Address, ...]:
    """Several addresses, with commas between them. One without a name is called by its number: "board 1".

    Raises:
        TargetError: one of them is none, holds a password, or two have one name or are one machine.
    """
    parts = [part.strip() for part in text.split(",")]
    found = tuple(_address(part, number) for number, part in enumerate(parts, start=1))
    names = [each.name.replace(" ", "-") for each in found]  # as they are in the names of records' files
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise TargetError(f"--on names two boards {repeated!r}; give each a name of its own")
    machines = [(each.host, each.port) for each in found]
    if twice := next((host for host, port in machines if machines.count((host, port)) > 1), None):
        raise TargetError(f"--on names {twice} twice, and a board does one thing at a time; name it once")
    return found


def _address(text: str, number: int) -> Address:
    head, separator, tail = text.partition("=")
    named = separator and "//" not in head
    name, url = (head, tail) if named else (f"board {number}", text)
    if named and not _NAME.fullmatch(name):
        raise TargetError(f"--on {text!r}: {name!r} is no name for a record: letters, digits, '.', '_', '-', up to 40")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetError(f"--on {text!r}: {error}; {_LOOKS}") from error
    if parts.scheme != "ssh" or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise TargetError(f"--on {text!r} is no board; {_LOOKS}")
    if parts.password is not None:
        # Not shown again: it stands in the shell's history already.
        raise TargetError(
            "--on holds a password, which every user of this machine can read in the list of processes; use a key "
            "(ssh-copy-id), and leave the password out"
        )
    # Of `parts.hostname` the capitals are gone.
    written = parts.netloc.rpartition("@")[2]
    host = written[1:].partition("]")[0] if written.startswith("[") else written.partition(":")[0]
    return Address(name=name, host=host, user=parts.username or None, port=port)
