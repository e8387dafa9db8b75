"""What artifacts were fed, in words."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from results.records.artifact import Fed, InputTensor, TimedArtifact
from results.records.words import fed_in_short
from results.tables.table import Column


def fed_column(
    get: Callable[[Any], TimedArtifact], *, key: str = "fed", header: str = "fed", differing: Collection[str] = ()
) -> Column[Any]:
    """All of it for programs; for people what tells rows apart.

    Args:
        differing: names of the inputs that rows of one file were fed differently.
    """
    return Column(
        key=key,
        header=header,
        get=lambda row: fed_in_words(get(row)),
        show=(lambda _: "") if differing else str,
        mark=(lambda row: fed_in_short(get(row), differing)) if differing else None,
        detail=True,
        fact=True,
    )


def differently_fed(artifacts: Iterable[TimedArtifact]) -> set[str]:
    """The names of the inputs that one file was fed differently."""
    found: dict[tuple[str, str], set[Fed | None]] = defaultdict(set)
    for artifact in artifacts:
        for tensor in artifact.inputs:
            found[artifact.sha256, tensor.name].add(tensor.fed)
    return {name for (_, name), fed in found.items() if len(fed) > 1}


def fed_in_words(artifact: TimedArtifact) -> str | None:
    """What each input was fed, with its hash; None where a record does not say."""
    found = [_in_words(tensor, hashed=True) for tensor in artifact.inputs if tensor.fed is not None]
    return "; ".join(found) or None


def given_in_short(artifact: TimedArtifact) -> str | None:
    """What the user said is fed; None where he said nothing."""
    names = {tensor.name for tensor in artifact.inputs if tensor.fed is not None and tensor.fed.given}
    return fed_in_short(artifact, names) or None


def fed_notes(artifacts: Iterable[TimedArtifact]) -> Iterator[str]:
    """What stands under a table of what was fed other things than the images of a network."""
    told = dict.fromkeys(
        f"{artifact.name}: {'; '.join(map(_in_words, artifact.inputs))}"
        for artifact in artifacts
        if any(tensor.fed is not None and _is_telling(tensor) for tensor in artifact.inputs)
    )
    if told:
        yield f"Fed to {'. '.join(told)}. By rule where nobody says; --feed NAME=VALUE says otherwise."


def _is_telling(tensor: InputTensor) -> bool:
    return tensor.fed is not None and (tensor.fed.given or tensor.fed.value != "image")


def _in_words(tensor: InputTensor, *, hashed: bool = False) -> str:
    fed = tensor.fed
    if fed is None:
        return tensor.name
    turns = f" and {fed.feeds - 1} more in turn" if fed.feeds > 1 else ""
    how = ", ".join((*(["given"] if fed.given else []), *([f"sha256 {fed.sha256[:12]}"] if hashed else [])))
    return f"{tensor.name} {fed.value}{turns}" + (f" ({how})" if how else "")
