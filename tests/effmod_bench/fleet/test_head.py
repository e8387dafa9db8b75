"""Whether a head is there, and what it asks for, of one that is a socket."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from effmod_bench.fleet import cluster, head
from effmod_bench.fleet.cluster import NodeLostError
from effmod_bench.fleet.head import Head


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(head, "monotonic_s", found)
    return found


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


def address(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_head_is_gone_when_it_has_not_been_there_for_a_while(clock: Clock, listening: socket.socket) -> None:
    seen = Head(address(listening))
    assert (seen.is_there, seen.is_gone) == (True, False)
    listening.close()
    assert not seen.is_there
    for clock.now, gone in ((4.0, False), (6.0, False), (12.0, False), (25.0, False), (26.0, True)):
        assert seen.is_gone == gone, clock.now


def test_one_that_comes_back_is_not(clock: Clock, listening: socket.socket) -> None:
    seen, port = Head(address(listening)), listening.getsockname()[1]
    listening.close()
    assert not seen.is_gone
    with closing(socket.create_server(("127.0.0.1", port))):
        clock.now = 15.0
        assert not seen.is_gone
    clock.now = 25.0
    assert not seen.is_gone
    clock.now = 45.0
    assert seen.is_gone


def test_of_a_head_that_is_gone_ray_is_asked_nothing(listening: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster._connected, "head", Head(address(listening)))
    monkeypatch.setattr(cluster, "_ray", lambda: pytest.fail("it would wait for a minute, and end this process"))
    listening.close()
    for ask in (cluster.read_nodes, cluster.read_ids):
        with pytest.raises(NodeLostError, match="the head of the cluster is gone"):
            ask()
