"""What each input of a file is fed, chosen once. Imports onnx and its runtime only where the file has to run for it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from exporters.feeds.rule import WHOLE_NUMBERS, by_rule
from exporters.feeds.tensors import Tensor

Words = Mapping[str, tuple[str, ...]]
"""What each input is fed, by name; several where feeds are taken in turn."""

NOTHING: Words = MappingProxyType({})


def choose(path: Path, tensors: Sequence[Tensor], given: Words) -> dict[str, tuple[str, ...]]:
    """What each input of a file is fed: what somebody gave, else by the rule, for which the file may have to run.

    Where it runs with none of the rule's whole numbers, they are the first of them, and running it tells why.

    Args:
        given: what somebody gave, by name.

    Raises:
        FeedError: what was given does not fit.
    """
    rule = {x.name: by_rule(x) for x in tensors if x.name not in given}
    settled = dict(given) | {name: (words,) for name, words in rule.items() if words is not None}
    if len(settled) < len(tensors):
        found = None
        if path.suffix == ".onnx":
            from exporters.onnx.trial import smallest_that_runs

            found = smallest_that_runs(path, tensors, {name: words[0] for name, words in settled.items()})
        settled |= {name: (found or str(WHOLE_NUMBERS[0]),) for name, words in rule.items() if words is None}
    return {x.name: settled[x.name] for x in tensors}
