"""What two ONNX files are compared on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx

from exporters.derived.chosen import NOTHING, Words, choose
from exporters.feeds.tensors import Tensor, is_floating, is_single
from exporters.feeds.values import make_value
from exporters.feeds.words import Word, is_file
from exporters.onnx.graph import read_tensors

_INPUTS = 8
_MOVED = 0.1


class Shaped(msgspec.Struct, frozen=True, kw_only=True):
    """An input without an open dimension."""

    name: str
    dtype: str
    shape: tuple[int, ...]


def shaped(graph: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]]) -> list[Shaped]:
    """The inputs that must be fed.

    Args:
        shapes: of these, by name, without an open dimension.
    """
    return [
        Shaped(name=x.name, dtype=x.dtype, shape=shapes[x.name]) for x in read_tensors(graph)[0] if x.name in shapes
    ]


def make_feeds(
    path: Path, graph: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]], given: Words = NOTHING
) -> list[dict[str, npt.NDArray[Any]]]:
    """Several inputs for a file, by name, to compare what two files make of them: as it is fed, and drawn otherwise.

    Args:
        shapes: of the inputs that must be fed, by name, without an open dimension.
        given: what somebody gave, or what `choose` chose; what is fed in turn comes first.
    """
    tensors = shaped(graph, shapes)
    words = choose(path, tensors, given)
    count = max(_INPUTS, *map(len, words.values())) if words else _INPUTS
    still = not any(_is_drawn(x, words[x.name]) for x in tensors)
    return [{x.name: _value(x, words[x.name], seed, vary=still) for x in tensors} for seed in range(count)]


def _is_drawn(tensor: Tensor, words: Sequence[str]) -> bool:
    """Whether another seed gives other values."""
    return not is_single(tensor) and (
        is_floating(tensor) or words[0] == Word.IMAGE or words[0].startswith(Word.UNIFORM)
    )


def _value(tensor: Tensor, words: Sequence[str], seed: int, *, vary: bool) -> npt.NDArray[Any]:
    """What an input is fed in one of several inferences.

    Args:
        vary: nothing else does, so that whole numbers have to, between none and themselves: that outputs follow the
            inputs would not be seen.
    """
    value = make_value(tensor, words[seed % len(words)], seed=seed)
    if seed < len(words) or is_single(tensor):
        return value
    random = np.random.default_rng(seed)
    if is_floating(tensor) and is_file(words[0]):
        return (value * (1 + _MOVED * random.standard_normal(value.shape))).astype(value.dtype)
    return value * random.integers(0, 2, value.shape).astype(value.dtype) if vary else value
