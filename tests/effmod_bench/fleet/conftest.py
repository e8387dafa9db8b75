"""What needs asyncssh is imported within fixtures: a test module that needs it is skipped where it is missing."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.effmod_bench.fleet.support import Keys, SshBoard


@pytest.fixture(scope="session")
def ssh_keys(tmp_path_factory: pytest.TempPathFactory) -> "Keys":
    from tests.effmod_bench.fleet.support import Keys

    return Keys(tmp_path_factory.mktemp("ssh"))


@pytest.fixture(scope="session")
def two_boards(tmp_path_factory: pytest.TempPathFactory, ssh_keys: "Keys") -> "Iterator[tuple[SshBoard, SshBoard]]":
    """They keep what is brought to them from test to test."""
    from tests.effmod_bench.fleet.support import SshBoard, running

    boards = (
        SshBoard(tmp_path_factory.mktemp("one"), ssh_keys),
        SshBoard(tmp_path_factory.mktemp("two"), ssh_keys),
    )
    with running(*boards):
        yield boards


@pytest.fixture
def boards(
    two_boards: "tuple[SshBoard, SshBoard]", ssh_keys: "Keys", monkeypatch: pytest.MonkeyPatch
) -> "tuple[SshBoard, SshBoard]":
    """Two boards, that the command's user knows and may use."""
    from effmod_bench.fleet import board, supply
    from tests.effmod_bench.fleet.support import installed_here

    monkeypatch.setenv("HOME", str(ssh_keys.home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(supply, "packages_for", installed_here)
    monkeypatch.setattr(board, "AGAIN_S", (0.0, 0.1))
    ssh_keys.know(*two_boards)
    for each in two_boards:
        each.before = ""
    return two_boards


@pytest.fixture
def new_board(boards: "tuple[SshBoard, SshBoard]", ssh_keys: "Keys", tmp_path: Path) -> "Iterator[SshBoard]":
    """A third one, that nothing was brought to."""
    from tests.effmod_bench.fleet.support import SshBoard, running

    board = SshBoard(tmp_path / "board", ssh_keys)
    with running(board):
        ssh_keys.know(*boards, board)
        yield board
