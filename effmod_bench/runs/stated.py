"""Accuracies that a person states of what a store holds."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from effmod_bench.errors import TargetError
from effmod_bench.targets.accuracies import stated
from results import AccuracyRecord, AccuracySource, StatedAccuracy, TimedArtifact
from results.frame import Contents
from results.records.artifact import EQUAL_FORMS
from results.records.words import short_hash
from results.statistics.accuracy import accuracy_finder

_SHORTEST_HASH = 7  # as tables show it


def with_stated(contents: Contents, top1: Mapping[str, float], *, say: Callable[[str], None]) -> Contents:
    """A store's contents with a top-1 in percent of each of these, by name or by the beginning of its hash.

    Args:
        say: told of each that does not count.

    Raises:
        TargetError: nothing of this name was measured, or several that have not the same accuracy.
    """
    artifacts = list(dict.fromkeys(record.artifact for record in contents.rounds))
    found = [(artifact, percent) for name, percent in top1.items() for artifact in _find(name, artifacts)]
    say_outranked([artifact for artifact, _ in found], contents.accuracies, say=say)
    records = [stated(artifact, percent) for artifact, percent in found]
    return msgspec.structs.replace(contents, accuracies=(*contents.accuracies, *records))


def say_outranked(
    artifacts: Iterable[TimedArtifact],
    known: Iterable[AccuracyRecord | StatedAccuracy],
    *,
    say: Callable[[str], None],
) -> None:
    """Say of which artifacts an accuracy was measured, beside which nothing that is stated counts."""
    find = accuracy_finder(known)
    found = {artifact.name: find(artifact) for artifact in artifacts}
    for name, accuracy in found.items():
        if accuracy is not None and accuracy.source is AccuracySource.MEASURED:
            say(
                f"the --top1 of {name} is not shown: 'effmod verify --data' measured {accuracy.top1:.1f} % with these "
                "weights, which counts before what is stated"
            )


def _find(name: str, artifacts: list[TimedArtifact]) -> list[TimedArtifact]:
    found = [a for a in artifacts if a.name == name]
    if not found and len(name) >= _SHORTEST_HASH:
        found = [a for a in artifacts if a.sha256.startswith(name)]
    if not found:
        known = ", ".join(dict.fromkeys(a.name for a in artifacts)) or "nothing"
        raise TargetError(f"--top1 {name}: nothing of this name was measured; there is {known}")
    # Batch sizes and equal forms are as accurate; other weights and image sizes are not.
    alike = {(a.weights, a.image_size, a.form in EQUAL_FORMS or a.sha256): a for a in found}
    if len(alike) > 1:
        shown = ", ".join(f"{short_hash(a.sha256)} ({a.form}, {a.image_size} px, {a.weights})" for a in alike.values())
        raise TargetError(
            f"--top1 {name}: {len(alike)} that need not be as accurate were measured under this name; give the hash "
            f"of one in its place: {shown}"
        )
    return found
