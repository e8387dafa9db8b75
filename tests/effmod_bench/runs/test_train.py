import pytest

from effmod_bench.runs import train
from effmod_bench.runs.train import usual_workers
from models.training.world import World


@pytest.mark.parametrize(("cores", "processes", "workers"), [(1, 1, 1), (2, 1, 2), (64, 1, 8), (16, 4, 4), (4, 8, 1)])
def test_images_are_read_by_a_share_of_the_cores_that_may_be_used(
    cores: int, processes: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "usable_cores", lambda: cores)
    assert usual_workers(World(size=2 * processes, local_size=processes)) == workers
