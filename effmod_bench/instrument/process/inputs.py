"""What is fed to an artifact while it is timed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from exporters.feeds.rule import WHOLE_NUMBERS, by_rule, otherwise
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


def make_other(tensors: Sequence[InputTensor], feeds: Mapping[str, tuple[str, ...]], inputs: Inputs) -> Inputs | None:
    """Values drawn otherwise for what nobody gave; None where there is nothing of that kind.

    Args:
        feeds: in words, by name.
        inputs: what is fed; of what was given, the same.
    """
    made_up = [x for x in tensors if x.fed is not None and not x.fed.given and x.dtype != "image"]
    if not made_up:
        return None
    return inputs | {x.name: make_value(x, otherwise(x, feeds[x.name][0])) for x in made_up}
