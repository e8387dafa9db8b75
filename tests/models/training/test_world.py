import pytest
import torch

from models.training.world import World, summed, world_of_torchrun


def test_one_process_is_the_first_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "LOCAL_WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert world_of_torchrun() == World()
    assert World().is_first
    assert torch.equal(summed(torch.ones(2), World()), torch.ones(2))


def test_torchrun_says_which_process_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WORLD_SIZE", "16"), ("RANK", "9"), ("LOCAL_WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert world_of_torchrun() == World(size=16, rank=9, local_size=8, local_rank=1)
    assert not world_of_torchrun().is_first
