"""`effmod tune` with files that are really made and proved; the worker's times are made up."""

import itertools
import json
import random
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import onnx
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner, Result

from effmod_bench.cli import app
from effmod_bench.instrument import pairs as pair_runner
from effmod_bench.instrument import watch
from effmod_bench.instrument.pairs import draw_job
from effmod_bench.instrument.process.messages import Broken, PairJob, PairTimed
from effmod_bench.instrument.subject import Subject
from effmod_bench.options.export import ExportChoices
from effmod_bench.screen.console import Console
from effmod_bench.targets.subjects import file_subject
from effmod_bench.tuning.candidates import Form, file_forms, network_forms, settings
from exporters import ExportError
from exporters.onnx import rewrites as onnx_rewrites
from models import Preprocessing, find_model
from results import ComparisonPlan, ComparisonProcess, Device, GraphOptimization, RuntimeOptions, Store
from results.statistics.tuning import LOOKS, Decision, TuningReport
from tests.fakes import session_facts, write_onnx

Time = Callable[[PairJob], float | Broken]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[PairJob]:
    """Every process that was started. The candidate takes as long as its file's name says: 0.9.onnx."""
    started: list[PairJob] = []
    let_take(monkeypatch, started, lambda job: float(Path(job.members["B"].session.path).stem))
    return started


def let_take(monkeypatch: pytest.MonkeyPatch, started: list[PairJob], ratio: Time) -> None:
    noise = random.Random(0)

    def run_job(job: PairJob, **_: object) -> PairTimed | Broken:
        started.append(job)
        found = ratio(job)
        if isinstance(found, Broken):
            return found
        runs = job.order.count("A")
        ns = round(1e6 * found * noise.lognormvariate(0, 0.001))
        return PairTimed(
            sessions={"A": session_facts(), "B": session_facts()},
            durations_ns={"A": (1_000_000,) * runs, "B": (ns,) * runs},
            relative_error=0.0,
        )

    monkeypatch.setattr(pair_runner, "run_job", run_job)


@pytest.fixture
def forms(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], Path]]:
    """The forms of the user's file beside itself, by name; a test puts in what it needs. No settings are tried."""
    made: dict[str, Callable[[], Path]] = {}

    def of_file(_: Console, given: Subject, __: Path) -> Iterator[Form]:
        yield Form(name="original", make=lambda: given)
        for name, make in made.items():
            yield Form(name=name, make=lambda make=make: file_subject(make(), {}, batch_size=1))  # type: ignore[misc]

    monkeypatch.setattr("effmod_bench.tuning.tune.file_forms", of_file)
    monkeypatch.setattr("effmod_bench.tuning.candidates.settings", lambda *_, **__: ())
    (folder / "made").mkdir()
    write_onnx(folder / "net.onnx")
    return made


def relu(path: Path, times: int) -> Callable[[], Path]:
    """ReLU again and again: another file, of the same function."""
    return lambda: write_onnx(path, nodes=times)


def tune(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["tune", "net.onnx", "--threads", "1", "--output", "out", *arguments])


def report(name: str) -> TuningReport:
    return msgspec.json.decode(Path("out", f"{name}.tuning.json").read_bytes(), type=TuningReport)


def decisions(name: str) -> dict[str, tuple[Decision, str]]:
    return {trial.name: (trial.decision, trial.reason) for trial in report(name).trials}


def test_the_fastest_is_compared_again_and_left_in_the_folder_with_a_report(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob]
) -> None:
    forms["two"] = relu(Path("made/0.9.onnx"), 2)
    forms["three"] = relu(Path("made/0.8.onnx"), 3)
    forms["four"] = relu(Path("made/1.3.onnx"), 4)
    done = tune()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "out/0.8.onnx"
    assert Path("out/0.8.onnx").read_bytes() == Path("made/0.8.onnx").read_bytes()
    assert "three is 1.25" in done.stderr
    found = decisions("0.8.onnx")
    assert found["three"] == (Decision.CHOSEN, "compared again, in new processes")
    assert found["four"] == (Decision.DROPPED, "slower than three")
    assert found["two"] == (Decision.DROPPED, "slower than three")
    assert report("0.8.onnx").verdict == "faster"
    stored = Store(Path("effmod-results")).read_kind(ComparisonProcess)
    assert {record.run_id for record in stored} == set(report("0.8.onnx").run_ids)
    assert len(stored) == len(jobs)


def test_the_slow_ones_are_dropped_early(forms: dict[str, Callable[[], Path]], jobs: list[PairJob]) -> None:
    forms["near"] = relu(Path("made/0.9.onnx"), 2)
    forms["fast"] = relu(Path("made/0.8999.onnx"), 3)
    forms["slow"] = relu(Path("made/1.5.onnx"), 4)
    assert tune().exit_code == 0
    started = Counter(Path(job.members["B"].session.path).stem for job in jobs)
    assert started["1.5"] == LOOKS[0]
    assert started["0.8999"] == LOOKS[-1]
    assert started["0.9"] == LOOKS[-1] + ComparisonPlan().processes  # as fast and simpler, so it was compared again


def test_what_is_not_equal_is_never_timed(forms: dict[str, Callable[[], Path]], jobs: list[PairJob]) -> None:
    forms["other"] = lambda: write_onnx(Path("made/0.5.onnx"), operator="Sigmoid")
    done = tune()
    assert done.exit_code == 0
    assert jobs == []
    assert done.stdout.splitlines()[-1] == "net.onnx"
    decision, reason = decisions("net.onnx")["other"]
    assert decision is Decision.DROPPED
    assert reason == "not equal: 1e-05 is allowed"


def test_a_file_that_gives_nan_is_refused_before_the_race(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob], folder: Path
) -> None:
    forms["two"] = relu(Path("made/0.9.onnx"), 2)
    write_onnx(folder / "net.onnx", operator="Log")
    done = tune()
    assert done.exit_code == 4
    assert "net.onnx gives NaN or infinity, so that nothing can be compared with it" in done.stderr
    assert jobs == []
    assert not Path("out").exists()


def test_the_same_file_under_another_name_is_not_timed(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob]
) -> None:
    forms["again"] = relu(Path("made/0.9.onnx"), 1)
    assert tune().exit_code == 0
    assert jobs == []
    assert decisions("net.onnx")["again"] == (Decision.DROPPED, "the same file as original")


@pytest.mark.usefixtures("jobs")
def test_a_form_that_cannot_be_made_is_a_row_that_names_no_folder(forms: dict[str, Callable[[], Path]]) -> None:
    def fail() -> Path:
        raise ExportError(f"{Path.cwd()}/x.onnx does not fit")

    forms["broken"] = fail
    forms["good"] = relu(Path("made/0.9.onnx"), 2)
    assert tune().exit_code == 0
    assert decisions("0.9.onnx")["broken"] == (Decision.DROPPED, "cannot be made: x.onnx does not fit")


def test_a_winner_that_is_not_faster_when_compared_again_is_not_taken(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms["lucky"] = relu(Path("made/lucky.onnx"), 2)
    started: list[PairJob] = []
    let_take(monkeypatch, started, lambda _: 0.9 if len(started) <= LOOKS[0] else 1.0)
    done = tune()
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "net.onnx"
    assert "Nothing was found to be faster than the original file" in done.stderr
    found = decisions("net.onnx")
    assert found["original"][0] is Decision.CHOSEN
    assert found["lucky"] == (Decision.DROPPED, "not distinguishable when it was compared again")


def test_behind_a_winner_that_was_only_lucky_the_next_has_its_turn(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms["good"] = relu(Path("made/0.9.onnx"), 2)
    forms["lucky"] = relu(Path("made/0.85.onnx"), 3)
    started: list[PairJob] = []

    def ratio(job: PairJob) -> float:
        name = Path(job.members["B"].session.path).stem
        return 1.0 if name == "0.85" and len(started) > 2 * LOOKS[-1] else float(name)

    monkeypatch.setattr("effmod_bench.tuning.race.beaten", lambda *_, **__: {})
    let_take(monkeypatch, started, ratio)
    assert tune().exit_code == 0
    found = decisions("0.9.onnx")
    assert found["lucky"] == (Decision.DROPPED, "not distinguishable when it was compared again")
    assert found["good"] == (Decision.CHOSEN, "compared again, in new processes")


def test_a_candidate_that_crashes_leaves_the_others_in_the_race(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms["good"] = relu(Path("made/0.9.onnx"), 2)
    forms["bad"] = relu(Path("made/0.8.onnx"), 3)

    def ratio(job: PairJob) -> float | Broken:
        name = Path(job.members["B"].session.path).stem
        return Broken(reason="the process was ended by SIGSEGV", detail="") if name == "0.8" else float(name)

    let_take(monkeypatch, [], ratio)
    assert tune().exit_code == 0
    found = decisions("0.9.onnx")
    assert found["good"][0] is Decision.CHOSEN
    assert found["bad"] == (Decision.DROPPED, "failed: the process was ended by SIGSEGV")


def test_a_setting_under_which_the_numbers_change_is_dropped(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was proved equal; what the process gave was not."""
    forms["good"] = relu(Path("made/0.9.onnx"), 2)
    monkeypatch.setattr(
        pair_runner,
        "run_job",
        lambda job, **_: PairTimed(
            sessions={"A": session_facts(), "B": session_facts()},
            durations_ns={"A": (1000,) * job.order.count("A"), "B": (500,) * job.order.count("B")},
            relative_error=1e-3,
        ),
    )
    assert tune().exit_code == 0
    assert decisions("net.onnx")["good"] == (Decision.DROPPED, "its outputs are not equal: they are off by 1.0e-03")


def test_interrupted_it_gives_the_best_so_far(
    forms: dict[str, Callable[[], Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    forms["slow"] = relu(Path("made/0.9.onnx"), 3)
    started: list[PairJob] = []

    def ratio(job: PairJob) -> float:
        if len(started) > 5:
            raise KeyboardInterrupt
        return float(Path(job.members["B"].session.path).stem)

    let_take(monkeypatch, started, ratio)
    done = tune()
    assert done.exit_code == 130
    assert done.stdout.splitlines()[-1] == "out/0.8.onnx"
    assert decisions("0.8.onnx")["fast"] == (Decision.CHOSEN, "not compared again")
    assert report("0.8.onnx").verdict is None


def test_a_budget_too_small_for_one_comparison_is_refused(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob]
) -> None:
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    done = tune("--budget", "0.001s")
    assert done.exit_code == 2
    assert "is too small for one comparison here; give at least" in done.stderr
    assert len(jobs) <= 1


def test_when_the_budget_ends_the_best_is_still_compared_again(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = itertools.count(0, 5)  # read four times a process, twice while it runs
    for module in ("race", "tune"):
        monkeypatch.setattr(f"effmod_bench.tuning.{module}.monotonic_s", lambda: float(next(now)))
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    forms["near"] = relu(Path("made/0.8001.onnx"), 3)
    done = tune("--budget", "5m")
    assert done.exit_code == 0, done.output
    assert decisions("0.8.onnx")["fast"] == (Decision.CHOSEN, "compared again, in new processes")
    assert "the --budget is spent" in done.stderr
    assert len(jobs) < 2 * LOOKS[-1] + ComparisonPlan().processes


def test_a_candidate_during_whose_turn_the_machine_sleeps_is_timed_again(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    slept = itertools.chain(["the machine was suspended for 9 s"], itertools.repeat(None))
    monkeypatch.setattr(watch, "disturbance", lambda *_: next(slept))
    done = tune()
    assert done.exit_code == 0, done.output
    assert decisions("0.8.onnx")["fast"] == (Decision.CHOSEN, "compared again, in new processes")
    attempts = Counter(record.attempt for record in Store(Path("effmod-results")).read_kind(ComparisonProcess))
    assert attempts == {0: len(jobs) - 1, 1: 1}


def test_a_wrong_folder_of_images_is_said_before_anything_races(
    forms: dict[str, Callable[[], Path]], jobs: list[PairJob]
) -> None:
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    done = tune("--allow-inexact", "--data", "nowhere")
    assert done.exit_code == 2
    assert "nowhere does not hold a folder of images for each class" in done.stderr
    assert jobs == []


def test_a_rewritten_file_is_fed_what_the_original_is(folder: Path) -> None:
    """Or their outputs would differ, and equal files be called unequal."""
    given = file_subject(write_onnx(folder / "net.onnx", shape=("batch", 3, 8, 8)), {}, batch_size=2)
    given = msgspec.structs.replace(given, preprocessing=Preprocessing(mean=(0, 0, 0), std=(1, 1, 1)))
    for form in file_forms(Console(), given, folder / "made")[1:]:
        made = form.make()
        assert made.preprocessing == given.preprocessing
        assert made.artifact.inputs == given.artifact.inputs


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


@pytest.mark.usefixtures("folder")
def test_outputs_that_differ_from_run_to_run_are_refused(jobs: list[PairJob]) -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy")
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
    graph = helper.make_graph(nodes, "random", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), "net.onnx")
    done = tune()
    assert done.exit_code == 2
    assert "gives other outputs from run to run for the same input" in done.stderr
    assert jobs == []


def test_unknown_operators_and_open_shapes_are_refused(folder: Path, jobs: list[PairJob]) -> None:
    write_onnx(folder / "net.onnx", shape=(1, 3, "height", 8))
    done = tune()
    assert done.exit_code == 2
    assert "--input-shape" in done.stderr
    write_onnx(folder / "net.onnx", operator="NoSuchOperator")
    done = tune()
    assert done.exit_code == 2
    assert "NoSuchOperator" in done.stderr
    assert jobs == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tune", "efficientmod_*"), "stands for"),
        (("tune", "net.onnx", "--image-size", "64"), "--image-size is for networks"),
        (("tune", "efficientmod_xxs", "--input-shape", "1,3,64,64"), "--input-shape is for .onnx files"),
        (("tune", "net.onnx", "--device", "coreml"), "is for ONNX Runtime"),
        (("tune", "net.onnx", "--tf32"), "--tf32 goes with --device cuda"),
        (("tune", "net.onnx", "--data", "images"), "--data goes with --allow-inexact"),
        (("tune", "missing.onnx"), "missing.onnx"),
    ],
)
def test_wrong_use_is_said_before_anything_is_made(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    write_onnx(folder / "net.onnx")
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_network_is_tried_in_forms_that_begin_with_the_plain_one() -> None:
    names = [form.name for form in network_forms(Console(), find_model("efficientmod_xxs"), ExportChoices())]
    assert names[0] == "plain"
    assert {"plain, not simplified", "plain, opset 18", "rewritten"} <= set(names)


def test_a_file_is_tried_with_one_more_rewrite_each_time(folder: Path) -> None:
    given = file_subject(write_onnx(folder / "net.onnx"), {}, batch_size=1)
    first, *others = file_forms(Console(), given, folder)
    assert first.make() is given
    assert [form.name for form in others] == ["+".join(onnx_rewrites.NAMES[: i + 1]) for i in range(len(others))]
    assert len(others) == len(onnx_rewrites.NAMES)


def test_spinning_is_varied_only_where_there_are_threads_to_wait() -> None:
    def names(threads: int) -> set[str]:
        return {setting.name for setting in settings(Device.CPU, threads, tf32=False)}

    assert names(2) - names(1) == {"threads that do not spin"}
    on_gpu = {setting.name: setting.equal for setting in settings(Device.CUDA, 4, tf32=True)}
    assert on_gpu.pop("TF32") is False
    assert all(on_gpu.values())


def test_each_of_a_pair_is_run_with_its_own_options(folder: Path) -> None:
    pair = (
        file_subject(write_onnx(folder / "a.onnx"), {}, batch_size=1),
        file_subject(write_onnx(folder / "b.onnx", nodes=2), {}, batch_size=1),
    )
    calm = RuntimeOptions(graph_optimization=GraphOptimization.EXTENDED, allow_spinning=False)
    plan = ComparisonPlan(threads=2, target_options=(RuntimeOptions(), RuntimeOptions(), calm))
    job = draw_job(plan, pair, target=2, index=0)
    a, b = (job.members[letter].session for letter in "AB")
    assert (a.options, b.options) == (RuntimeOptions(), calm)
    # One pool would spin for both; of their own, neither may spin on while the other runs.
    assert not any((a.shared_threads, b.shared_threads))
    assert all((a.stop_spinning, b.stop_spinning))
    assert draw_job(plan, pair, target=1, index=0).members["B"].session.shared_threads


@pytest.mark.usefixtures("jobs")
def test_the_table_for_programs_has_the_raw_rows(forms: dict[str, Callable[[], Path]]) -> None:
    forms["fast"] = relu(Path("made/0.8.onnx"), 2)
    done = tune("--output-format", "json", "-q")
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == ["original", "fast"]
    assert rows[1]["estimate"]["ratio"] == pytest.approx(0.8, rel=0.01)
