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
from exporters.feeds.words import Word
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
    alone = not any(_varies(x, words[x.name][0]) for x in tensors)
    return [{x.name: _value(x, words[x.name], seed, alone=alone) for x in tensors} for seed in range(count)]


def _is_drawn(words: str) -> bool:
    """Whether another seed gives other values."""
    return words in (Word.IMAGE, Word.NORMAL) or words.startswith(Word.UNIFORM)


def _varies(tensor: Tensor, words: str) -> bool:
    """Whether an input is another one in each inference: a scale or a count stays what it is."""
    return not is_single(tensor) and (is_floating(tensor) or _is_drawn(words))


def _value(tensor: Tensor, words: Sequence[str], seed: int, *, alone: bool) -> npt.NDArray[Any]:
    """What an input is fed in one of several inferences.

    Args:
        alone: no other input varies, so that this one has to, or that outputs follow the inputs would not be seen:
            whole numbers between none and themselves.
    """
    value = make_value(tensor, words[seed % len(words)], seed=seed)
    if seed < len(words) or _is_drawn(words[0]):
        return value
    random = np.random.default_rng(seed)
    if is_floating(tensor) and (alone or not is_single(tensor)):
        return np.asarray(value * (1 + _MOVED * random.standard_normal(value.shape)), value.dtype)
    if alone and not is_single(tensor):
        return value * random.integers(0, 2, value.shape).astype(value.dtype)
    return value
