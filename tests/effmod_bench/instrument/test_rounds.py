from collections import Counter
from collections.abc import Callable

import msgspec
import pytest

from effmod_bench.instrument import rounds as runner
from effmod_bench.instrument.place import Here
from effmod_bench.instrument.process.messages import Broken, Job, Timed
from effmod_bench.instrument.threads import threads_to_use
from results import BenchPlan, Outcome, Round, RuntimeOptions, Store, StoreError, Subnormals, summarise
from tests.effmod_bench.instrument.support import Answer, Watcher, never, subject, timed
from tests.fakes import MACHINE


def test_each_record_is_on_disk_before_the_next_round(store: Store, answer_with: Callable[[Answer], None]) -> None:
    on_disk = []

    def answer(job: Job) -> Timed:
        on_disk.append(len(list(store.path.iterdir())))
        return timed(job)

    answer_with(answer)
    seen: list[Round] = []
    plan = BenchPlan(threads=2, runs=10, rounds=3, warmup_runs=5)
    runner.run("run", plan, [subject("a"), subject("b")], Here(MACHINE), store, Watcher(), on_record=seen.append)
    assert on_disk == [0, 1, 2, 3, 4, 5]
    assert store.read() == sorted(seen, key=lambda record: (record.started_at, record.id))
    assert len({record.run_id for record in seen}) == 1
    assert Counter((record.artifact.name, record.index) for record in seen) == {
        (name, i): 1 for name in "ab" for i in range(3)
    }


def test_a_record_holds_plan_and_environment_apart(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(timed)
    plan = BenchPlan(runs=4, rounds=1)
    runner.run("run", plan, [subject("a")], Here(MACHINE), store, Watcher(), on_record=lambda _: None)
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


def test_a_record_says_how_many_numbers_are_subnormal(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(timed)
    counted = msgspec.structs.replace(subject("a"), subnormals=Subnormals(weights=3))
    plan = BenchPlan(runs=2, rounds=1)
    runner.run("run", plan, [counted, subject("b")], Here(MACHINE), store, Watcher(), on_record=lambda _: None)
    assert {record.artifact.name: record.subnormals for record in store.read()} == {
        "a": Subnormals(weights=3),
        "b": None,
    }


def test_a_failed_round_is_a_record_and_the_others_go_on(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(lambda job: Broken(reason="ended by SIGSEGV", detail="") if "bad" in job.session.path else timed(job))
    plan = BenchPlan(runs=4, rounds=2)
    runner.run(
        "run", plan, [subject("bad"), subject("good")], Here(MACHINE), store, Watcher(), on_record=lambda _: None
    )
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
        runner.run(
            "run", BenchPlan(runs=9, rounds=3), [subject("a")], Here(MACHINE), store, Watcher(), on_record=seen.append
        )
    assert rounds == 2
    assert Store(store.path.with_name("moved")).read() == seen


def test_an_interruption_keeps_what_is_finished(store: Store, answer_with: Callable[[Answer], None]) -> None:
    def answer(job: Job) -> Timed:
        if list(store.path.iterdir()):
            raise KeyboardInterrupt
        return timed(job)

    answer_with(answer)
    with pytest.raises(KeyboardInterrupt):
        runner.run(
            "run",
            BenchPlan(runs=4, rounds=2),
            [subject("a")],
            Here(MACHINE),
            store,
            Watcher(),
            on_record=lambda _: None,
        )
    assert len(store.read()) == 1


def test_progress_names_the_network_and_the_time_left(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(timed)
    watcher = Watcher()
    runner.run(
        "run", BenchPlan(runs=4, rounds=2), [subject("a")], Here(MACHINE), store, watcher, on_record=lambda _: None
    )
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
        runner.run("run", plan, subjects, Here(MACHINE), store, Watcher(), on_record=lambda _: None)
    earlier = store.read()
    assert len(earlier) == 3
    good = {record.id for record in earlier if record.outcome is Outcome.OK}

    answer_with(timed)
    again: list[Round] = []
    runner.run("run", plan, subjects, Here(MACHINE), store, Watcher(), earlier=earlier, on_record=again.append)
    assert not good & {record.id for record in again}
    assert Counter((record.artifact.name, record.index) for record in store.read() if record.outcome is Outcome.OK) == {
        (name, i): 1 for name in "ab" for i in range(3)
    }
    failed = [record for record in earlier if record.outcome is Outcome.FAILED]
    assert {(r.index, r.attempt) for r in again if r.attempt} == {(record.index, 1) for record in failed}
    assert all(not measurement.failures for measurement in summarise(store.read()))

    runner.run("run", plan, subjects, Here(MACHINE), store, Watcher(), earlier=store.read(), on_record=never)


def test_each_way_of_an_artifact_is_a_row_of_its_own(store: Store, answer_with: Callable[[Answer], None]) -> None:
    """With subnormal numbers taken for zero it takes half the time here."""

    def answer(job: Job) -> Timed:
        found = timed(job)
        ns = 500_000 if job.session.options.denormal_as_zero else 1_000_000
        return msgspec.structs.replace(found, durations_ns=(ns,) * len(found.durations_ns))

    answer_with(answer)
    plan = BenchPlan(runs=4, rounds=2, options=RuntimeOptions(denormal_as_zero=True))
    runner.run("run", plan, [subject("a")], Here(MACHINE), store, Watcher(), on_record=lambda _: None)
    rows = {row.options.denormal_as_zero: row.latency for row in summarise(store.read())}
    assert {way: latency and latency.p50_ms for way, latency in rows.items()} == {False: 1.0, True: 0.5}
    assert [record.index for record in store.read() if "denormal-as-zero" in record.id] == [0, 1]


def test_each_number_of_threads_is_given_to_the_runtime_and_has_records_of_its_own(
    store: Store, answer_with: Callable[[Answer], None]
) -> None:
    given: list[int] = []

    def answer(job: Job) -> Timed:
        given.append(job.session.intra_op_num_threads)
        return timed(job)

    answer_with(answer)
    plan, watcher = BenchPlan(runs=4, rounds=2, threads=1), Watcher()
    left = runner.run(
        "run", plan, [subject("a")], Here(MACHINE), store, watcher, on_record=lambda _: None, threads=(1, 2)
    )
    assert left == 0
    assert Counter(given) == {1: 2, 2: 2}
    records = store.read()
    assert sorted(record.id for record in records) == [f"run-0-a-threads-{n}-{i}" for n in (1, 2) for i in (0, 1)]
    assert all(record.plan.threads == record.environment.threads for record in records)
    one, two = summarise(reversed(records))
    assert (one.threads, one.latency and one.latency.rounds) == (1, 2)
    assert (two.threads, two.latency and two.latency.rounds) == (2, 2)


def test_each_number_of_threads_that_had_no_time_is_a_row_that_says_so(
    store: Store, answer_with: Callable[[Answer], None]
) -> None:
    answer_with(timed)
    plan = BenchPlan(runs=4, rounds=2, threads=1)
    left = runner.run(
        "run",
        plan,
        [subject("a")],
        Here(MACHINE),
        store,
        Watcher(),
        on_record=lambda _: None,
        threads=(1, 2),
        max_time_s=0,
    )
    assert left == 4
    assert {(record.plan.threads, record.failure) for record in store.read()} == {
        (1, "time was up"),
        (2, "time was up"),
    }


def test_what_could_not_be_made_is_one_record_that_says_so_and_later_another_attempt(
    store: Store, answer_with: Callable[[Answer], None]
) -> None:
    answer_with(timed)
    made = subject("late")
    unmade = msgspec.structs.replace(
        made, artifact=msgspec.structs.replace(made.artifact, sha256=""), failure="no operator"
    )
    plan = BenchPlan(runs=4, rounds=2)
    seen: list[Round] = []
    for late in (unmade, unmade, made):
        earlier = tuple(seen)
        subjects = [late, subject("good")]
        runner.run("run", plan, subjects, Here(MACHINE), store, Watcher(), on_record=seen.append, earlier=earlier)
    tried = [(each.artifact.name, each.index, each.attempt, each.failure) for each in seen]
    assert Counter(tried) == Counter(
        [
            *(("good", index, 0, None) for index in (0, 1)),
            *(("late", 0, attempt, "no operator") for attempt in (0, 1)),
            ("late", 0, 2, None),
            ("late", 1, 0, None),
        ]
    )
    assert sorted((row.name, row.failures) for row in summarise(store.read())) == [("good", ()), ("late", ())]
