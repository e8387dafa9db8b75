"""How many numbers of artifacts are subnormal, in words and in columns."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from results.records.artifact import Subnormals, TimedArtifact
from results.tables.table import Column


def subnormal_columns(get: Callable[[Any], Subnormals | None], *, prefix: str = "") -> tuple[Column[Any], ...]:
    """The counts for programs: empty where nothing was counted.

    Args:
        prefix: of their keys.
    """

    def column(what: str) -> Column[Any]:
        return Column(
            key=f"{prefix}subnormal_{what}",
            header=f"{'compared ' if prefix else ''}subnormal\n{what}",
            get=lambda row: getattr(get(row), what, None),
            detail=True,
        )

    return column("weights"), column("activations")


def subnormal_notes(counted: Iterable[tuple[TimedArtifact, Subnormals | None]]) -> Iterator[str]:
    """What stands under a table of artifacts that hold or give some."""
    told = dict.fromkeys(_in_words(artifact, found) for artifact, found in counted if found and _has_some(found))
    if told:
        yield f"Nearer to zero than 1.2e-38: {'; '.join(told)}."


def _has_some(found: Subnormals) -> bool:
    return bool(found.weights or found.activations)


def _in_words(artifact: TimedArtifact, found: Subnormals) -> str:
    activations = f", {found.activations:,} activations when it was proved" if found.activations else ""
    return f"{artifact.name}: {found.weights:,} weights{activations}"
