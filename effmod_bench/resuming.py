"""Runs that were cut short: what they were to do, and what is missing."""

from effmod_bench.targets import ExportChoices
from results import BenchPlan, Record, TimedArtifact


class RunPlan(Record, frozen=True, kw_only=True, tag="run"):
    """One invocation of `effmod bench`, stored before its first round, so that it can be resumed whatever happens.

    Unlike a round it names files as the user gave them: they are needed again.

    Attributes:
        id: that of the run.
        targets, choices, input_shapes: what the artifacts are obtained from.
        artifacts: what they were, in the order of the rounds' ids: another file would be another measurement.
    """

    targets: tuple[str, ...]
    plan: BenchPlan
    choices: ExportChoices
    input_shapes: tuple[tuple[str | None, tuple[int, ...]], ...]
    artifacts: tuple[TimedArtifact, ...]
