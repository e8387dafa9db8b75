"""Over how long something was measured."""

from collections.abc import Sequence
from datetime import datetime

from results.records.measured import ComparisonProcess, Round
from results.statistics.timed import TimedPair, TimedRound


def span_s(records: Sequence[Round | ComparisonProcess | TimedRound | TimedPair]) -> float | None:
    """From the start of the first process to the end of the last, in seconds; None where no process has a time.

    Of processes that do not say how long they took, which the oldest do not, the last one's start ends it.
    """
    times = []
    for record in records:
        try:
            start_s = datetime.fromisoformat(record.started_at).timestamp()
        except ValueError:
            continue
        conditions = record.environment.conditions
        times.append((start_s, start_s + (conditions.elapsed_s if conditions else 0.0)))
    return max(end for _, end in times) - min(start for start, _ in times) if times else None
