"""What a node's process says of it, without a cluster."""

import os
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest

from effmod_bench.fleet import post
from effmod_bench.fleet.cluster import NodeFacts
from effmod_bench.fleet.status import NodeAnswer
from effmod_bench.instrument.lock import Holder
from effmod_bench.runs import nodes
from tests.fakes import MACHINE

# All processes of the machine are looked at, other tests' too.
TRAINER, POST_PROCESSOR = (f"{name}{os.getpid()}" for name in ("Trainer", "PostProcessor"))


@pytest.fixture
def trainers() -> Iterator[None]:
    """Three processes of somebody's actors, and those that are on every node, as Ray names them."""
    titles = [f"ray::{TRAINER}.step", f"ray::{TRAINER}", f"ray::{POST_PROCESSOR}", "ray::IDLE", "ray::DashboardAgent"]
    titles += ["ray::Post.time", "ray::IDLE_SpillWorker", "ray::IDLE_RestoreWorker"]
    found = [subprocess.Popen([title, "60"], executable="/bin/sleep") for title in titles]
    yield
    for each in found:
        each.kill()
        each.wait()


@pytest.mark.usefixtures("trainers")
def test_what_else_ray_runs_on_a_node_is_said() -> None:
    (said,) = post._beside()
    assert "what asked it for no processors: " in said
    assert f"{TRAINER} (2)" in said
    assert POST_PROCESSOR in said
    assert all(name not in said for name in ("IDLE", "Agent", "Post,", "Post;", "Post ("))


@pytest.mark.usefixtures("trainers")
def test_the_status_of_a_node_says_what_ray_runs_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "_be_usual", lambda: ())  # what a process of Ray's undoes, and pytest's is not one
    monkeypatch.setattr(sys, "argv", sys.argv)
    status = msgspec.json.decode(post.Post("effmod cluster status").status(), type=post.NodeStatus)
    assert status.others is not None
    assert f"{TRAINER} (2)" in status.others
    assert "Post" not in status.others.replace("PostProcessor", "")


@pytest.mark.parametrize(
    ("holder", "others", "state"),
    [
        (None, None, "free"),
        (None, "Trainer (2)", "busy"),
        (Holder(pid=1, command="effmod bench", since="2026-01-01T00:00:00+00:00"), "Trainer", "measuring"),
    ],
)
def test_a_node_is_free_where_nobody_measures_and_ray_runs_nothing(
    holder: Holder | None, others: str | None, state: str
) -> None:
    facts = NodeFacts(id="a" * 56, names=(), labels={}, cpus=1.0, gpus=0.0)
    status = post.NodeStatus(machine=MACHINE, holder=holder, others=others)
    table = nodes._table([NodeAnswer(facts=facts, status=status)])
    cells = {column.key: column.get(table.rows[0]) for column in table.columns}
    assert (cells["state"], cells["others"]) == (state, others)
