"""What `effmod tune` says and leaves."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from effmod_bench.cli import app
from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from effmod_bench.targets.target import NetworkTarget
from effmod_bench.tuning.report import say_how_to_run
from exporters import RANDOM
from models import find_model
from results import ComparisonPlan, Device, GraphOptimization, Runtime, RuntimeOptions
from tests.effmod_bench.tuning.support import relu, tune
from tests.fakes import write_onnx


@pytest.mark.usefixtures("forms", "jobs")
@pytest.mark.parametrize(
    ("shape", "given"),
    [((1, 3, "height", 8), ("--input-shape", "1,3,8,8")), (("n", 3, 8, 8), ("--batch-size", "2"))],
)
def test_the_command_that_measures_it_feeds_it_what_it_was_tuned_with(
    shape: tuple[int | str, ...], given: tuple[str, str], folder: Path
) -> None:
    write_onnx(folder / "net.onnx", shape=shape)
    done = tune(*given)
    assert done.exit_code == 0, done.output
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("Measure it: "))
    command = shlex.split(line.removeprefix("Measure it: "))
    again = CliRunner().invoke(app, [*command[1:], "--dry-run"])
    assert again.exit_code == 0, again.output
    assert {"=".join(given)} <= set(command)


def test_a_network_that_pytorch_runs_itself_is_measured_again_with_its_size_and_weights(
    capsys: pytest.CaptureFixture[str],
) -> None:
    choices = ExportChoices(image_size=288, checkpoint=Path("my nets/a.pth"), batch_size=2, opset=18)
    network = NetworkTarget(spec=find_model("efficientmod_xxs"), choices=choices, as_it_is=False)
    plan, options = ComparisonPlan(threads=2), RuntimeOptions(runtime=Runtime.TORCH_COMPILE)
    say_how_to_run(Console(), Path("x"), plan, options, code="run()", network=network, input_shapes={}, batch_size=2)
    (line,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("Measure it: "))
    command = shlex.split(line.removeprefix("Measure it: "))
    assert command[:3] == ["effmod", "bench", "efficientmod_xxs"]
    assert {"--image-size=288", "--checkpoint=my nets/a.pth", "--batch-size=2"} <= set(command)
    assert not any("opset" in each for each in command)
    assert ExportChoices(checkpoint=RANDOM).of_network() == ["--weights=random"]


@pytest.mark.usefixtures("jobs")
def test_the_table_for_programs_has_the_raw_rows(forms: dict[str, Callable[[], Path]]) -> None:
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    done = tune("--output-format", "json", "-q")
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == ["original", "fast"]
    assert rows[1]["estimate"]["ratio"] == pytest.approx(0.8, rel=0.01)
    plan = ComparisonPlan()
    assert rows[1]["runs"] == rows[1]["processes"] * 2 * plan.blocks > 0
    assert (rows[1]["warmup_runs"], rows[1]["seed"]) == (plan.warmup_runs, plan.seed)


@pytest.mark.parametrize(
    ("device", "options", "said"),
    [
        (
            Device.CPU,
            RuntimeOptions(graph_optimization=GraphOptimization.EXTENDED, allow_spinning=False),
            [
                "intra_op_num_threads = 2",
                "graph_optimization_level = ORT_ENABLE_EXTENDED",
                'session.intra_op.allow_spinning = "0"',
            ],
        ),
        (
            Device.CPU,
            RuntimeOptions(denormal_as_zero=True),
            [
                "intra_op_num_threads = 2",
                "graph_optimization_level = ORT_ENABLE_ALL",
                'session.set_denormal_as_zero = "1"',
            ],
        ),
        (
            Device.CUDA,
            RuntimeOptions(cuda_graph=True),
            ["prefer_nhwc = 0", "enable_cuda_graph = 1", "use_tf32 = 0"],
        ),
    ],
)
def test_the_settings_are_said_in_the_runtimes_own_words(
    device: Device, options: RuntimeOptions, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    plan = ComparisonPlan(device=device, threads=2)
    say_how_to_run(Console(), Path("net.onnx"), plan, options, code="run()", input_shapes={}, batch_size=1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [f"Run it with ONNX Runtime, {', '.join(said)}:", "    run()"]
