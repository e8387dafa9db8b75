"""What a network consists of: it is built and counted for that, apart from this process."""

import functools

from effmod_bench.isolation.apart import apart
from exporters.stage import Stage
from models import Complexity, create_model


def find_complexity(name: str, image_size: int) -> Complexity:
    """Parameters and multiply-adds of a network for one image, whole and by stage.

    Raises:
        UnknownModelError: it cannot be built.
        UnfinishedError: building or counting it crashed, or took too long.
    """
    return apart(functools.partial(_count, name, image_size), what=name, stage=Stage.LOADING)


def _count(name: str, image_size: int) -> Complexity:
    from models import count

    return count(create_model(name, image_size=image_size), image_size)
