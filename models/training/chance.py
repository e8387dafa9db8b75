"""Randomness that follows from a run's seed and what it is for, so that nothing of a generator must be stored."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import numpy as np
import torch


class Use(IntEnum):
    """What is drawn for: uses of one epoch and one image must not repeat each other."""

    STEPS = 0
    ORDER = 1
    IMAGE = 2
    MIXING = 3


def seed_of(seed: int, use: Use, *where: int) -> int:
    """A seed of 32 bits.

    Args:
        seed: the run's.
        where: the epoch, then the process or the image.
    """
    return int(np.random.SeedSequence((seed, use, *where)).generate_state(1)[0])


def seed_all(seed: int) -> None:
    """Seed what a step draws from: dropout, stochastic depth and random erasing, on every device."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # all that it takes
    torch.manual_seed(seed)


@contextmanager
def drawing_from(seed: int) -> Iterator[None]:
    """Draw from a seed, and leave the generators as they were: in one process images and steps share them."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed GPUs, too
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
