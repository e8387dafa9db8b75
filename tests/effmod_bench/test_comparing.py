import itertools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from effmod_bench import benchmark, environment, pair_runner, runner
from effmod_bench.cli import app
from effmod_bench.pair import PairJob, PairTimed
from effmod_bench.pair_runner import draw_job, run
from effmod_bench.resuming import RunPlan
from effmod_bench.runner import Subject, new_run_id, stamp
from effmod_bench.worker import Broken, Warm
from exporters import OutputError
from models import Preprocessing
from results import (
    ComparisonPlan,
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
    StoreError,
    compare,
)
from tests.fakes import (
    MACHINE,
    FakeClocks,
    make_comparison_process,
    make_round,
    session_facts,
    timed_artifact,
    write_onnx,
)

pytestmark = pytest.mark.xdist_group("measures")  # they would disturb each other's times


def subject(name: str) -> Subject:
    return Subject(path=Path(f"{name}.onnx"), artifact=timed_artifact(name), preprocessing=Preprocessing(), stamps=())


def timed(job: PairJob, ratio: float = 1.0) -> PairTimed:
    runs = job.order.count("A")
    return PairTimed(
        sessions={"A": session_facts(), "B": session_facts()},
        durations_ns={"A": (1_000_000,) * runs, "B": (round(1e6 * ratio),) * runs},
    )


Answer = Callable[[PairJob], PairTimed | Broken]


@pytest.fixture
def limits() -> list[float | None]:
    """What each process was allowed to take."""
    return []


@pytest.fixture
def answer_with(monkeypatch: pytest.MonkeyPatch, limits: list[float | None]) -> Callable[[Answer], None]:
    """Let a function stand in for the worker process."""

    def use(answer: Answer) -> None:
        def run_job(
            job: PairJob, *, on_warm: Callable[[Warm], None], tick: Callable[[float], None], timeout_s: float | None
        ) -> PairTimed | Broken:
            limits.append(timeout_s)
            on_warm(Warm(expected_ns=1_000_000))
            tick(0.1)
            return answer(job)

        monkeypatch.setattr(pair_runner, "run_job", run_job)

    return use


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "records")
    store.check_writable()
    return store


class Watcher:
    def __init__(self) -> None:
        self.shown: list[tuple[str, float, int, float | None]] = []

    def show(self, name: str, rounds_done: float, rounds: int, left_s: float | None) -> None:
        self.shown.append((name, rounds_done, rounds, left_s))


def carry_out(plan: ComparisonPlan, names: Sequence[str], store: Store) -> list[ComparisonProcess]:
    records: list[ComparisonProcess] = []
    run(new_run_id(), plan, [subject(name) for name in names], MACHINE, store, Watcher(), on_record=records.append)
    return records


def test_every_block_has_two_runs_of_each_and_begins_with_either() -> None:
    job = draw_job(ComparisonPlan(blocks=200), (subject("a"), subject("b")), target=1, index=0)
    blocks = Counter(job.order[i : i + 4] for i in range(0, 800, 4))
    assert set(blocks) == {"ABBA", "BAAB"}
    assert min(blocks.values()) > 70  # of 200; less has a probability of 1 in 100,000
    assert job.members["A"].session.path.endswith("a.onnx")
    assert job.members["B"].session.path.endswith("b.onnx")
    assert all(member.session.shared_threads for member in job.members.values())


def test_the_seed_decides_what_is_drawn() -> None:
    pair = (subject("a"), subject("b"))
    jobs = [draw_job(ComparisonPlan(), pair, target=1, index=index) for index in range(40)]
    assert jobs == [draw_job(ComparisonPlan(), pair, target=1, index=index) for index in range(40)]
    assert len({job.order for job in jobs}) == 40
    other = [draw_job(ComparisonPlan(seed=1), pair, target=1, index=index) for index in range(40)]
    assert not {job.order for job in jobs} & {job.order for job in other}


def test_of_two_processes_in_a_row_each_loads_another_one_first() -> None:
    pair = (subject("a"), subject("b"))
    orders = [draw_job(ComparisonPlan(), pair, target=1, index=index).load_order for index in range(40)]
    assert set(zip(orders[::2], orders[1::2], strict=True)) == {("AB", "BA"), ("BA", "AB")}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only some systems can bind a process to cores")
def test_as_many_cores_are_drawn_as_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 5, 7})
    pair = (subject("a"), subject("b"))
    for threads in (1, 2, 4, 9):
        drawn = [draw_job(ComparisonPlan(threads=threads), pair, target=1, index=index).cores for index in range(50)]
        assert {len(cores or ()) for cores in drawn} == {min(threads, 4)}
        assert {core for cores in drawn for core in cores or ()} == {2, 3, 5, 7}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only some systems can bind a process to cores")
@pytest.mark.parametrize("listed", ["core_cpus_list", "thread_siblings_list"])
def test_a_second_thread_of_a_core_is_drawn_when_every_core_has_given_one(
    listed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    siblings = {0: "0,4", 1: "1,5", 2: "2,6", 4: "0,4", 5: "1,5", 6: "2,6", 7: "3,7"}  # 3 is not for this process
    topology = {f"/sys/devices/system/cpu/cpu{core}/topology/{listed}": text for core, text in siblings.items()}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(siblings))
    monkeypatch.setattr(environment, "_read", lambda path: topology.get(str(path)))
    pair = (subject("a"), subject("b"))
    for threads in range(1, 8):
        drawn = [
            draw_job(ComparisonPlan(threads=threads), pair, target=1, index=index).cores or () for index in range(50)
        ]
        assert {len(cores) for cores in drawn} == {threads}
        assert {len({siblings[core] for core in cores}) for cores in drawn} == {min(threads, 4)}
        assert {core for cores in drawn for core in cores} == set(siblings)


def test_each_target_is_compared_with_the_first_as_often_as_planned(
    store: Store, answer_with: Callable[[Answer], None]
) -> None:
    answer_with(timed)
    records = carry_out(ComparisonPlan(processes=3, blocks=5, control=True), "abc", store)
    assert Counter((record.baseline.name, record.candidate.name, record.index) for record in records) == {
        ("a", name, index): 1 for name in "abc" for index in range(3)
    }
    turns = [tuple(record.target for record in records[i : i + 3]) for i in (0, 3, 6)]
    assert all(sorted(turn) == [0, 1, 2] for turn in turns)  # in turn, so that drift meets all alike
    assert {record.plan.blocks * 2 for record in records} == {len(record.candidate_ns) for record in records}
    assert len({record.run_id for record in records}) == 1


def test_each_record_is_on_disk_before_the_next_process(store: Store, answer_with: Callable[[Answer], None]) -> None:
    on_disk = []

    def answer(job: PairJob) -> PairTimed:
        on_disk.append(len(list(store.path.iterdir())))
        return timed(job)

    answer_with(answer)
    records = carry_out(ComparisonPlan(processes=2, blocks=1), "abc", store)
    assert on_disk == [0, 1, 2, 3]
    assert sorted(store.read_kind(ComparisonProcess), key=lambda r: r.id) == sorted(records, key=lambda r: r.id)


def test_a_failed_process_is_a_record_and_the_others_go_on(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(
        lambda job: (
            Broken(reason="ended by SIGSEGV", detail="")
            if job.members["B"].session.path.endswith("bad.onnx")
            else timed(job)
        )
    )
    records = carry_out(ComparisonPlan(processes=2, blocks=1), ["a", "bad", "good"], store)
    assert Counter((record.candidate.name, record.outcome, record.failure) for record in records) == {
        ("bad", Outcome.FAILED, "ended by SIGSEGV"): 2,
        ("good", Outcome.OK, None): 2,
    }


def test_a_file_that_changes_is_a_failure(store: Store, answer_with: Callable[[Answer], None], tmp_path: Path) -> None:
    subjects = []
    for name in "ab":
        each = subject(str(tmp_path / name))
        each.path.write_bytes(b"one")
        subjects.append(msgspec.structs.replace(each, stamps=stamp(each.path)))

    def answer(job: PairJob) -> PairTimed:
        subjects[1].path.write_bytes(b"another")
        return timed(job)

    answer_with(answer)
    records: list[ComparisonProcess] = []
    run(new_run_id(), ComparisonPlan(processes=2), subjects, MACHINE, store, Watcher(), on_record=records.append)
    assert [record.failure for record in records] == [None, "b.onnx was changed or deleted during the run"]


@pytest.mark.parametrize(
    ("boot_s", "wall_s", "said"),
    [
        (30.0, 30.0, "the machine was suspended for 30 s during the process"),
        (0.0, -60.0, "the system's clock was set back by 60 s during the process"),
    ],
)
def test_a_process_in_which_the_clocks_part_is_marked_and_repeated(
    boot_s: float,
    wall_s: float,
    said: str,
    store: Store,
    answer_with: Callable[[Answer], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = FakeClocks(monkeypatch)
    jobs: list[PairJob] = []

    def answer(job: PairJob) -> PairTimed:
        jobs.append(job)
        clocks.running_s += 10
        if len(jobs) == 2:
            clocks.suspended_s += boot_s
            clocks.set_s += wall_s - boot_s
        return timed(job)

    answer_with(answer)
    records = carry_out(ComparisonPlan(processes=3), "ab", store)
    assert [(record.index, record.attempt, record.failure) for record in records] == [
        (0, 0, None),
        (1, 0, said),
        (1, 1, None),
        (2, 0, None),
    ]
    assert jobs[1] == jobs[2]
    assert len({record.id for record in store.read_kind(ComparisonProcess)}) == 4
    (found,) = compare(records)
    assert (found.processes, found.failures) == (3, ())


def test_a_machine_that_is_suspended_again_and_again_is_not_waited_for(
    store: Store, answer_with: Callable[[Answer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = FakeClocks(monkeypatch)

    def answer(job: PairJob) -> PairTimed:
        clocks.running_s += 10
        clocks.suspended_s += 5
        return timed(job)

    answer_with(answer)
    records = carry_out(ComparisonPlan(processes=2), "ab", store)
    assert [(record.index, record.attempt, record.outcome) for record in records] == [
        (index, attempt, Outcome.FAILED) for index in range(2) for attempt in range(3)
    ]


@pytest.mark.usefixtures("files")
def test_a_process_gets_the_time_limit_that_was_asked_for(
    answer_with: Callable[[Answer], None], limits: list[float | None]
) -> None:
    answer_with(timed)
    assert effmod("compare", "a.onnx", "b.onnx", *FEW, "--round-timeout", "7").exit_code == 0
    assert set(limits) == {7.0}


def test_a_store_that_is_gone_stops_the_run(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(timed)
    store.path.rmdir()
    with pytest.raises(StoreError, match="moved or deleted"):
        carry_out(ComparisonPlan(processes=2), "ab", store)


def noisy(sizes: Iterator[float]) -> Answer:
    return lambda job: timed(job, 1.0 + next(sizes))


def test_until_adds_processes_up_to_the_look_that_is_narrow_enough(
    store: Store, answer_with: Callable[[Answer], None]
) -> None:
    plan = ComparisonPlan(blocks=1, until=0.01)
    answer_with(noisy(itertools.cycle((0.001, -0.001))))
    assert len(carry_out(plan, "ab", store)) == 6  # the first look
    answer_with(noisy(itertools.cycle((0.008, -0.008))))
    assert len(carry_out(plan, "ab", store)) == 9  # +- 1.0 % times 3.16 / sqrt(6), then 3.47 / 3 after nine ...


def test_until_goes_on_with_the_comparison_that_needs_it(store: Store, answer_with: Callable[[Answer], None]) -> None:
    wide = itertools.cycle((0.012, -0.012))
    answer_with(lambda job: timed(job, 1 + next(wide) if job.members["B"].session.path.endswith("wide.onnx") else 1.0))
    records = carry_out(ComparisonPlan(blocks=1, until=0.01), ["a", "calm", "wide"], store)
    counts = Counter(record.candidate.name for record in records)
    assert counts["calm"] == 6
    assert counts["wide"] > 9


def test_until_gives_up_where_everything_fails(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(lambda _: Broken(reason="killed", detail=""))
    assert len(carry_out(ComparisonPlan(until=0.01), "ab", store)) == 6


def each_takes(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "conditions_since", lambda _: Conditions(elapsed_s=seconds))


def test_no_process_begins_when_the_time_is_over_however_often_the_run_is_resumed(
    store: Store, answer_with: Callable[[Answer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    each_takes(10.0, monkeypatch)
    never_narrow = itertools.cycle((0.1, -0.1))
    answer_with(noisy(never_narrow))
    plan, pair = ComparisonPlan(until=0.001, max_time_s=95), [subject("a"), subject("b")]
    records = carry_out(plan, "ab", store)
    assert len(records) == 10
    assert pair_runner.missing(plan, 2, records) == 0
    again: list[ComparisonProcess] = []
    run(records[0].run_id, plan, pair, MACHINE, store, Watcher(), earlier=records, on_record=again.append)
    assert again == []
    assert pair_runner.missing(plan, 2, records[:4]) == 2
    for record in records[4:]:
        (store.path / f"{record.id}.json").unlink()
    run(records[0].run_id, plan, pair, MACHINE, store, Watcher(), earlier=records[:4], on_record=again.append)
    assert len(again) == 6


def test_what_failed_is_repeated_though_the_time_was_up(
    store: Store, answer_with: Callable[[Answer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    each_takes(10.0, monkeypatch)
    answer_with(lambda job: Broken(reason="killed", detail="") if job.load_order == "AB" else timed(job))
    plan, pair = ComparisonPlan(processes=8, until=0.001, max_time_s=80), [subject("a"), subject("b")]
    records = carry_out(plan, "ab", store)
    failed = {record.index for record in records if record.outcome is Outcome.FAILED}
    assert 0 < len(failed) < len(records) == 8
    answer_with(timed)
    again: list[ComparisonProcess] = []
    run(records[0].run_id, plan, pair, MACHINE, store, Watcher(), earlier=records, on_record=again.append)
    assert {(record.index, record.attempt) for record in again} == {(index, 1) for index in failed}


def test_until_gives_up_where_a_file_has_gone(
    store: Store, answer_with: Callable[[Answer], None], tmp_path: Path
) -> None:
    subjects = []
    for name in "ab":
        each = subject(str(tmp_path / name))
        each.path.write_bytes(b"one")
        subjects.append(msgspec.structs.replace(each, stamps=stamp(each.path)))
    sizes = itertools.cycle((0.1, -0.1))

    def answer(job: PairJob) -> PairTimed:
        if len(list(store.path.iterdir())) == 7:
            subjects[1].path.unlink()
        return timed(job, 1 + next(sizes))

    answer_with(answer)
    records: list[ComparisonProcess] = []
    plan = ComparisonPlan(until=0.001, max_time_s=1e6)
    run("run", plan, subjects, MACHINE, store, Watcher(), on_record=records.append)
    assert Counter(record.outcome for record in records) == {Outcome.OK: 8, Outcome.FAILED: 13}  # the look at 21


def test_on_another_machine_a_resumed_comparison_that_was_not_complete_begins_anew(
    store: Store, answer_with: Callable[[Answer], None]
) -> None:
    answer_with(timed)
    plan, subjects = ComparisonPlan(processes=3), [subject("a"), subject("b"), subject("c")]
    *earlier, lost = carry_out(plan, "abc", store)
    (store.path / f"{lost.id}.json").unlink()
    upgraded = msgspec.structs.replace(MACHINE, versions={"onnxruntime": "2"})
    assert pair_runner.missing(plan, 3, earlier) == 1
    again: list[ComparisonProcess] = []
    run(earlier[0].run_id, plan, subjects, upgraded, store, Watcher(), earlier=earlier, on_record=again.append)
    assert [(record.target, record.index) for record in again] == [(lost.target, index) for index in (2, 3, 4)]
    found = [(each.candidate.name, each.machine.versions, each.processes) for each in compare([*earlier, *again])]
    assert found.count((lost.candidate.name, upgraded.versions, 3)) == 1
    assert found.count((lost.candidate.name, MACHINE.versions, 2)) == 1
    assert len(found) == 3
    assert pair_runner.missing(plan, 3, [*earlier, *again]) == 0


def test_progress_names_the_target_and_the_time_left(
    store: Store, answer_with: Callable[[Answer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0.0
    monkeypatch.setattr(pair_runner, "monotonic_s", lambda: seconds)

    def answer(job: PairJob) -> PairTimed:
        nonlocal seconds
        seconds += 2
        return timed(job)

    answer_with(answer)
    watcher = Watcher()
    plan = ComparisonPlan(processes=3, blocks=1)
    run(new_run_id(), plan, [subject("a"), subject("b")], MACHINE, store, watcher, on_record=lambda _: None)
    assert {(name, rounds) for name, _, rounds, _ in watcher.shown} == {("b", 3)}
    assert watcher.shown[0] == ("b", 0, 3, None)  # nothing is known yet
    done = [done for _, done, _, _ in watcher.shown]
    assert done == sorted(done)
    assert watcher.shown[-1][3] == pytest.approx(1.9)  # one process of two seconds, begun 0.1 s ago


# The command, in this process; its workers are real where no fake stands in.


def effmod(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Three that can be compared and one that gives NaN, in the current folder."""
    write_onnx(tmp_path / "a.onnx")
    write_onnx(tmp_path / "b.onnx", nodes=2)
    write_onnx(tmp_path / "large.onnx", nodes=2000)
    write_onnx(tmp_path / "nan.onnx", operator="Log")
    return tmp_path


FEW = ("--processes", "2", "--blocks", "5", "--warmup", "1", "--threads", "1")
# Two processes tell a hundredfold time for certain where nothing else runs; four of them do on a busy machine.
SURE = (*FEW, "--processes", "4")


def test_a_slower_file_is_called_slower_and_fails_where_asked(files: Path) -> None:
    done = effmod("compare", "a.onnx", "large.onnx", *SURE, "--fail-if-slower", "5%")
    assert done.exit_code == 4, done.output
    assert "% slower" in done.stdout
    assert "--fail-if-slower allows 5 %" in done.stderr
    assert len(Store(files / "effmod-results").read_kind(ComparisonProcess)) == 4
    assert effmod("show", "effmod-results").stdout == done.stdout


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


def test_a_control_is_the_first_against_itself(files: Path, answer_with: Callable[[Answer], None]) -> None:  # noqa: ARG001
    sizes = itertools.count(start=1)
    answer_with(lambda job: timed(job, 1.1 + next(sizes) / 1e4))
    done = effmod("compare", "a.onnx", "--control", *FEW, "--fail-if-slower", "5%")
    assert done.exit_code == 0  # no target is slower
    assert "a.onnx (control)" in done.stdout
    assert "a.onnx is called slower than itself" in done.stderr


@pytest.mark.usefixtures("files")
def test_both_run_as_the_user_asks_and_the_table_says_how(answer_with: Callable[[Answer], None]) -> None:
    seen: list[RuntimeOptions] = []

    def answer(job: PairJob) -> PairTimed:
        seen.extend(member.session.options for member in job.members.values())
        return timed(job)

    answer_with(answer)
    done = effmod("compare", "a.onnx", "b.onnx", *FEW, "--graph-optimization", "basic", "--no-spinning")
    assert done.exit_code == 0, done.output
    assert set(seen) == {RuntimeOptions(graph_optimization=GraphOptimization.BASIC, allow_spinning=False)}
    assert "basic graph optimization, threads that do not spin" in done.stdout


@pytest.mark.usefixtures("files")
def test_on_a_gpu_both_run_there_and_the_table_names_it(
    answer_with: Callable[[Answer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[PairJob] = []

    def answer(job: PairJob) -> PairTimed:
        jobs.append(job)
        return timed(job)

    answer_with(answer)
    state = dict.fromkeys(GpuState.__struct_fields__) | {"name": "A GPU"}
    for check in ("check_installed", "check_runs"):
        monkeypatch.setattr(benchmark, check, lambda *_: None)
    monkeypatch.setattr(runner, "read_gpu", lambda _: GpuState(**state))
    done = effmod("compare", "a.onnx", "b.onnx", *FEW, "--device", "cuda:1", "--runtime", "tensorrt")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0].split(", ")[0].strip() == "A GPU"
    assert "TensorRT, 1 thread, timed in turn" in done.stdout
    sessions = [member.session for job in jobs for member in job.members.values()]
    assert {session.device for session in sessions} == {Device.CUDA}
    assert {session.options for session in sessions} == {RuntimeOptions(runtime=Runtime.TENSORRT, device_index=1)}
    assert not any(session.shared_threads for session in sessions)  # that is a CPU's affair


@pytest.mark.usefixtures("files")
def test_a_doubtful_comparison_comes_with_the_advice_of_a_measurement(
    answer_with: Callable[[Answer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(timed)
    busy = Conditions(elapsed_s=10.0, other_cpu_s=1e4)
    monkeypatch.setattr(runner, "conditions_since", lambda _: busy)
    done = effmod("compare", "a.onnx", "b.onnx", *FEW)
    assert done.exit_code == 0, done.output
    assert "other-load" in done.stdout
    (advice,) = [line for line in done.stderr.splitlines() if line.startswith("warning: other-load: ")]
    assert "close them, or measure when they are done" in advice
    assert advice.endswith("(b.onnx)")
    assert advice in effmod("show", "effmod-results").stderr


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0.0001, "known to within 0.0141 % after 6 processes, 60 timed"),
        (0.1, "not yet to 1 %: a new run with a longer --max-time"),
    ],
)
def test_until_says_how_many_runs_it_took(
    size: float,
    said: str,
    files: Path,  # noqa: ARG001
    answer_with: Callable[[Answer], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    each_takes(30.0, monkeypatch)
    answer_with(noisy(itertools.cycle((size, -size))))
    done = effmod("compare", "a.onnx", "b.onnx", *FEW, "--until", "1%", "--max-time", "10m")
    assert done.exit_code == 0, done.output
    assert said in " ".join(done.stderr.split())
    assert "timed runs of each" in done.stderr


def test_a_stored_run_tells_how_many_reached_the_width_and_after_how_many_runs(tmp_path: Path) -> None:
    store = Store(tmp_path / "records")
    store.check_writable()
    plan = ComparisonPlan(targets=("a", "few", "many", "wide", "broken"), until=0.01)
    noise = {"few": (0.001, 2), "many": (0.001, 400), "wide": (0.1, 2), "broken": (0.0, 0)}
    for target, (size, pairs) in enumerate(noise.values(), start=1):
        for index in range(6):
            ratios = [1 + size * (-1) ** index] * pairs
            failure = None if ratios else "ended by SIGSEGV"
            store.write(make_comparison_process(ratios, plan=plan, target=target, index=index, failure=failure))
    done = effmod("show", "records", "--only", "comparisons")
    assert done.exit_code == 0, done.output
    assert (
        "1 % was reached by 2 of 4, after 1206 timed runs of each in the median; 1 took fewer than the paper's 4000, "
        "both files' runs counted"
    ) in " ".join(done.stderr.split())


def test_an_interruption_shows_what_is_finished(files: Path, answer_with: Callable[[Answer], None]) -> None:
    def answer(job: PairJob) -> PairTimed:
        if Store(files / "effmod-results").read_kind(ComparisonProcess):
            raise KeyboardInterrupt
        return timed(job)

    answer_with(answer)
    done = effmod("compare", "a.onnx", "b.onnx", *FEW)
    assert done.exit_code == 130
    assert "b.onnx" in done.stdout
    assert "interrupted" in done.stderr
    assert len(Store(files / "effmod-results").read_kind(ComparisonProcess)) == 1


@pytest.mark.usefixtures("files")
def test_a_comparison_that_was_cut_short_goes_on_with_what_is_missing_or_failed(
    answer_with: Callable[[Answer], None],
) -> None:
    jobs: list[PairJob] = []

    def answer(job: PairJob) -> PairTimed | Broken:
        jobs.append(job)
        if len(jobs) == 5:
            raise KeyboardInterrupt
        return Broken(reason="ended by SIGSEGV", detail="") if len(jobs) == 2 else timed(job, 1.2 + len(jobs) / 1e4)

    answer_with(answer)
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
def test_a_comparison_does_not_go_on_with_other_files(answer_with: Callable[[Answer], None], tmp_path: Path) -> None:
    answer_with(lambda _: Broken(reason="ended by SIGSEGV", detail=""))
    done = effmod("compare", "a.onnx", "b.onnx", *FEW)
    assert done.exit_code == 1
    assert "what is missing or failed, again: effmod compare --resume" in done.stderr
    write_onnx(tmp_path / "b.onnx", nodes=9)
    again = effmod("compare", "--resume")
    assert again.exit_code == 2
    assert "b.onnx is not what run" in " ".join(again.stderr.split())


@pytest.mark.usefixtures("files")
def test_an_interruption_between_a_records_storing_and_its_telling_loses_no_row(
    answer_with: Callable[[Answer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(timed)
    write = Store.write

    def write_and_stop(store: Store, record: Record, **how: bool) -> None:
        write(store, record, **how)
        if isinstance(record, ComparisonProcess):
            raise KeyboardInterrupt

    monkeypatch.setattr(Store, "write", write_and_stop)
    done = effmod("compare", "a.onnx", "b.onnx", *FEW)
    assert done.exit_code == 130
    assert "interrupted: the table holds what was finished" in done.stderr
    assert "b.onnx" in done.stdout


def test_show_prints_measurements_then_comparisons(files: Path, answer_with: Callable[[Answer], None]) -> None:
    answer_with(timed)
    effmod("compare", "a.onnx", "b.onnx", *FEW)
    Store(files / "effmod-results").write(make_round())
    both = effmod("show", "effmod-results").stdout
    assert 0 < both.index("efficientmod_xxs") < both.index("b.onnx")
    one = effmod("show", "effmod-results", "--output-format", "json")
    assert [row["name"] for row in json.loads(one.stdout)] == ["efficientmod_xxs"]
    assert "Left out: comparisons" in one.stderr
    other = effmod("show", "effmod-results", "--only", "comparisons", "--output-format", "json")
    assert [row["candidate"]["name"] for row in json.loads(other.stdout)] == ["b.onnx"]


def test_a_comparison_names_its_run_where_the_store_holds_others(
    files: Path,  # noqa: ARG001
    answer_with: Callable[[Answer], None],
) -> None:
    def again(done: Result) -> list[str]:
        return done.stderr.splitlines()[-1].partition("the table again: effmod ")[2].split()

    answer_with(timed)
    first = effmod("compare", "a.onnx", "b.onnx", *FEW)
    assert again(first) == ["show", "effmod-results", "--only", "comparisons"]
    assert effmod(*again(first)).stdout == first.stdout
    answer_with(lambda job: timed(job, 1.2))
    second = effmod("compare", "a.onnx", "b.onnx", *FEW)
    assert again(second)[:5] == ["show", "effmod-results", "--only", "comparisons", "--run"]
    assert effmod(*again(second)).stdout == second.stdout != effmod(*again(first)).stdout


def test_a_store_without_comparisons_says_what_would_add_some(tmp_path: Path) -> None:
    Store(tmp_path / "rounds").check_writable()
    Store(tmp_path / "rounds").write(make_round())
    done = effmod("show", "rounds", "--only", "comparisons")
    assert done.exit_code == 5
    assert "'effmod compare A B --store rounds' adds some" in done.stderr


def test_one_network_alone_is_refused_before_it_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    def export(*_: object, **__: object) -> None:
        raise OutputError("it went on to the export")

    monkeypatch.setattr("effmod_bench.exporting.obtain", export)
    done = effmod("compare", "efficientmod_xxs", "efficientMod_xxs", *FEW)
    assert done.exit_code == 2
    assert "efficientmod_xxs alone is nothing to compare" in " ".join(done.stderr.split())
    for several in (("efficientmod_xxs", "--control"), ("efficientmod_x*s",)):
        assert "it went on to the export" in effmod("compare", *several, *FEW).stderr


@pytest.mark.usefixtures("files")
def test_two_names_of_one_file_are_nothing_to_compare(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    done = effmod("compare", "a.onnx", "folder/../a.onnx", *FEW)
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
        (["a.onnx", "b.onnx", "--margin", "0.005"], "'0.005' is no percentage"),
        (["a.onnx", "b.onnx", "--until", "1%", "--max-time", "5"], "'5' is no duration; write it as 90s"),
        (["a.onnx", "b.onnx", "--until", "1%", "--max-time", "0s"], "'0s' is no duration"),
        (["a.onnx", "b.onnx", "--processes", "1"], "--processes"),
        (["a.onnx", "b.onnx", "--image-size", "64"], "--image-size is for networks"),
        (["a.onnx", "b.onnx", "--tf32"], "--tf32 goes with --device cuda, not with --device cpu"),
        (["a.onnx", "b.onnx", "--runtime", "pytorch"], "compare times ONNX Runtime, not pytorch; 'effmod bench'"),
        (["a.onnx", "b.onnx", "--device", "coreml"], "compare times ONNX Runtime, not coreml; 'effmod bench'"),
        ([], "say what to compare: two or more networks"),
        (["--resume", "--until", "1%"], "--until does not go with --resume"),
    ],
)
def test_wrong_use_is_said_before_anything_is_measured(arguments: list[str], said: str, files: Path) -> None:
    done = effmod("compare", *arguments)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert not list(files.glob("effmod-results/*"))
