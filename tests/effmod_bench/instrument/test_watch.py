import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from effmod_bench.instrument import rounds as runner
from effmod_bench.instrument import watch
from effmod_bench.instrument.pairs import draw_job
from effmod_bench.instrument.place import Here
from effmod_bench.instrument.process.messages import Broken, Job, Timed
from effmod_bench.instrument.subject import Subject
from models import Preprocessing
from results import BenchPlan, ComparisonPlan, Device, Outcome, Round, RuntimeOptions, Store, summarise
from tests.effmod_bench.instrument.support import Answer, Watcher, subject, timed
from tests.fakes import MACHINE, FakeClocks, FakeNvml, timed_artifact


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
    runner.run("run", plan, [subject("a")], Here(MACHINE), store, Watcher(), on_record=lambda _: None)
    (record,) = store.read()
    before, after = record.environment.gpu_before, record.environment.gpu_after
    assert before is not None
    assert after is not None
    assert (before.name, before.other_processes, after.other_processes) == ("two", 1, 2)


def test_on_the_cpu_no_gpu_is_recorded(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(timed)
    runner.run(
        "run", BenchPlan(runs=1, rounds=1), [subject("a")], Here(MACHINE), store, Watcher(), on_record=lambda _: None
    )
    (record,) = store.read()
    assert (record.environment.gpu_before, record.environment.gpu_after) == (None, None)


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
    runner.run("run", plan, [subject("a")], Here(MACHINE), store, Watcher(), on_record=lambda _: None)
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
    runner.run(
        "run", BenchPlan(runs=1, rounds=1), [subject("a")], Here(MACHINE), store, Watcher(), on_record=lambda _: None
    )
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
        runner.run(f"run{number}", plan, [target], Here(MACHINE), store, Watcher(), on_record=seen.append)
        assert [record.failure for record in seen] == [expected or text]


def test_a_failure_of_a_comparison_names_no_folder(tmp_path: Path) -> None:
    pair = (subject("a"), subject("b"))
    watched = watch.watch_once(
        lambda: Broken(reason=f"Load model from {tmp_path}/b.onnx failed", detail=f"{tmp_path}"),
        draw_job(ComparisonPlan(), pair, Here(MACHINE), target=1, index=0),
        {each.path: each.stamps for each in pair},
        MACHINE,
        what="process",
    )
    assert watched.outcome == Broken(reason="Load model from b.onnx failed", detail=f"{tmp_path}")
