"""The keys that ~/.ssh/config names for a board, as ssh takes them.

asyncssh reads the same file, but gives up at a key that is not there; and with `IdentitiesOnly`, of a key that is
locked here, it offers the board all that the agent has, of which a server takes but a few.
"""

from pathlib import Path
from typing import Any

import asyncssh

from effmod_bench.fleet.address import Address


def identities(address: Address) -> dict[str, Any]:
    """What `asyncssh.connect` is to be told of them; nothing where the file names none.

    Raises:
        ValueError: ~/.ssh/config cannot be understood.
    """
    config: Any = asyncssh.SSHClientConnectionOptions(
        host=address.host, port=address.port or (), username=address.user or (), config=(), client_keys=None
    ).config
    named = [Path(each).expanduser() for each in config.get("IdentityFile") or ()]
    if not named:
        return {}
    told: dict[str, Any] = {"client_keys": [path for path in named if path.exists()], "ignore_encrypted": True}
    # The agent is asked for a key by its public half, which lies beside it.
    halves = [half for path in named if (half := path.with_name(f"{path.name}.pub")).exists()]
    if config.get("IdentitiesOnly") and halves:
        told["agent_identities"] = halves
    return told
