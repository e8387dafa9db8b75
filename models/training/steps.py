"""How a recipe's batch falls on processes, and its epochs on steps."""

import msgspec

from models.training.errors import RecipeError, TrainingDataError
from models.training.recipe import Data

SHORT = 5
"""A run of fewer steps than so many times what the average of weights remembers would end in its first weights."""


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of an epoch.

    Attributes:
        at_once: images that a process computes at once.
        accumulated: how many such are its share of a step.
        in_epoch: steps; images that fill none are left out, others each time.
    """

    at_once: int
    accumulated: int
    in_epoch: int


def divide(data: Data, images: int, processes: int) -> Steps:
    """The steps of an epoch.

    Raises:
        RecipeError: a step's images do not divide evenly.
        TrainingDataError: there are not enough images for one step.
    """
    share, rest = divmod(data.batch_size, processes)
    if rest or not share:
        raise RecipeError(
            f"{data.batch_size} images a step do not divide among {processes} processes; choose another --batch-size"
        )
    if images < data.batch_size:
        raise TrainingDataError(
            f"{images} images are fewer than the {data.batch_size} of one step; give a smaller --batch-size"
        )
    at_once = _at_once(share, data.images_at_once)
    accumulated = share // at_once
    return Steps(at_once=at_once, accumulated=accumulated, in_epoch=images // processes // at_once // accumulated)


def _at_once(share: int, most: int) -> int:
    parts = [size for size in range(1, min(share, most) + 1) if share % size == 0]
    return max(parts, key=lambda size: (size % 2 == 0, size))  # pairs are mixed


def is_in_small_parts(data: Data, processes: int) -> bool:
    """Whether a process computes less than half of the images at once that it might, for want of a divisor."""
    share = data.batch_size // processes
    return 2 * _at_once(share, data.images_at_once) < min(share, data.images_at_once)


def nearest_in_large_parts(data: Data, processes: int) -> tuple[int, ...]:
    """The next smaller and the next larger number of images a step whose parts are large, and even."""

    def fits(size: int) -> bool:
        other = Data(batch_size=size, images_at_once=data.images_at_once)
        return size // processes % 2 == 0 and not is_in_small_parts(other, processes)

    smaller = range(data.batch_size - processes, 0, -processes)
    larger = range(data.batch_size + processes, data.batch_size + 2 * processes * data.images_at_once + 1, processes)
    found = (next(filter(fits, sizes), None) for sizes in (smaller, larger))
    return tuple(size for size in found if size)


def is_short(decay: float, steps: int) -> bool:
    """Whether an average that forgets by `decay` a step would still remember the weights before the first one."""
    return steps * (1 - decay) < SHORT
