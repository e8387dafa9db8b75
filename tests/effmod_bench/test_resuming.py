from pathlib import Path

from effmod_bench.resuming import RunPlan
from effmod_bench.targets import ExportChoices
from results import BenchPlan, Store
from tests.fakes import timed_artifact


def run_plan(run_id: str = "20260101T000000-0000") -> RunPlan:
    return RunPlan(
        id=run_id,
        started_at="2026-01-01T00:00:00.000+00:00",
        targets=("efficientmod_xxs",),
        plan=BenchPlan(targets=("efficientmod_xxs",), runs=4, rounds=2),
        choices=ExportChoices(image_size=32, checkpoint=Path("weights") / "best.pth"),
        input_shapes=((None, (1, 3, 8, 8)), ("x", (2,))),
        artifacts=(timed_artifact(),),
    )


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(run_plan())
    assert store.read_kind(RunPlan) == [run_plan()]
