"""What a node's process says of it, without a cluster."""

import subprocess
from collections.abc import Iterator

import pytest

from effmod_bench.fleet import post


@pytest.fixture
def trainers() -> Iterator[None]:
    """Three processes of somebody's actors, and those that are on every node, as Ray names them."""
    titles = ["ray::Trainer.step", "ray::Trainer", "ray::PostProcessor", "ray::IDLE", "ray::DashboardAgent"]
    titles += ["ray::Post.time", "ray::IDLE_SpillWorker", "ray::IDLE_RestoreWorker"]
    found = [subprocess.Popen([title, "60"], executable="/bin/sleep") for title in titles]
    yield
    for each in found:
        each.kill()
        each.wait()


@pytest.mark.usefixtures("trainers")
def test_what_else_ray_runs_on_a_node_is_said() -> None:
    (said,) = post._others()
    assert "what asked it for no processors: " in said
    assert "Trainer (2)" in said
    assert "PostProcessor" in said
    assert all(name not in said for name in ("IDLE", "Agent", "Post,", "Post;", "Post ("))
