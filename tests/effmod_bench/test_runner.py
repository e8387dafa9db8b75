import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from effmod_bench.instrument import rounds as runner
from effmod_bench.instrument import threads, watch
from effmod_bench.instrument.estimate import Timeline
from effmod_bench.instrument.pairs import draw_job
from effmod_bench.instrument.process.messages import Broken, Job, Timed, Warm
from effmod_bench.instrument.schedule import missing, schedule
from effmod_bench.instrument.subject import Subject, stamp
from effmod_bench.instrument.threads import threads_to_use
from effmod_bench.targets.subjects import file_subject, hashed_files
from exporters import sha256_of
from exporters.onnx.evaluator import run_onnx
from models import Preprocessing
from results import BenchPlan, ComparisonPlan, Device, Outcome, Round, RuntimeOptions, Store, StoreError, summarise
from tests.fakes import (
    MACHINE,
    FakeClocks,
    FakeNvml,
    make_round,
    session_facts,
    timed_artifact,
    write_onnx,
    write_onnx_with_weights_beside,
)


def test_runs_are_split_over_the_rounds_without_loss() -> None:
    turns = schedule(BenchPlan(runs=4003, rounds=5), subjects=3)
    for subject in range(3):
        mine = [turn for turn in turns if turn.subject == subject]
        assert [turn.index for turn in mine] == [0, 1, 2, 3, 4]
        assert sum(turn.runs for turn in mine) == 4003
        assert {turn.runs for turn in mine} == {800, 801}


def test_fewer_runs_than_rounds_are_one_a_round() -> None:
    assert [turn.runs for turn in schedule(BenchPlan(runs=2, rounds=5), subjects=1)] == [1, 1]


def test_rounds_of_all_targets_are_interleaved_in_an_order_that_the_seed_decides() -> None:
    plan = BenchPlan(runs=100, rounds=10)
    orders = [tuple(t.subject for t in schedule(plan, 3)[i : i + 3]) for i in range(0, 30, 3)]
    assert all(sorted(order) == [0, 1, 2] for order in orders)
    assert len(Counter(orders)) > 1
    assert schedule(plan, 3) == schedule(plan, 3)
    assert schedule(plan, 3) != schedule(BenchPlan(runs=100, rounds=10, seed=1), 3)


def test_threads_are_the_papers_or_as_many_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, expected in ((1, 1), (2, 2), (4, 4), (64, 4)):
        monkeypatch.setattr(threads, "available_cores", lambda cores=cores: cores)
        assert threads_to_use(BenchPlan()) == expected
        assert threads_to_use(BenchPlan(threads=7)) == 7


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"rounds": 0}, {"warmup_runs": -1}, {"threads": 0}])
def test_a_plan_out_of_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BenchPlan(**wrong)  # type: ignore[arg-type]


def test_the_time_left_follows_what_was_seen() -> None:
    timeline = Timeline(BenchPlan(runs=100, rounds=2, warmup_runs=0), [None])
    assert timeline.left_s() is None  # nothing is known of the file
    timeline.saw(20e6)  # 20 ms a run, 50 runs a round
    assert timeline.left_s() == pytest.approx(2 * (1 + 1.0))
    assert timeline.left_s(elapsed_s=0.5) == pytest.approx(1.5 + 2)
    assert timeline.done(elapsed_s=1.0) == pytest.approx(0.5)
    timeline.now = 1
    assert timeline.left_s() == pytest.approx(2.0)
    assert timeline.done(elapsed_s=1e6) < 2


def test_a_gpus_inferences_are_timed_twice_and_so_take_twice_the_time() -> None:
    timeline = Timeline(BenchPlan(device=Device.CUDA, runs=100, rounds=2, warmup_runs=10), [None])
    timeline.saw(20e6)
    assert timeline.left_s() == pytest.approx(2 * (1 + 0.2 + 2.0))


class Watcher:
    def __init__(self) -> None:
        self.shown: list[tuple[str, float, int, float | None]] = []

    def show(self, name: str, rounds_done: float, rounds: int, left_s: float | None) -> None:
        self.shown.append((name, rounds_done, rounds, left_s))


def subject(name: str) -> Subject:
    return Subject(path=Path(f"{name}.onnx"), artifact=timed_artifact(name), preprocessing=Preprocessing(), stamps=())


def timed(job: Job) -> Timed:
    return Timed(
        session=session_facts(job.session.intra_op_num_threads),
        load_ns=1,
        first_inference_ns=2,
        warmup_runs=job.warmup_runs + 7,
        steady=False,
        durations_ns=(1_000_000,) * job.runs,
        gpu_durations_ns=(900_000,) * job.runs,
        peak_memory_bytes=3,
    )


Answer = Callable[[Job], Timed | Broken]


@pytest.fixture
def answer_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """Let a function stand in for the worker process."""

    def use(answer: Answer) -> None:
        def run_job(
            job: Job, *, on_warm: Callable[[Warm], None], tick: Callable[[float], None], timeout_s: float | None
        ) -> Timed | Broken:
            assert timeout_s is None
            on_warm(Warm(expected_ns=1_000_000))
            tick(0.1)
            return answer(job)

        monkeypatch.setattr(runner, "run_job", run_job)

    return use


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "records")
    store.check_writable()
    return store


def test_each_record_is_on_disk_before_the_next_round(store: Store, answer_with: Callable[[Answer], None]) -> None:
    on_disk = []

    def answer(job: Job) -> Timed:
        on_disk.append(len(list(store.path.iterdir())))
        return timed(job)

    answer_with(answer)
    seen: list[Round] = []
    plan = BenchPlan(threads=2, runs=10, rounds=3, warmup_runs=5)
    runner.run("run", plan, [subject("a"), subject("b")], MACHINE, store, Watcher(), on_record=seen.append)
    assert on_disk == [0, 1, 2, 3, 4, 5]
    assert store.read() == sorted(seen, key=lambda record: (record.started_at, record.id))
    assert len({record.run_id for record in seen}) == 1
    assert Counter((record.artifact.name, record.index) for record in seen) == {
        (name, i): 1 for name in "ab" for i in range(3)
    }


def test_a_record_holds_plan_and_environment_apart(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(timed)
    plan = BenchPlan(runs=4, rounds=1)
    runner.run("run", plan, [subject("a")], MACHINE, store, Watcher(), on_record=lambda _: None)
    (record,) = store.read()
    assert record.plan.threads is None  # what was asked
    assert record.environment.session is not None
    assert record.environment.session.intra_op_num_threads == threads_to_use(plan)  # what was used
    assert record.environment.conditions is not None
    assert record.environment.conditions.elapsed_s > 0
    assert record.environment.machine.available_cores == MACHINE.available_cores
    assert record.durations_ns == (1_000_000,) * 4
    assert record.gpu_durations_ns == (900_000,) * 4
    assert (record.plan.warmup_runs, record.warmup_runs, record.steady) == (50, 57, False)


def test_a_gpu_is_looked_at_before_and_after_each_round(
    store: Store, answer_with: Callable[[Answer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(("one", "two"), pids=(11,)))

    def answer(job: Job) -> Timed:
        monkeypatch.setitem(sys.modules, "pynvml", FakeNvml(("one", "two"), pids=(11, 12)))
        return timed(job)

    answer_with(answer)
    plan = BenchPlan(runs=1, rounds=1, device=Device.CUDA, options=RuntimeOptions(device_index=1))
    runner.run("run", plan, [subject("a")], MACHINE, store, Watcher(), on_record=lambda _: None)
    (record,) = store.read()
    before, after = record.environment.gpu_before, record.environment.gpu_after
    assert before is not None
    assert after is not None
    assert (before.name, before.other_processes, after.other_processes) == ("two", 1, 2)


def test_on_the_cpu_no_gpu_is_recorded(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(timed)
    runner.run("run", BenchPlan(runs=1, rounds=1), [subject("a")], MACHINE, store, Watcher(), on_record=lambda _: None)
    (record,) = store.read()
    assert (record.environment.gpu_before, record.environment.gpu_after) == (None, None)


def test_a_failed_round_is_a_record_and_the_others_go_on(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(lambda job: Broken(reason="ended by SIGSEGV", detail="") if "bad" in job.session.path else timed(job))
    plan = BenchPlan(runs=4, rounds=2)
    runner.run("run", plan, [subject("bad"), subject("good")], MACHINE, store, Watcher(), on_record=lambda _: None)
    outcomes = Counter((record.artifact.name, record.outcome, record.failure) for record in store.read())
    assert outcomes == {("bad", Outcome.FAILED, "ended by SIGSEGV"): 2, ("good", Outcome.OK, None): 2}


def test_a_full_store_stops_the_run_and_keeps_what_it_has(store: Store, answer_with: Callable[[Answer], None]) -> None:
    rounds = 0

    def answer(job: Job) -> Timed:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            store.path.rename(store.path.with_name("moved"))
        return timed(job)

    answer_with(answer)
    seen: list[Round] = []
    with pytest.raises(StoreError):
        runner.run("run", BenchPlan(runs=9, rounds=3), [subject("a")], MACHINE, store, Watcher(), on_record=seen.append)
    assert rounds == 2
    assert Store(store.path.with_name("moved")).read() == seen


def test_a_file_that_changes_during_the_run_is_a_failed_round(
    store: Store, answer_with: Callable[[Answer], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"one")

    def answer(job: Job) -> Timed:
        path.write_bytes(b"another")
        return timed(job)

    answer_with(answer)
    target = Subject(path=path, artifact=timed_artifact("a"), preprocessing=Preprocessing(), stamps=stamp(path))
    runner.run("run", BenchPlan(runs=4, rounds=2), [target], MACHINE, store, Watcher(), on_record=lambda _: None)
    first, second = store.read()
    assert first.outcome is Outcome.OK
    assert second.failure == "a.onnx was changed or deleted during the run"


def test_a_file_that_was_replaced_while_effmod_waited_is_not_timed_under_the_old_hash(
    store: Store, answer_with: Callable[[Answer], None], tmp_path: Path
) -> None:
    answer_with(timed)
    target = file_subject(write_onnx(tmp_path / "x.onnx"), {}, batch_size=1)
    write_onnx(tmp_path / "x.onnx", nodes=2)
    runner.run("run", BenchPlan(runs=2, rounds=2), [target], MACHINE, store, Watcher(), on_record=lambda _: None)
    assert [record.failure for record in store.read()] == ["x.onnx was changed or deleted during the run"] * 2


def test_of_a_file_that_is_a_link_the_weights_that_were_hashed_are_those_that_are_loaded(
    store: Store, answer_with: Callable[[Answer], None], tmp_path: Path
) -> None:
    for folder, value in (("real", 7.0), ("link", 1.0)):
        (tmp_path / folder).mkdir()
        write_onnx_with_weights_beside(tmp_path / folder / "m.onnx", value)
    link = tmp_path / "link" / "m.onnx"
    link.unlink()
    link.symlink_to("../real/m.onnx")
    asked = []

    def answer(job: Job) -> Timed:
        asked.append(job.session)
        return timed(job)

    answer_with(answer)
    target = file_subject(Path("link/m.onnx"), {}, batch_size=1)
    assert target.artifact.sha256 == sha256_of(link, tmp_path / "link" / "w.bin")
    runner.run("run", BenchPlan(runs=1, rounds=1), [target], MACHINE, store, Watcher(), on_record=lambda _: None)
    members = draw_job(ComparisonPlan(), (target, target), target=1, index=0).members
    for session in (*asked, *(member.session for member in members.values())):
        (output,) = run_onnx(Path(session.path), [{"x": np.zeros((1, 3, 8, 8), np.float32)}])
        assert (Path(session.path).is_absolute(), set(map(float, output.flat))) == (True, {1.0})
        assert session.sha256 == target.artifact.sha256
    assert len(asked) == 1


def test_of_a_package_only_the_data_must_stay_the_same(
    store: Store, answer_with: Callable[[Answer], None], tmp_path: Path
) -> None:
    data = tmp_path / "a.mlpackage" / "Data"
    data.mkdir(parents=True)
    (data / "weight.bin").write_text("old")
    changes = iter((data.parent / "Manifest.json", data / "weight.bin"))

    def answer(job: Job) -> Timed:
        next(changes).write_text("new")
        return timed(job)

    answer_with(answer)
    target = Subject(
        path=data.parent,
        artifact=timed_artifact("a"),
        preprocessing=Preprocessing(),
        stamps=stamp(*hashed_files(data.parent)),
    )
    runner.run("run", BenchPlan(runs=3, rounds=3), [target], MACHINE, store, Watcher(), on_record=lambda _: None)
    assert [record.failure for record in store.read()] == [
        None,
        None,
        "a.mlpackage was changed or deleted during the run",
    ]


def test_an_interruption_keeps_what_is_finished(store: Store, answer_with: Callable[[Answer], None]) -> None:
    def answer(job: Job) -> Timed:
        if list(store.path.iterdir()):
            raise KeyboardInterrupt
        return timed(job)

    answer_with(answer)
    with pytest.raises(KeyboardInterrupt):
        runner.run(
            "run", BenchPlan(runs=4, rounds=2), [subject("a")], MACHINE, store, Watcher(), on_record=lambda _: None
        )
    assert len(store.read()) == 1


def test_progress_names_the_network_and_the_time_left(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(timed)
    watcher = Watcher()
    runner.run("run", BenchPlan(runs=4, rounds=2), [subject("a")], MACHINE, store, watcher, on_record=lambda _: None)
    assert {(name, rounds) for name, _, rounds, _ in watcher.shown} == {("a", 2)}
    assert all(left is not None for *_, left in watcher.shown)
    done = [done for _, done, _, _ in watcher.shown]
    assert done == sorted(done)


def test_a_resumed_run_measures_what_is_missing_and_repeats_what_failed(
    store: Store, answer_with: Callable[[Answer], None]
) -> None:
    plan = BenchPlan(runs=6, rounds=3)
    subjects = [subject("a"), subject("b")]
    rounds = 0

    def fail_then_end(job: Job) -> Timed | Broken:
        nonlocal rounds
        rounds += 1
        if rounds == 4:
            raise KeyboardInterrupt
        return Broken(reason="ended by SIGSEGV", detail="") if "a.onnx" in job.session.path else timed(job)

    answer_with(fail_then_end)
    with pytest.raises(KeyboardInterrupt):
        runner.run("run", plan, subjects, MACHINE, store, Watcher(), on_record=lambda _: None)
    earlier = store.read()
    assert len(earlier) == 3
    good = {record.id for record in earlier if record.outcome is Outcome.OK}

    answer_with(timed)
    again: list[Round] = []
    runner.run("run", plan, subjects, MACHINE, store, Watcher(), earlier=earlier, on_record=again.append)
    assert not good & {record.id for record in again}
    assert Counter((record.artifact.name, record.index) for record in store.read() if record.outcome is Outcome.OK) == {
        (name, i): 1 for name in "ab" for i in range(3)
    }
    failed = [record for record in earlier if record.outcome is Outcome.FAILED]
    assert {(r.index, r.attempt) for r in again if r.attempt} == {(record.index, 1) for record in failed}
    assert all(not measurement.failures for measurement in summarise(store.read()))

    runner.run("run", plan, subjects, MACHINE, store, Watcher(), earlier=store.read(), on_record=never)


def never(record: Round) -> None:
    raise AssertionError(record.id)


def test_a_resumed_run_keeps_the_order_that_its_seed_decided() -> None:
    plan = BenchPlan(runs=100, rounds=10)
    artifacts = [timed_artifact(name) for name in "abc"]
    assert missing(plan, artifacts, []) == schedule(plan, 3)
    done = [make_round(artifact=artifacts[1], index=index) for index in range(10)]
    assert missing(plan, artifacts, done) == [turn for turn in schedule(plan, 3) if turn.subject != 1]


def test_the_last_of_several_attempts_counts() -> None:
    plan = BenchPlan(runs=1, rounds=1)
    first, second = make_round(failure="one"), make_round(failure="two")
    second = msgspec.structs.replace(second, attempt=1)
    for records in ([first, second], [second, first]):
        assert [turn.attempt for turn in missing(plan, [first.artifact], records)] == [2]
        (measurement,) = summarise(records)
        assert measurement.failures == ("two",)


@pytest.mark.parametrize(
    ("boot_s", "wall_s", "said"),
    [
        (30.0, 30.0, "the machine was suspended for 30 s during the round"),
        (0.0, 3600.0, "the system's clock was set forward by 3600 s during the round"),
        (0.0, -60.0, "the system's clock was set back by 60 s during the round"),
    ],
)
def test_a_round_in_which_the_clocks_part_is_marked_and_repeated(
    boot_s: float,
    wall_s: float,
    said: str,
    store: Store,
    answer_with: Callable[[Answer], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clocks = FakeClocks(monkeypatch)
    rounds = 0

    def answer(job: Job) -> Timed:
        nonlocal rounds
        rounds += 1
        clocks.running_s += 10
        if rounds == 2:
            clocks.suspended_s += boot_s
            clocks.set_s += wall_s - boot_s
        return timed(job)

    answer_with(answer)
    plan = BenchPlan(runs=3, rounds=3)
    runner.run("run", plan, [subject("a")], MACHINE, store, Watcher(), on_record=lambda _: None)
    records = sorted(store.read(), key=lambda record: (record.index, record.attempt))
    assert [(record.index, record.attempt, record.failure) for record in records] == [
        (0, 0, None),
        (1, 0, said),
        (1, 1, None),
        (2, 0, None),
    ]
    (measurement,) = summarise(records)
    assert measurement.failures == ()


def test_a_machine_that_is_suspended_again_and_again_is_not_waited_for(
    store: Store, answer_with: Callable[[Answer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = FakeClocks(monkeypatch)

    def answer(job: Job) -> Timed:
        clocks.suspended_s += 5
        return timed(job)

    answer_with(answer)
    runner.run("run", BenchPlan(runs=1, rounds=1), [subject("a")], MACHINE, store, Watcher(), on_record=lambda _: None)
    assert [(record.attempt, record.outcome) for record in store.read()] == [(i, Outcome.FAILED) for i in range(3)]


def test_a_failure_names_the_files_without_their_folder_and_not_the_user(
    store: Store, answer_with: Callable[[Answer], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / "ada"
    folder = home / "my networks"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    said = {
        f"Load model from {folder}/x.onnx failed": "Load model from x.onnx failed",
        f"{folder}/sub/w.bin is too small": "sub/w.bin is too small",
        f"'{home}/lib/libcudnn.so': cannot open": "'~/lib/libcudnn.so': cannot open",
        f"{home}/x, {home}/gone/x: both": "~/x, ~/gone/x: both",
        f"cannot write to {home}: full": "cannot write to ~: full",
        f"in {home}2": None,
        f"Node (/stages/0/conv/Conv) of /onnxruntime_src/{'x' * 300}/x.cc failed": None,
        "3 / 4 of a/b, or 1,3 vs 3/4, /": None,
    }
    target = Subject(
        path=Path("my networks/x.onnx"), artifact=timed_artifact(), preprocessing=Preprocessing(), stamps=()
    )
    for number, (text, expected) in enumerate(said.items()):
        answer_with(lambda _, text=text: Broken(reason=text, detail=""))  # type: ignore[misc]
        seen: list[Round] = []
        plan = BenchPlan(runs=1, rounds=1)
        runner.run(f"run{number}", plan, [target], MACHINE, store, Watcher(), on_record=seen.append)
        assert [record.failure for record in seen] == [expected or text]


def test_a_failure_of_a_comparison_names_no_folder(tmp_path: Path) -> None:
    pair = [subject("a"), subject("b")]
    watched = watch.watch_once(
        lambda: Broken(reason=f"Load model from {tmp_path}/b.onnx failed", detail=f"{tmp_path}"),
        ComparisonPlan(),
        pair,
        MACHINE,
        what="process",
    )
    assert watched.outcome == Broken(reason="Load model from b.onnx failed", detail=f"{tmp_path}")
