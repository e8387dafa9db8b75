"""The processes that train one network together, as torchrun starts them; most often one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import torch
import torch.distributed


class World(msgspec.Struct, frozen=True, kw_only=True):
    """How many processes there are, and which this one is; `local_size` and `local_rank` are those of its machine."""

    size: int = 1
    rank: int = 0
    local_size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this process keeps files and speaks."""
        return self.rank == 0


def world_of_torchrun() -> World:
    """As torchrun says in the environment; one process where it did not start this one."""
    alone = World()
    told = {name: int(os.environ.get(variable, getattr(alone, name))) for name, variable in _VARIABLES.items()}
    return World(**told)


_VARIABLES = {"size": "WORLD_SIZE", "rank": "RANK", "local_size": "LOCAL_WORLD_SIZE", "local_rank": "LOCAL_RANK"}


@contextmanager
def joined(world: World, device: torch.device) -> Iterator[None]:
    """Wait for the other processes, and be one of them meanwhile."""
    if world.size == 1:
        yield
        return
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def agreed(value: int, world: World, device: torch.device) -> int:
    """What the first process has: where each sees a folder of its own, they would not do the same."""
    found = torch.tensor(value, device=device)
    if world.size > 1:
        torch.distributed.broadcast(found, 0)
    return int(found)


def summed(values: torch.Tensor, world: World) -> torch.Tensor:
    """The sum over all processes, in place."""
    if world.size > 1:
        torch.distributed.all_reduce(values)
    return values
