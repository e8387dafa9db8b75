"""What tests of runs have in common."""

from pathlib import Path

from effmod_bench.options.export import ExportChoices
from effmod_bench.runs.plan import RunPlan
from results import BenchPlan
from tests.fakes import timed_artifact


def run_plan(day: int = 1) -> RunPlan:
    """A run of one network that was begun on such a day, and whose artifact is known."""
    return RunPlan(
        id=f"202601{day:02}T000000-0000",
        started_at=f"2026-01-{day:02}T00:00:00.000+00:00",
        targets=("efficientmod_xxs",),
        plan=BenchPlan(targets=("efficientmod_xxs",), runs=4, rounds=2),
        choices=ExportChoices(image_size=32, checkpoint=Path("weights") / "best.pth"),
        input_shapes=((None, (1, 3, 8, 8)), ("x", (2,))),
        artifacts=(timed_artifact(),),
    )
