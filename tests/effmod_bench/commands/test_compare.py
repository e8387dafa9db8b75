import csv
import importlib.util
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from onnx import TensorProto
from typer.testing import Result

from effmod_bench.instrument import watch
from effmod_bench.instrument.process.messages import Broken, PairJob, PairTimed
from effmod_bench.runs import prepare
from effmod_bench.runs.plan import RunPlan
from exporters import OutputError
from results import (
    ComparisonProcess,
    Conditions,
    Device,
    GpuState,
    GraphOptimization,
    Outcome,
    Record,
    Runtime,
    RuntimeOptions,
    Store,
)
from tests.effmod_bench.commands.support import FEW_PAIRS
from tests.effmod_bench.support import PairAnswer, each_takes, effmod, noisy, timed_in_turn
from tests.fakes import value, write_graph, write_onnx

pytestmark = pytest.mark.xdist_group("measures")  # they would disturb each other's times

# Two processes tell a hundredfold time for certain where nothing else runs; four of them do on a busy machine.
SURE = (*FEW_PAIRS, "--processes", "4")


@pytest.mark.usefixtures("files")
def test_a_process_gets_the_time_limit_that_was_asked_for(
    answer_pairs_with: Callable[[PairAnswer], None], limits: list[float | None]
) -> None:
    answer_pairs_with(timed_in_turn)
    assert effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS, "--round-timeout", "7").exit_code == 0
    assert set(limits) == {7.0}


def test_a_slower_file_is_called_slower_and_fails_where_asked(files: Path) -> None:
    done = effmod("compare", "a.onnx", "large.onnx", *SURE, "--fail-if-slower", "5%")
    assert done.exit_code == 4, done.output
    assert "% slower" in done.stdout
    assert "--fail-if-slower allows 5 %" in done.stderr
    assert len(Store(files / "effmod-results").read_kind(ComparisonProcess)) == 4
    assert effmod("show", "effmod-results").stdout == done.stdout


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("sizes", "verdict", "code"),
    [((0.001, -0.001), "passes", 0), ((0.2, -0.1), "undecided", 4), ((0.101, 0.099), "fails", 4)],
)
def test_a_gate_passes_fails_or_is_undecided(
    sizes: tuple[float, ...], verdict: str, code: int, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    answer_pairs_with(noisy(itertools.cycle(sizes)))
    four = (*FEW_PAIRS, "--processes", "4", "--fail-if-slower", "5%")
    done = effmod("compare", "a.onnx", "b.onnx", *four)
    assert done.exit_code == code, done.output
    row = next(line for line in done.stdout.splitlines() if line.strip().startswith("b.onnx"))
    assert verdict in row.split()
    assert "Gate, at most 5 % slower:" in done.stdout
    assert effmod("show", "effmod-results").stdout == done.stdout  # the records hold the limit
    lenient = effmod("compare", "a.onnx", "b.onnx", *four, "--undecided", "pass", "--output-format", "json")
    assert lenient.exit_code == (4 if verdict == "fails" else 0)
    (found,) = json.loads(lenient.stdout)
    assert (found["gate"]["limit"], found["gate"]["verdict"]) == (0.05, verdict)


@pytest.mark.usefixtures("files")
def test_an_undecided_gate_says_what_would_decide(answer_pairs_with: Callable[[PairAnswer], None]) -> None:
    answer_pairs_with(noisy(itertools.cycle((0.1, -0.1))))
    done = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS, "--processes", "4", "--fail-if-slower", "5%")
    assert re.search(
        r"error: b.onnx is undecided: it takes 0\.\d{3} to 1\.\d{3} times as long, and the limit, 1\.050, lies in "
        r"between; about \d+ more processes \(--until decided, or --processes \d+\) would decide",
        done.stderr,
    )


@pytest.mark.usefixtures("files")
def test_what_failed_cannot_be_judged_whatever_is_made_of_the_undecided(
    answer_pairs_with: Callable[[PairAnswer], None],
) -> None:
    answer_pairs_with(lambda _: Broken(reason="ended by SIGSEGV", detail=""))
    done = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS, "--fail-if-slower", "5%", "--undecided", "pass")
    assert done.exit_code == 4
    assert "b.onnx cannot be judged: no process that timed it beside a.onnx did not fail" in done.stderr


@pytest.mark.usefixtures("files")
def test_processes_are_added_until_a_gate_is_decided_or_time_is_up_and_a_resumed_one_goes_on(
    answer_pairs_with: Callable[[PairAnswer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    each_takes(20.0, monkeypatch)
    until = ("--until", "decided", "--max-time", "10m", "--fail-if-slower", "5%")
    answer_pairs_with(noisy(itertools.cycle((0.06, 0.01, -0.04))))
    done = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS, *until)
    assert done.exit_code == 0, done.output
    assert "b.onnx: decided after 21 processes, 210 timed runs of each" in done.stderr

    sizes = itertools.cycle((0.06, 0.01, -0.04))
    jobs: list[PairJob] = []

    def answer(job: PairJob) -> PairTimed:
        jobs.append(job)
        if len(jobs) == 8:
            raise KeyboardInterrupt
        return timed_in_turn(job, 1 + next(sizes))

    answer_pairs_with(answer)
    cut = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS, *until)
    assert cut.exit_code == 130
    assert "error: " not in cut.stderr  # an interrupted gate judges nothing
    again = effmod("compare", "--resume", "--output-format", "csv")
    assert again.exit_code == 0, again.output
    (row,) = csv.DictReader(io.StringIO(again.stdout))
    assert (row["processes"], row["gate"], row["until"], row["until_decided"]) == ("21", "passes", "", "True")
    assert len(jobs) == 22  # one was cut short

    answer_pairs_with(noisy(itertools.cycle((0.3, 0.0, -0.3))))
    never = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS, *until)
    assert never.exit_code == 4
    assert "b.onnx: not decided after 30 processes" in never.stderr
    assert "(a longer --max-time, or --processes" in never.stderr


@pytest.mark.usefixtures("files")
def test_a_target_whose_turn_never_came_does_not_pass(
    answer_pairs_with: Callable[[PairAnswer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    each_takes(100.0, monkeypatch)
    answer_pairs_with(timed_in_turn)
    until = ("--until", "decided", "--max-time", "90s", "--fail-if-slower", "5%", "--undecided", "pass")
    done = effmod("compare", "a.onnx", "b.onnx", "large.onnx", *FEW_PAIRS, *until)
    assert done.exit_code == 4
    errors = [line.split(": ")[1:] for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert sorted(said for _, said in errors) == [
        "a single process that timed it beside a.onnx did not fail, and --fail-if-slower needs two or more",
        "time was up before its first process",
    ]
    assert sorted(name for name, _ in errors) == ["b.onnx cannot be judged", "large.onnx cannot be judged"]


@pytest.mark.usefixtures("files")
def test_of_two_environments_that_a_gate_met_the_latest_counts(
    answer_pairs_with: Callable[[PairAnswer], None],
) -> None:
    answers = iter([1.2])

    def answer(job: PairJob) -> PairTimed:
        ratio = next(answers, None)
        if ratio is None:
            raise KeyboardInterrupt
        return timed_in_turn(job, ratio)

    answer_pairs_with(answer)
    assert effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS, "--fail-if-slower", "5%").exit_code == 130
    store = Store(Path("effmod-results"))
    (record,) = store.read_kind(ComparisonProcess)
    machine = msgspec.structs.replace(record.environment.machine, cpu_model="Another CPU")
    environment = msgspec.structs.replace(record.environment, machine=machine)
    store.write(msgspec.structs.replace(record, environment=environment), again=True)
    answer_pairs_with(timed_in_turn)
    again = effmod("compare", "--resume")
    assert again.exit_code == 0, again.output
    assert "error: " not in again.stderr


@pytest.mark.usefixtures("files")
def test_a_run_of_an_older_version_keeps_its_gate(answer_pairs_with: Callable[[PairAnswer], None]) -> None:
    """It has the limit beside the plan of its processes."""
    answer_pairs_with(lambda job: timed_in_turn(job, 1.2))
    assert effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS).exit_code == 0
    store = Store(Path("effmod-results"))
    (run,) = store.read_kind(RunPlan)
    store.write(msgspec.structs.replace(run, fail_if_slower=0.05), again=True)
    again = effmod("compare", "--resume")
    assert again.exit_code == 4
    assert "b.onnx is 20.0 % slower than a.onnx; --fail-if-slower allows 5 %" in again.stderr


def test_a_faster_file_passes_the_same_gate(files: Path) -> None:  # noqa: ARG001
    done = effmod("compare", "large.onnx", "a.onnx", *SURE, "--fail-if-slower", "5%", "--output-format", "json")
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert row["verdict"] == "faster"
    assert row["estimate"]["high"] < 1


def test_one_failing_target_does_not_stop_the_others(files: Path) -> None:  # noqa: ARG001
    done = effmod("compare", "a.onnx", "nan.onnx", "large.onnx", *SURE, "--output-format", "json")
    assert done.exit_code == 1
    bad, good = json.loads(done.stdout)
    assert (bad["estimate"], bad["processes"]) == (None, 0)
    assert "NaN" in bad["failures"][0]
    assert good["verdict"] == "slower"
    assert "nan.onnx: failed" in done.stderr


def test_a_target_that_is_too_slow_counts_though_another_failed(files: Path) -> None:  # noqa: ARG001
    assert effmod("compare", "a.onnx", "nan.onnx", "large.onnx", *SURE, "--fail-if-slower", "0%").exit_code == 4


def test_a_control_is_the_first_against_itself(files: Path, answer_pairs_with: Callable[[PairAnswer], None]) -> None:  # noqa: ARG001
    sizes = itertools.count(start=1)
    answer_pairs_with(lambda job: timed_in_turn(job, 1.1 + next(sizes) / 1e4))
    done = effmod("compare", "a.onnx", "--control", *FEW_PAIRS, "--fail-if-slower", "5%")
    assert done.exit_code == 0  # no target is slower
    assert "a.onnx (control)" in done.stdout
    assert "a.onnx is called slower than itself" in done.stderr


@pytest.mark.usefixtures("files")
def test_both_run_as_the_user_asks_and_the_table_says_how(answer_pairs_with: Callable[[PairAnswer], None]) -> None:
    seen: list[RuntimeOptions] = []

    def answer(job: PairJob) -> PairTimed:
        seen.extend(member.session.options for member in job.members.values())
        return timed_in_turn(job)

    answer_pairs_with(answer)
    done = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS, "--graph-optimization", "basic", "--no-spinning")
    assert done.exit_code == 0, done.output
    assert set(seen) == {RuntimeOptions(graph_optimization=GraphOptimization.BASIC, allow_spinning=False)}
    assert "basic graph optimization, threads that do not spin" in done.stdout


@pytest.mark.usefixtures("files")
def test_with_and_without_subnormal_numbers_is_no_matter_of_one_process() -> None:
    done = effmod("compare", "a.onnx", "--denormal-as-zero")
    assert done.exit_code == 2
    assert "'effmod bench --denormal-as-zero' measures both in turn" in " ".join(done.stderr.split())


@pytest.mark.usefixtures("files")
def test_on_a_gpu_both_run_there_and_the_table_names_it(
    answer_pairs_with: Callable[[PairAnswer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[PairJob] = []

    def answer(job: PairJob) -> PairTimed:
        jobs.append(job)
        return timed_in_turn(job)

    answer_pairs_with(answer)
    state = dict.fromkeys(GpuState.__struct_fields__) | {"name": "A GPU"}
    for check in ("check_installed", "check_runs"):
        monkeypatch.setattr(prepare, check, lambda *_: None)
    monkeypatch.setattr(watch, "read_gpu", lambda _: GpuState(**state))
    done = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS, "--device", "cuda:1", "--runtime", "tensorrt")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0].split(", ")[0].strip() == "A GPU"
    assert "TensorRT, 1 thread, timed in turn" in done.stdout
    sessions = [member.session for job in jobs for member in job.members.values()]
    assert {session.device for session in sessions} == {Device.CUDA}
    assert {session.options for session in sessions} == {RuntimeOptions(runtime=Runtime.TENSORRT, device_index=1)}
    assert not any(session.shared_threads for session in sessions)  # that is a CPU's affair


@pytest.mark.usefixtures("files")
def test_a_doubtful_comparison_comes_with_the_advice_of_a_measurement(
    answer_pairs_with: Callable[[PairAnswer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_pairs_with(timed_in_turn)
    busy = Conditions(elapsed_s=10.0, other_cpu_s=1e4)
    monkeypatch.setattr(watch, "conditions_since", lambda _: busy)
    done = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS)
    assert done.exit_code == 0, done.output
    assert "other-load" in done.stdout
    (advice,) = [line for line in done.stderr.splitlines() if line.startswith("warning: other-load: ")]
    assert "close them, or measure when they are done" in advice
    assert advice.endswith("(b.onnx)")
    assert advice in effmod("show", "effmod-results").stderr


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0.0001, "known to within 0.00936 % after 12 processes, 120 timed"),
        (0.1, "not yet to 1 %: a new run with a longer --max-time"),
    ],
)
def test_until_says_how_many_runs_it_took(
    size: float,
    said: str,
    files: Path,  # noqa: ARG001
    answer_pairs_with: Callable[[PairAnswer], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    each_takes(30.0, monkeypatch)
    answer_pairs_with(noisy(itertools.cycle((size, -size))))
    done = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS, "--until", "1%", "--max-time", "10m")
    assert done.exit_code == 0, done.output
    assert said in " ".join(done.stderr.split())
    assert "timed runs of each" in done.stderr


def test_an_interruption_shows_what_is_finished(files: Path, answer_pairs_with: Callable[[PairAnswer], None]) -> None:
    def answer(job: PairJob) -> PairTimed:
        if Store(files / "effmod-results").read_kind(ComparisonProcess):
            raise KeyboardInterrupt
        return timed_in_turn(job)

    answer_pairs_with(answer)
    done = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS)
    assert done.exit_code == 130
    assert "b.onnx" in done.stdout
    assert "interrupted" in done.stderr
    assert len(Store(files / "effmod-results").read_kind(ComparisonProcess)) == 1


@pytest.mark.usefixtures("files")
def test_a_comparison_that_was_cut_short_goes_on_with_what_is_missing_or_failed(
    answer_pairs_with: Callable[[PairAnswer], None],
) -> None:
    jobs: list[PairJob] = []

    def answer(job: PairJob) -> PairTimed | Broken:
        jobs.append(job)
        if len(jobs) == 5:
            raise KeyboardInterrupt
        return (
            Broken(reason="ended by SIGSEGV", detail="")
            if len(jobs) == 2
            else timed_in_turn(job, 1.2 + len(jobs) / 1e4)
        )

    answer_pairs_with(answer)
    few = ("--processes", "3", "--blocks", "5", "--warmup", "1", "--threads", "1")
    done = effmod("compare", "a.onnx", "b.onnx", "large.onnx", *few, "--fail-if-slower", "5%")
    assert done.exit_code == 130
    store = Store(Path("effmod-results"))
    (run,) = store.read_kind(RunPlan)
    assert f"what is missing or failed, again: effmod compare --resume {run.id} --store effmod-results" in done.stderr
    kept = {record.id for record in store.read_kind(ComparisonProcess) if record.outcome is Outcome.OK}
    assert len(kept) == 3
    assert "holds no run of 'effmod bench' to resume" in effmod("bench", "--resume").stderr

    begun = len(jobs)
    again = effmod("compare", "--resume", run.id, "--output-format", "json")
    assert again.exit_code == 4, again.output
    assert "--fail-if-slower allows 5 %" in again.stderr
    assert f"run {run.id} of a.onnx, b.onnx, large.onnx: 3 processes to do" in again.stderr
    assert len(jobs) - begun == 3
    assert [(row["processes"], row["failures"]) for row in json.loads(again.stdout)] == [(3, []), (3, [])]
    records = store.read_kind(ComparisonProcess)
    assert kept < {record.id for record in records}
    assert Counter((r.target, r.index) for r in records if r.outcome is Outcome.OK) == {
        (target, index): 1 for target in (1, 2) for index in range(3)
    }
    assert "it is complete, and nothing is left to do" in effmod("compare", "--resume").stderr
    assert len(jobs) - begun == 3


@pytest.mark.usefixtures("files")
def test_a_comparison_does_not_go_on_with_other_files(
    answer_pairs_with: Callable[[PairAnswer], None], tmp_path: Path
) -> None:
    answer_pairs_with(lambda _: Broken(reason="ended by SIGSEGV", detail=""))
    done = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS)
    assert done.exit_code == 1
    assert "what is missing or failed, again: effmod compare --resume" in done.stderr
    write_onnx(tmp_path / "b.onnx", nodes=9)
    again = effmod("compare", "--resume")
    assert again.exit_code == 2
    assert "b.onnx is not what run" in " ".join(again.stderr.split())


@pytest.mark.usefixtures("files")
def test_an_interruption_between_a_records_storing_and_its_telling_loses_no_row(
    answer_pairs_with: Callable[[PairAnswer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_pairs_with(timed_in_turn)
    write = Store.write

    def write_and_stop(store: Store, record: Record, **how: bool) -> None:
        write(store, record, **how)
        if isinstance(record, ComparisonProcess):
            raise KeyboardInterrupt

    monkeypatch.setattr(Store, "write", write_and_stop)
    done = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS)
    assert done.exit_code == 130
    assert "interrupted: the table holds what was finished" in done.stderr
    assert "b.onnx" in done.stdout


def test_a_comparison_names_its_run_where_the_store_holds_others(
    files: Path,  # noqa: ARG001
    answer_pairs_with: Callable[[PairAnswer], None],
) -> None:
    def again(done: Result) -> list[str]:
        return done.stderr.splitlines()[-1].partition("the table again: effmod ")[2].split()

    answer_pairs_with(timed_in_turn)
    first = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS)
    assert again(first) == ["show", "effmod-results", "--only", "comparisons"]
    assert effmod(*again(first)).stdout == first.stdout
    answer_pairs_with(lambda job: timed_in_turn(job, 1.2))
    second = effmod("compare", "a.onnx", "b.onnx", *FEW_PAIRS)
    assert again(second)[:5] == ["show", "effmod-results", "--only", "comparisons", "--run"]
    assert effmod(*again(second)).stdout == second.stdout != effmod(*again(first)).stdout


def test_one_network_alone_is_refused_before_it_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    def export(*_: object, **__: object) -> None:
        raise OutputError("it went on to the export")

    monkeypatch.setattr("effmod_bench.targets.obtain.obtain", export)
    done = effmod("compare", "efficientmod_xxs", "efficientMod_xxs", *FEW_PAIRS)
    assert done.exit_code == 2
    assert "efficientmod_xxs alone is nothing to compare" in " ".join(done.stderr.split())
    for several in (("efficientmod_xxs", "--control"), ("efficientmod_x*s",)):
        assert "it went on to the export" in effmod("compare", *several, *FEW_PAIRS).stderr


@pytest.mark.usefixtures("files")
def test_two_names_of_one_file_are_nothing_to_compare(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    done = effmod("compare", "a.onnx", "folder/../a.onnx", *FEW_PAIRS)
    assert done.exit_code == 2
    assert "a.onnx alone is nothing to compare" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.onnx"], "a.onnx alone is nothing to compare"),
        (["a.onnx", "a.onnx"], "a.onnx alone is nothing to compare"),
        (["a.onnx", "missing.onnx"], "cannot read missing.onnx"),
        (["a.onnx", "b.onnx", "--max-time", "5m"], "--max-time goes with --until"),
        (["a.onnx", "b.onnx", "--until", "1"], "'1' is no percentage; write it as 5% or 0.5%"),
        (["a.onnx", "b.onnx", "--until", "decided"], "--until decided is for a gate: add --fail-if-slower 5%"),
        (["a.onnx", "b.onnx", "--undecided", "pass"], "--undecided pass is for a gate: add --fail-if-slower 5%"),
        (["a.onnx", "b.onnx", "--margin", "0.005"], "'0.005' is no percentage"),
        (["a.onnx", "b.onnx", "--until", "1%", "--max-time", "5"], "'5' is no duration; write it as 90s"),
        (["a.onnx", "b.onnx", "--until", "1%", "--max-time", "0s"], "'0s' is no duration"),
        (["a.onnx", "b.onnx", "--processes", "1"], "--processes"),
        (["a.onnx", "b.onnx", "--image-size", "64"], "--image-size is for networks"),
        (["a.onnx", "b.onnx", "--tf32"], "--tf32 goes with --device cuda, not with --device cpu"),
        (["a.onnx", "b.onnx", "--runtime", "pytorch"], "pytorch runs networks, not a.onnx"),
        (["a.onnx", "--runtime", "onnxruntime,torch-compile"], "torch-compile runs networks, not a.onnx"),
        (["a.onnx", "--runtime", "onnxruntime,onnxruntime"], "a.onnx alone is nothing to compare"),
        (["a.onnx", "--runtime", "onnxruntime,tvm"], "no runtime 'tvm'; there are onnxruntime, tensorrt"),
        (["a.onnx", "--runtime", "onnxruntime,tensorrt"], "tensorrt does not run on cpu"),
        (
            ["a.onnx", "--runtime", "openvino,pytorch", "--graph-optimization", "basic"],
            "--graph-optimization is ONNX Runtime's, and goes with no --runtime openvino or pytorch",
        ),
        (
            ["a.onnx", "--runtime", "onnxruntime,openvino", "--denormal-as-zero"],
            "decides for a whole process, in which runtimes take turns: leave openvino out",
        ),
        (
            ["a.onnx", "b.onnx", "--by", "kind", "--runtime", "onnxruntime,openvino"],
            "name two targets, or one and two runtimes",
        ),
        (["a.onnx", "--runtime", "onnxruntime,openvino", "--on", "ssh://pi"], "boards run ONNX Runtime on their CPU"),
        (["a.onnx", "b.onnx", "--device", "coreml"], "'effmod bench' measures Core ML's packages"),
        ([], "say what to compare: two or more networks"),
        (["--resume", "--until", "1%"], "--until does not go with --resume"),
        (["--resume", "--undecided", "pass"], "--undecided does not go with --resume"),
    ],
)
def test_wrong_use_is_said_before_anything_is_measured(arguments: list[str], said: str, files: Path) -> None:
    done = effmod("compare", *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert not list(files.glob("effmod-results/*"))


ON_TWO = ("--runtime", "onnxruntime,openvino", *FEW_PAIRS)


def _openvino_takes(share: float) -> PairAnswer:
    """OpenVINO takes this share of ONNX Runtime's time."""
    steps = itertools.count()

    def answer(job: PairJob) -> PairTimed:
        times = [share if runtime is Runtime.OPENVINO else 1.0 for runtime in job.runtimes]
        return timed_in_turn(job, times[1] / times[0] * (1 + next(steps) / 1e5))

    return answer


@pytest.mark.usefixtures("files")
def test_one_file_is_compared_on_two_runtimes(answer_pairs_with: Callable[[PairAnswer], None]) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    answer_pairs_with(_openvino_takes(0.9))
    done = effmod("compare", "a.onnx", *ON_TWO, "--output-format", "csv")
    assert done.exit_code == 0, done.output
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["name"], row["runtime"]) == ("a.onnx", "openvino")
    assert (row["baseline"], row["baseline_runtime"]) == ("a.onnx", "onnxruntime")
    assert (row["verdict"], row["apart"]) == ("faster", "")
    shown = effmod("show", "effmod-results").stdout
    assert "both in one process, in turn" in shown
    assert shown.splitlines()[0].endswith("1 thread, timed in turn")
    assert "OpenVINO" in shown
    assert "ONNX Runtime" in shown


@pytest.mark.usefixtures("files")
def test_two_files_on_two_runtimes_are_each_compared_with_the_first_on_the_first(
    answer_pairs_with: Callable[[PairAnswer], None],
) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    answer_pairs_with(_openvino_takes(1.2))
    gate = ("--fail-if-slower", "5%")
    done = effmod("compare", "a.onnx", "b.onnx", *ON_TWO, *gate, "--output-format", "csv")
    assert done.exit_code == 4
    rows = [*csv.DictReader(io.StringIO(done.stdout))]
    assert [(row["name"], row["runtime"], row["gate"]) for row in rows] == [
        ("a.onnx", "openvino", "fails"),
        ("b.onnx", "onnxruntime", "passes"),
        ("b.onnx", "openvino", "fails"),
    ]
    assert "a.onnx on OpenVINO" in done.stderr
    again = effmod("compare", "--resume", "--output-format", "csv")
    assert again.stdout == done.stdout
    assert "nothing is left to do" in again.stderr


@pytest.fixture
def unknown(tmp_path: Path) -> str:
    """A file that ONNX Runtime runs, and OpenVINO does not."""
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    codes = {"keys_floats": [0.0], "values_floats": [1.0]}
    x, y = (value(name, TensorProto.FLOAT, (1, 3, 8, 8)) for name in "xy")
    write_graph(tmp_path / "encoder.onnx", [("LabelEncoder", ["x"], ["y"], codes)], [x], [y])
    return "encoder.onnx"


@pytest.mark.usefixtures("files")
def test_what_one_runtime_cannot_run_is_a_row_with_its_reason_and_the_others_are_compared(
    unknown: str, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    answer_pairs_with(_openvino_takes(0.9))
    done = effmod("compare", "a.onnx", unknown, *ON_TWO, "--output-format", "csv")
    assert done.exit_code == 1
    rows = [*csv.DictReader(io.StringIO(done.stdout))]
    assert [(row["name"], row["runtime"], row["verdict"]) for row in rows] == [
        ("a.onnx", "openvino", "faster"),
        (unknown, "onnxruntime", "not distinguishable"),
        (unknown, "openvino", ""),
    ]
    assert rows[-1]["failures"].startswith("OpenVINO cannot run encoder.onnx: ")
    assert rows[-1]["failures"].endswith("No conversion rule found for operations: ai.onnx.ml.LabelEncoder")
    again = effmod("compare", "--resume", "--output-format", "csv")
    assert (again.exit_code, again.stdout) == (1, done.stdout)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("named", "by", "said"),
    [
        (("encoder.onnx", "a.onnx"), "openvino,onnxruntime", "the first is what all others are compared with"),
        (("a.onnx", "encoder.onnx"), "openvino", "leave openvino out, or take another file"),
    ],
)
def test_where_nothing_is_left_to_compare_it_is_an_error(
    unknown: str, named: tuple[str, ...], by: str, said: str
) -> None:
    assert unknown in named
    done = effmod("compare", *named, "--runtime", by, *FEW_PAIRS)
    assert done.exit_code == 2
    assert "OpenVINO cannot run encoder.onnx: " in done.stderr
    assert said in " ".join(done.stderr.split())


@pytest.mark.usefixtures("files")
def test_a_setting_goes_to_the_runtime_that_knows_it_and_the_table_says_so(
    answer_pairs_with: Callable[[PairAnswer], None],
) -> None:
    pytest.importorskip("openvino", reason="the extra [openvino] is not installed")
    seen: set[tuple[Runtime, bool]] = set()
    takes = _openvino_takes(0.9)

    def answer(job: PairJob) -> PairTimed | Broken:
        options = [member.session.options for member in job.members.values()]
        seen.update((each.runtime, each.allow_spinning) for each in options)
        return takes(job)

    answer_pairs_with(answer)
    done = effmod("compare", "a.onnx", *ON_TWO, "--no-spinning", "--output-format", "csv")
    assert done.exit_code == 0, done.output
    assert seen == {(Runtime.ONNXRUNTIME, False), (Runtime.OPENVINO, True)}
    assert "--no-spinning is for onnxruntime alone; it is no setting of openvino" in done.stderr
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["mode"], row["baseline_mode"]) == ("", "threads that do not spin")


@pytest.mark.usefixtures("files")
def test_a_runtime_that_is_not_installed_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "openvino" else found(name))
    done = effmod("compare", "a.onnx", *ON_TWO)
    assert done.exit_code == 3
    assert "openvino is not installed; install it with: " in done.stderr
