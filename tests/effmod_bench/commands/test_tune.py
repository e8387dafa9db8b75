from pathlib import Path

import pytest

from effmod_bench.errors import ExitCode
from effmod_bench.screen.console import Console
from effmod_bench.tuning.tune import Tuning
from results import ComparisonPlan, Device, RuntimeOptions
from results.tables.write import OutputFormat
from tests.effmod_bench.support import effmod


@pytest.fixture
def tuned(monkeypatch: pytest.MonkeyPatch) -> list[Tuning]:
    """What was to be tuned; none of it is."""
    asked: list[Tuning] = []

    def run(tuning: Tuning, _: Console, __: OutputFormat) -> ExitCode:
        asked.append(tuning)
        return ExitCode.OK

    monkeypatch.setattr(Tuning, "run", run)
    return asked


def test_what_is_asked_is_what_is_tuned(tuned: list[Tuning]) -> None:
    where = ("--device", "cuda:1", "--tf32", "--threads", "2", "--no-wait")
    how = ("--budget", "2m", "--margin", "1%", "--seed", "3", "--allow-inexact", "--data", "images")
    done = effmod("tune", "efficientmod_xxs", *where, *how, "--image-size", "32", "-o", "out", "--store", "records")
    assert done.exit_code == 0, done.output
    (tuning,) = tuned
    assert tuning.target == "efficientmod_xxs"
    assert tuning.plan == ComparisonPlan(
        device=Device.CUDA, options=RuntimeOptions(device_index=1), threads=2, seed=3, margin=0.01
    )
    assert (tuning.budget_s, tuning.choices.image_size, tuning.data) == (120, 32, Path("images"))
    assert (tuning.tf32, tuning.allow_inexact, tuning.allow_machine_specific, tuning.wait) == (True, True, False, False)
    assert (tuning.output, tuning.store) == (Path("out"), Path("records"))


def test_all_candidates_take_subnormal_numbers_for_zero_or_none(tuned: list[Tuning]) -> None:
    assert effmod("tune", "efficientmod_xxs", "--denormal-as-zero").exit_code == 0
    assert tuned[0].plan.options == RuntimeOptions(denormal_as_zero=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--device", "coreml"], "effmod tune is for the CPU and NVIDIA's GPUs: --device cpu or cuda"),
        (["--tf32"], "--tf32 goes with --device cuda, not with --device cpu"),
        (
            ["--denormal-as-zero", "--device", "cuda"],
            "--denormal-as-zero goes with --device cpu, not with --device cuda",
        ),
        (["--data", "images"], "--data goes with --allow-inexact"),
        (["--batch-size", "1,2"], "--batch-size"),
    ],
)
def test_what_does_not_go_together_is_said(arguments: list[str], said: str, tuned: list[Tuning]) -> None:
    done = effmod("tune", "efficientmod_xxs", *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert tuned == []
