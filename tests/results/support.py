"""What several tests of results need."""

from collections.abc import Sequence

import msgspec

from results import ComparisonPlan, Measurement, summarise
from tests.fakes import make_comparison_process, make_round, timed_artifact

PLAN = ComparisonPlan(targets=("efficientmod_xxs", "efficientmod_xs"))


def measured(
    medians_ms: Sequence[float], ratios: Sequence[float] = (), *, name: str = "efficientmod_xs", anchor: str = "5"
) -> list[Measurement]:
    """A row with a round of each median, and a process beside the anchor of each ratio."""
    artifact = timed_artifact(name)
    pairs = [
        msgspec.structs.replace(
            make_comparison_process([ratio] * 4, plan=PLAN, index=i),
            candidate=artifact,
            baseline=msgspec.structs.replace(timed_artifact(), sha256=anchor * 64),
        )
        for i, ratio in enumerate(ratios)
    ]
    return summarise([make_round([ms], artifact=artifact, index=i) for i, ms in enumerate(medians_ms)], pairs)
