"""What is fed to an artifact while it is timed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from exporters.feeds.rule import WHOLE_NUMBERS, by_rule
from exporters.feeds.values import make_value
from results import InputTensor

Inputs = dict[str, npt.NDArray[Any]]


def make_inputs(
    tensors: Sequence[InputTensor],
    feeds: Mapping[str, tuple[str, ...]],
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> list[Inputs]:
    """What is fed, by name: once, or as often as feeds are taken in turn.

    Args:
        feeds: in words, by name; an input that is not among them is fed by the rule.
        mean, std: by channel, of the images that are fed.

    Raises:
        ValueError: an input's element type is none that can be made.
        FeedError: the words do not fit an input, or a file of theirs cannot be read.
    """
    words = {x.name: feeds.get(x.name) or (by_rule(x) or str(WHOLE_NUMBERS[0]),) for x in tensors}
    return [
        {x.name: make_value(x, words[x.name][turn % len(words[x.name])], mean=mean, std=std) for x in tensors}
        for turn in range(max(map(len, words.values()), default=1))
    ]
