"""The commands are read again by the command line: what they ask for is what was asked."""

import shlex
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from effmod_bench import cli
from effmod_bench.commands.bench import Bench
from effmod_bench.commands.compare import Compare
from effmod_bench.fleet.address import parse_addresses
from effmod_bench.runs.again import bench_command, compare_command
from effmod_bench.runs.plan import RunPlan
from results import ArtifactSource, BenchPlan, TimedArtifact, compare, summarise
from tests.fakes import make_comparison_process, make_round, on_board, timed_artifact

Asked = Callable[[str], RunPlan]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """The run that a command line asks for."""
    found: list[RunPlan] = []
    for kind in (Bench, Compare):
        monkeypatch.setattr(kind, "run", lambda self, _: found.append(self.asked()))

    def ask(command: str) -> RunPlan:
        program, *arguments = shlex.split(command)
        assert program == "effmod"
        cli.app(arguments, standalone_mode=False)
        return found.pop()

    return ask


def _round(run: RunPlan, artifact: TimedArtifact) -> Any:
    threads = run.plan.threads or 2
    return msgspec.structs.replace(make_round(artifact=artifact, threads=threads), plan=run.plan)


@pytest.mark.parametrize(
    "command",
    [
        "effmod bench efficientmod_xxs --threads 2",
        "effmod bench efficientmod_xxs --threads 1 --runs 400 --rounds 2 --warmup 3 --seed 7 --rewrite none",
        "effmod bench efficientmod_xxs --threads 4 --batch-size 2 --image-size 256 --opset 18 --no-simplify",
        "effmod bench efficientmod_xxs --threads 2 --no-spinning --graph-optimization basic",
        "effmod bench efficientmod_xxs --device cuda:1 --tf32 --cuda-graph",
        "effmod bench efficientmod_xxs --device coreml --compute-units cpu-only --softmax --compress int8",
        "effmod bench efficientmod_xxs --threads 2 --weights random",
        "effmod bench efficientmod_xxs --threads 2 --checkpoint pretrained",
        "effmod bench efficientmod_xxs --threads 2 --runtime pytorch",
        "effmod bench 'efficientmod_iso(dim=64, kernel_size=3)' --threads 2",
        "effmod bench efficientmod_xxs --threads 2 --checkpoint efficientmod_xxs=best.pth",
    ],
)
def test_a_bench_asks_for_what_was_asked(command: str, asked: Asked) -> None:
    run = asked(command)
    size, batch = run.choices.image_size or 224, run.choices.batch_size
    artifact = timed_artifact(run.targets[0], batch_size=batch, image_size=size)
    (measurement,) = summarise([_round(run, artifact)])
    assert _same(asked(bench_command(measurement, run.plan, run)), run)


@pytest.mark.parametrize(
    "command",
    [
        "effmod compare efficientmod_xxs efficientmod_xs --threads 2",
        "effmod compare efficientmod_xxs efficientmod_xs --threads 2 --processes 8 --blocks 20 --warmup 4 --margin 1%",
        "effmod compare efficientmod_xxs efficientmod_xs --threads 2 --fail-if-slower 5% --until decided",
        "effmod compare efficientmod_xxs efficientmod_xs --threads 2 --fail-if-slower 5% --undecided pass",
        "effmod compare deit_small deit_tiny --threads 2 --checkpoint deit_tiny=a --checkpoint deit_small=b",
        "effmod compare efficientmod_xxs efficientmod_xs --threads 2 --until 0.5% --max-time 90s --rewrite none",
        "effmod compare efficientmod_xxs efficientmod_xs --threads 2 --spread 15m --seed 3",
    ],
)
def test_a_comparison_asks_for_what_was_asked(command: str, asked: Asked) -> None:
    run = asked(command)
    assert run.compared is not None
    plan = msgspec.structs.replace(run.compared, targets=run.targets)
    (comparison,) = compare([make_comparison_process(plan=plan, index=i) for i in range(2)])
    again = compare_command(comparison, run)
    assert again is not None
    assert _same(asked(again), run)


@pytest.mark.parametrize(
    "command",
    [
        "effmod compare efficientmod_xxs --runtime onnxruntime,openvino --threads 2",
        "effmod compare efficientmod_xxs efficientmod_xs --runtime openvino --threads 2",
        "effmod compare efficientmod_xxs efficientmod_xs --runtime onnxruntime,openvino --threads 2 --seed 3",
        "effmod compare efficientmod_xxs --runtime openvino,onnxruntime --graph-optimization basic --threads 2",
    ],
)
def test_what_ran_by_several_runtimes_does_so_again(command: str, asked: Asked) -> None:
    run = asked(command)
    assert run.compared is not None
    plan = msgspec.structs.replace(run.compared, targets=run.targets, target_options=run.target_options)
    last = len(run.targets) - 1
    (comparison,) = compare([make_comparison_process(plan=plan, target=last, index=i) for i in range(2)])
    again = compare_command(comparison, run)
    assert again is not None
    assert _same(asked(again), run)


def _same(one: RunPlan, other: RunPlan) -> bool:
    return msgspec.structs.replace(one, id=other.id, started_at=other.started_at) == other


def test_one_of_several_is_measured_alone_in_its_own_size_and_threads(asked: Asked) -> None:
    run = asked("effmod bench 'efficientmod_*' --image-size 192,224 --batch-size 1,4 --threads 1,2")
    artifact = timed_artifact("efficientmod_xs", batch_size=4, image_size=192)
    record = msgspec.structs.replace(make_round(artifact=artifact, threads=2), plan=run.plan)
    (measurement,) = summarise([record])
    command = bench_command(measurement, run.plan, run)
    assert command == "effmod bench efficientmod_xs --threads 2 --batch-size 4 --image-size 192"


def test_an_old_record_says_itself_how_it_was_made() -> None:
    plan = BenchPlan(threads=None)
    plain, other = (
        timed_artifact("deit_tiny", image_size=224),
        timed_artifact("deit_tiny", image_size=256, form="rewritten"),
    )
    commands = [
        bench_command(m, plan, None) for m in summarise([make_round(artifact=plain), make_round(artifact=other)])
    ]
    assert commands == [
        "effmod bench deit_tiny --threads 2 --rewrite none",
        "effmod bench deit_tiny --threads 2 --image-size 256",
    ]


def test_a_network_that_the_zoo_no_longer_has_is_measured_in_its_size() -> None:
    (measurement,) = summarise([make_round(artifact=timed_artifact("gone_long_ago"))])
    assert "--image-size 224" in bench_command(measurement, BenchPlan(), None)


def test_files_are_named_without_their_folders(asked: Asked) -> None:
    run = asked(
        "effmod bench /home/alice/a.onnx --input-shape x:1,3,8,8 --feed y=/home/alice/y.npy --feeds /home/alice/fed"
    )
    artifact = msgspec.structs.replace(timed_artifact("a.onnx", form=None), source=ArtifactSource.FILE)
    (measurement,) = summarise([make_round(artifact=artifact)])
    command = bench_command(measurement, run.plan, run)
    assert command == "effmod bench a.onnx --threads 2 --input-shape x:1,3,8,8 --feed y=y.npy --feeds fed"
    checkpoint = asked("effmod bench efficientmod_xxs --checkpoint /home/alice/best.pth")
    (measurement,) = summarise([make_round()])
    assert bench_command(measurement, checkpoint.plan, checkpoint).endswith("--checkpoint best.pth")


def test_of_several_checkpoints_each_network_has_its_own_without_its_folder(asked: Asked) -> None:
    run = asked(
        "effmod bench /home/ada/net.py:one 'net.py:two(width=4)' --checkpoint /home/ada/net.py:one=/home/ada/1.pth "
        "--checkpoint net.py:two=2.pth"
    )
    commands = [
        bench_command(measurement, run.plan, run)
        for name in ("net.py:one", "net.py:two(width=4)")
        for measurement in summarise([make_round(artifact=timed_artifact(name))])
    ]
    assert [command.partition("--checkpoint ")[2] for command in commands] == ["net.py:one=1.pth", "net.py:two=2.pth"]


@pytest.mark.parametrize(("place", "on"), [("board 1", "ssh://HOST"), ("pi", "pi=ssh://HOST")])
def test_what_a_board_measured_is_measured_there_again(place: str, on: str) -> None:
    def there(record: Any) -> Any:
        return msgspec.structs.replace(record, environment=msgspec.structs.replace(record.environment, place=place))

    (measurement,) = summarise([there(make_round())])
    assert f" --on {on}" in bench_command(measurement, BenchPlan(), None)
    (comparison,) = compare([there(make_comparison_process(index=i)) for i in range(2)])
    command = compare_command(comparison, None)
    assert command is not None
    assert f" --on {on}" in command
    (name,) = [address.name for address in parse_addresses(on)]
    assert name == place


def test_what_a_node_measured_is_measured_on_one_of_its_kind_again() -> None:
    (measurement,) = summarise([on_board(make_round(), "RTX 4090 3")])
    command = bench_command(measurement, BenchPlan(), None)
    assert command.endswith(" --on ray://HEAD:10001 --accelerator 'RTX 4090' --rewrite none")


def test_what_was_timed_beside_an_anchor_is_so_again(asked: Asked) -> None:
    run = asked("effmod bench efficientmod_xs --threads 2 --anchor efficientmod_xxs --processes 3")
    assert run.anchor is not None
    plan = msgspec.structs.replace(run.anchor.plan, targets=("efficientmod_xxs", "efficientmod_xs"))
    pairs = [make_comparison_process(plan=plan, index=i) for i in range(3)]
    (measurement,) = summarise([make_round(artifact=timed_artifact("efficientmod_xs"))], pairs)
    again = asked(bench_command(measurement, run.plan, run))
    assert again.anchor == run.anchor


def test_what_a_race_timed_no_comparison_repeats() -> None:
    pairs = [make_comparison_process(index=i) for i in range(2)]
    raced = [msgspec.structs.replace(each, plan=msgspec.structs.replace(each.plan, of_race=True)) for each in pairs]
    assert compare_command(compare(raced)[0], None) is None
    control = [msgspec.structs.replace(each, target=0, candidate=each.baseline) for each in pairs]
    command = compare_command(compare(control)[0], None)
    assert command == "effmod compare efficientmod_xxs --threads 2 --control --rewrite none"
