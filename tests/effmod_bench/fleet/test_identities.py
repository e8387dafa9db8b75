"""What `~/.ssh/config` says of a board, as ssh takes it and asyncssh by itself does not."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from effmod_bench.fleet.address import Address
from tests.effmod_bench.fleet.support import USER, Board, Keys, SshBoard, identities

PI = Address(name="pi", host="pi")
# As `nc HOST PORT`, which is not everywhere.
RELAY = """import os, socket, sys, threading
line = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while block := os.read(0, 65536): line.sendall(block)
    line.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while block := line.recv(65536): os.write(1, block)
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write ~/.ssh/config: the folder that it lies in."""

    def write(text: str) -> Path:
        folder = tmp_path / ".ssh"
        folder.mkdir()
        (folder / "config").write_text(f"Host pi\n{text}")
        return folder

    monkeypatch.setenv("HOME", str(tmp_path))
    return write


def test_where_no_key_is_named_it_is_left_to_asyncssh(config: Callable[[str], Path]) -> None:
    config("IdentitiesOnly yes\n")
    assert identities(PI) == {}


def test_a_key_that_is_named_and_not_there_is_passed_over(config: Callable[[str], Path]) -> None:
    folder = config("IdentityFile ~/.ssh/one\nIdentityFile ~/.ssh/two\n")
    (folder / "two").touch()
    assert identities(PI) == {"client_keys": [folder / "two"], "ignore_encrypted": True}


def test_the_agent_is_asked_for_the_key_that_is_named_alone(config: Callable[[str], Path]) -> None:
    folder = config("IdentityFile ~/.ssh/one\nIdentitiesOnly yes\n")
    (folder / "one.pub").touch()
    assert identities(PI)["agent_identities"] == [folder / "one.pub"]


def test_a_board_is_reached_by_an_alias_with_a_program_between_and_a_key_that_is_not_there(
    boards: tuple[SshBoard, SshBoard], ssh_keys: Keys, tmp_path: Path
) -> None:
    relay = tmp_path / "relay.py"
    relay.write_text(RELAY)
    path = ssh_keys.home / ".ssh" / "config"
    path.write_text(
        f"Host pi\n  HostName 127.0.0.1\n  Port {boards[0].port}\n  User {USER}\n  RequestTTY force\n"
        f"  IdentityFile ~/.ssh/nothing\n  IdentityFile ~/.ssh/id_ed25519\n"
        f"  ProxyCommand {sys.executable} -I {relay} %h %p\n"
    )
    place = Board(PI, token="0123456789", wait=True, say=lambda _: None)
    try:
        place.open()
        assert place.lost is None
        path.write_text(path.read_text().replace(sys.executable, "/nowhere"))
        other = Board(PI, token="0123456789", wait=True, say=lambda _: None)
        other.open()
        assert other.lost == "it cannot be reached (No such file or directory: /nowhere)"
    finally:
        place.close()
        path.unlink()
