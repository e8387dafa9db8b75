"""Whether the time depends on what is fed."""

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from results.records.artifact import ArtifactSource, TimedArtifact
from results.records.environment import SessionFacts
from results.records.measured import Round
from results.statistics.timed import TimedRound

DIFFERENCE_LIMIT = 0.1

# Operators whose work depends on the values that they are given, not on their number alone.
DEPENDENT = frozenset(("Compress", "If", "Loop", "NonMaxSuppression", "NonZero", "Scan", "TopK", "Unique"))


class InputDependence(msgspec.Struct, frozen=True, kw_only=True):
    """The medians of a few runs each, in turn, of what is fed and of values drawn otherwise, in milliseconds."""

    fed_ms: float
    other_ms: float


def input_dependence(tried: Iterable[tuple[Sequence[int], Sequence[int]]]) -> InputDependence | None:
    """The two times of the first process that shows a difference beyond chance; None where none does.

    Each of the one took longer than each of the other: of seven runs each, chance alone does that once in 1,716 times.
    And their medians are further apart than a tenth of the lesser.

    Args:
        tried: of each process a few runs, in nanoseconds, of what is fed and of values drawn otherwise.
    """
    for fed, other in tried:
        if not fed or not other or not (min(fed) > max(other) or min(other) > max(fed)):
            continue
        lesser, larger = sorted((median(fed), median(other)))
        if larger > (1 + DIFFERENCE_LIMIT) * lesser:
            return InputDependence(fed_ms=median(fed) / 1e6, other_ms=median(other) / 1e6)
    return None


def may_depend(artifact: TimedArtifact, session: SessionFacts | None) -> list[str]:
    """The operators and inputs of a user's file by which its time may depend on values, where these were made up."""
    made_up = [tensor for tensor in artifact.inputs if tensor.fed is not None and not tensor.fed.given]
    if artifact.source is not ArtifactSource.FILE or not made_up or session is None:
        return []
    operators = sorted({kind for kinds in (session.nodes or {}).values() for kind in kinds} & DEPENDENT)
    return [*operators, *(tensor.name for tensor in made_up if tensor.decides_sizes)]


def feed_spread(rounds: Sequence[Round | TimedRound]) -> float | None:
    """(Largest - smallest) / median of the medians of the feeds that were taken in turn; None for a single one."""
    artifact = rounds[0].artifact
    feeds = max((tensor.fed.feeds for tensor in artifact.inputs if tensor.fed is not None), default=1)
    # The turns begin with the warm-up.
    by_feed = [
        [ns for record in rounds for ns in record.durations_ns[(feed - (record.warmup_runs or 0)) % feeds :: feeds]]
        for feed in range(feeds)
    ]
    medians = [float(median(each)) for each in by_feed if len(each)]
    return (max(medians) - min(medians)) / median(medians) if len(medians) > 1 else None
