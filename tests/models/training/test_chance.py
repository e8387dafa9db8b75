import random

import numpy as np
import torch

from models.training.chance import Use, drawing_from, seed_all, seed_of


def _drawn() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(1))


def test_a_seed_is_of_its_use_its_epoch_and_its_image() -> None:
    seeds = {
        seed_of(seed, use, epoch, image) for seed in range(2) for use in Use for epoch in range(5) for image in range(5)
    }
    assert len(seeds) == 2 * len(Use) * 25
    assert seed_of(1, Use.IMAGE, 2, 3) == seed_of(1, Use.IMAGE, 2, 3)


def test_drawing_apart_repeats_itself_and_leaves_the_rest_as_it_was() -> None:
    seed_all(0)
    expected = [_drawn(), _drawn()]
    seed_all(0)
    with drawing_from(7):
        apart = _drawn()
    assert _drawn() == expected[0]
    with drawing_from(7):
        assert _drawn() == apart
    assert _drawn() == expected[1]
