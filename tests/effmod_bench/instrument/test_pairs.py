import itertools
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from effmod_bench.instrument import pairs as pair_runner
from effmod_bench.instrument.machine import system
from effmod_bench.instrument.pairs import draw_job, run
from effmod_bench.instrument.place import Here
from effmod_bench.instrument.process.messages import Broken, PairJob, PairTimed
from effmod_bench.instrument.schedule import new_run_id
from effmod_bench.instrument.subject import stamp
from results import (
    ComparisonPlan,
    ComparisonProcess,
    GraphOptimization,
    Outcome,
    Remarks,
    RuntimeOptions,
    Store,
    StoreError,
    Subnormals,
    compare,
)
from results.statistics.gate import GateVerdict
from tests.effmod_bench.instrument.support import Watcher, subject
from tests.effmod_bench.support import PairAnswer, each_takes, noisy, timed_in_turn
from tests.fakes import MACHINE, FakeClocks


def carry_out(plan: ComparisonPlan, names: Sequence[str], store: Store) -> list[ComparisonProcess]:
    records: list[ComparisonProcess] = []
    run(
        new_run_id(), plan, [subject(name) for name in names], Here(MACHINE), store, Watcher(), on_record=records.append
    )
    return records


def test_every_block_has_two_runs_of_each_and_begins_with_either() -> None:
    job = draw_job(ComparisonPlan(blocks=200), (subject("a"), subject("b")), Here(MACHINE), target=1, index=0)
    blocks = Counter(job.order[i : i + 4] for i in range(0, 800, 4))
    assert set(blocks) == {"ABBA", "BAAB"}
    assert min(blocks.values()) > 70  # of 200; less has a probability of 1 in 100,000
    assert job.members["A"].session.path.endswith("a.onnx")
    assert job.members["B"].session.path.endswith("b.onnx")
    assert all(member.session.shared_threads for member in job.members.values())


def test_the_seed_decides_what_is_drawn() -> None:
    pair = (subject("a"), subject("b"))
    jobs = [draw_job(ComparisonPlan(), pair, Here(MACHINE), target=1, index=index) for index in range(40)]
    assert jobs == [draw_job(ComparisonPlan(), pair, Here(MACHINE), target=1, index=index) for index in range(40)]
    assert len({job.order for job in jobs}) == 40
    other = [draw_job(ComparisonPlan(seed=1), pair, Here(MACHINE), target=1, index=index) for index in range(40)]
    assert not {job.order for job in jobs} & {job.order for job in other}


def test_of_two_processes_in_a_row_each_loads_another_one_first() -> None:
    pair = (subject("a"), subject("b"))
    orders = [draw_job(ComparisonPlan(), pair, Here(MACHINE), target=1, index=index).load_order for index in range(40)]
    assert set(zip(orders[::2], orders[1::2], strict=True)) == {("AB", "BA"), ("BA", "AB")}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only some systems can bind a process to cores")
def test_as_many_cores_are_drawn_as_there_are_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 5, 7})
    pair = (subject("a"), subject("b"))
    for threads in (1, 2, 4, 9):
        drawn = [
            draw_job(ComparisonPlan(threads=threads), pair, Here(MACHINE), target=1, index=index).cores
            for index in range(50)
        ]
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
    monkeypatch.setattr(system, "read_text", lambda path: topology.get(str(path)))
    pair = (subject("a"), subject("b"))
    for threads in range(1, 8):
        drawn = [
            draw_job(ComparisonPlan(threads=threads), pair, Here(MACHINE), target=1, index=index).cores or ()
            for index in range(50)
        ]
        assert {len(cores) for cores in drawn} == {threads}
        assert {len({siblings[core] for core in cores}) for cores in drawn} == {min(threads, 4)}
        assert {core for cores in drawn for core in cores} == set(siblings)


def test_each_of_a_pair_is_run_with_its_own_options() -> None:
    pair = (subject("a"), subject("b"))
    calm = RuntimeOptions(graph_optimization=GraphOptimization.EXTENDED, allow_spinning=False)
    plan = ComparisonPlan(threads=2, target_options=(RuntimeOptions(), RuntimeOptions(), calm))
    job = draw_job(plan, pair, Here(MACHINE), target=2, index=0)
    a, b = (job.members[letter].session for letter in "AB")
    assert (a.options, b.options) == (RuntimeOptions(), calm)
    # One pool would spin for both; of their own, neither may spin on while the other runs.
    assert not any((a.shared_threads, b.shared_threads))
    assert all((a.stop_spinning, b.stop_spinning))
    assert draw_job(plan, pair, Here(MACHINE), target=1, index=0).members["B"].session.shared_threads


def test_threads_that_take_subnormal_numbers_for_zero_are_a_sessions_own() -> None:
    """Of a shared pool's threads nothing says that they do."""
    plan = ComparisonPlan(threads=2, options=RuntimeOptions(denormal_as_zero=True))
    members = draw_job(plan, (subject("a"), subject("b")), Here(MACHINE), target=1, index=0).members.values()
    assert all(each.session.options.denormal_as_zero for each in members)
    assert not any(each.session.shared_threads for each in members)


def test_each_target_is_compared_with_the_first_as_often_as_planned(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    answer_pairs_with(timed_in_turn)
    records = carry_out(ComparisonPlan(processes=3, blocks=5, control=True), "abc", store)
    assert Counter((record.baseline.name, record.candidate.name, record.index) for record in records) == {
        ("a", name, index): 1 for name in "abc" for index in range(3)
    }
    turns = [tuple(record.target for record in records[i : i + 3]) for i in (0, 3, 6)]
    assert all(sorted(turn) == [0, 1, 2] for turn in turns)  # in turn, so that drift meets all alike
    assert {record.plan.blocks * 2 for record in records} == {len(record.candidate_ns) for record in records}
    assert len({record.run_id for record in records}) == 1


def test_each_record_is_on_disk_before_the_next_process(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    on_disk = []

    def answer(job: PairJob) -> PairTimed:
        on_disk.append(len(list(store.path.iterdir())))
        return timed_in_turn(job)

    answer_pairs_with(answer)
    records = carry_out(ComparisonPlan(processes=2, blocks=1), "abc", store)
    assert on_disk == [0, 1, 2, 3]
    assert sorted(store.read_kind(ComparisonProcess), key=lambda r: r.id) == sorted(records, key=lambda r: r.id)


def test_a_failed_process_is_a_record_and_the_others_go_on(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    answer_pairs_with(
        lambda job: (
            Broken(reason="ended by SIGSEGV", detail="")
            if job.members["B"].session.path.endswith("bad.onnx")
            else timed_in_turn(job)
        )
    )
    records = carry_out(ComparisonPlan(processes=2, blocks=1), ["a", "bad", "good"], store)
    assert Counter((record.candidate.name, record.outcome, record.failure) for record in records) == {
        ("bad", Outcome.FAILED, "ended by SIGSEGV"): 2,
        ("good", Outcome.OK, None): 2,
    }


def test_a_file_that_changes_is_a_failure(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None], tmp_path: Path
) -> None:
    subjects = []
    for name in "ab":
        each = subject(str(tmp_path / name))
        each.path.write_bytes(b"one")
        subjects.append(msgspec.structs.replace(each, stamps=stamp(each.path)))

    def answer(job: PairJob) -> PairTimed:
        subjects[1].path.write_bytes(b"another")
        return timed_in_turn(job)

    answer_pairs_with(answer)
    records: list[ComparisonProcess] = []
    run(new_run_id(), ComparisonPlan(processes=2), subjects, Here(MACHINE), store, Watcher(), on_record=records.append)
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
    answer_pairs_with: Callable[[PairAnswer], None],
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
        return timed_in_turn(job)

    answer_pairs_with(answer)
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
    store: Store, answer_pairs_with: Callable[[PairAnswer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = FakeClocks(monkeypatch)

    def answer(job: PairJob) -> PairTimed:
        clocks.running_s += 10
        clocks.suspended_s += 5
        return timed_in_turn(job)

    answer_pairs_with(answer)
    records = carry_out(ComparisonPlan(processes=2), "ab", store)
    assert [(record.index, record.attempt, record.outcome) for record in records] == [
        (index, attempt, Outcome.FAILED) for index in range(2) for attempt in range(3)
    ]


def test_a_store_that_is_gone_stops_the_run(store: Store, answer_pairs_with: Callable[[PairAnswer], None]) -> None:
    answer_pairs_with(timed_in_turn)
    store.path.rmdir()
    with pytest.raises(StoreError, match="moved or deleted"):
        carry_out(ComparisonPlan(processes=2), "ab", store)


def test_processes_are_spread_over_the_time_that_was_asked_for(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    began: list[tuple[float, str]] = []

    def wait_until(moment_s: float) -> None:
        nonlocal now_s
        now_s = max(now_s, moment_s)

    def answer(job: PairJob) -> PairTimed:
        nonlocal now_s
        began.append((now_s, job.members["B"].session.path[-6:]))
        now_s += 3.0
        return timed_in_turn(job)

    monkeypatch.setattr(pair_runner, "monotonic_s", lambda: now_s)
    monkeypatch.setattr(pair_runner, "wait_until", wait_until)
    answer_pairs_with(answer)
    carry_out(ComparisonPlan(processes=4, spread_s=90), "abc", store)
    assert [moment for moment, _ in began] == [0, 3, 30, 33, 60, 63, 90, 93]  # both in each turn
    assert [len({path for _, path in began[i : i + 2]}) for i in (0, 2, 4, 6)] == [2, 2, 2, 2]


def test_no_time_is_waited_for_that_is_over(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    each_takes(10.0, monkeypatch)
    waited: list[float] = []
    monkeypatch.setattr(pair_runner, "wait_until", waited.append)
    answer_pairs_with(noisy(itertools.cycle((0.1, -0.1))))
    records = carry_out(ComparisonPlan(until=0.001, spread_s=50, max_time_s=35), "ab", store)
    assert len(records) == len(waited) == 4


def test_until_adds_processes_up_to_the_look_that_is_narrow_enough(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    plan = ComparisonPlan(blocks=1, until=0.01)
    answer_pairs_with(noisy(itertools.cycle((0.001, -0.001))))
    assert len(carry_out(plan, "ab", store)) == 12  # the first look
    answer_pairs_with(noisy(itertools.cycle((0.012, -0.012))))
    assert len(carry_out(plan, "ab", store)) == 18  # 1.25 % times 3.11 / sqrt(12) after twelve, 2.90 / sqrt(18) then


def test_until_goes_on_with_the_comparison_that_needs_it(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    wide = itertools.cycle((0.012, -0.012))
    answer_pairs_with(
        lambda job: timed_in_turn(job, 1 + next(wide) if job.members["B"].session.path.endswith("wide.onnx") else 1.0)
    )
    records = carry_out(ComparisonPlan(blocks=1, until=0.01), ["a", "calm", "wide"], store)
    counts = Counter(record.candidate.name for record in records)
    assert counts["calm"] == 12
    assert counts["wide"] > 12


def test_a_gate_goes_on_until_it_is_decided(store: Store, answer_pairs_with: Callable[[PairAnswer], None]) -> None:
    plan = ComparisonPlan(blocks=1, fail_if_slower=0.05, until_decided=True)
    answer_pairs_with(noisy(itertools.cycle((0.01, -0.01))))
    assert len(carry_out(plan, "ab", store)) == 6  # half as wide as the limit is far
    answer_pairs_with(noisy(itertools.cycle((0.11, 0.09))))
    assert len(carry_out(plan, "ab", store)) == 6
    answer_pairs_with(noisy(itertools.cycle((0.07, 0.04))))  # 5.5 % slower, to within 2.1 % after six
    records = carry_out(plan, "ab", store)
    assert len(records) > 20
    (found,) = compare(records)
    assert found.gate
    assert found.gate.verdict is GateVerdict.FAILS
    assert found.estimate
    assert found.estimate.error < 0.05  # the looks are paid for
    assert found.estimate.low > 1.05


def test_a_control_decides_nothing_and_is_not_waited_for(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    answer_pairs_with(noisy(itertools.cycle((0.07, 0.03))))
    plan = ComparisonPlan(blocks=1, fail_if_slower=0.05, until_decided=True, control=True)
    records = carry_out(plan, "a", store)
    assert len(records) == 6
    (found,) = compare(records)
    assert found.gate is None


def test_until_gives_up_where_everything_fails(store: Store, answer_pairs_with: Callable[[PairAnswer], None]) -> None:
    answer_pairs_with(lambda _: Broken(reason="killed", detail=""))
    assert len(carry_out(ComparisonPlan(until=0.01), "ab", store)) == 12


def test_no_process_begins_when_the_time_is_over_however_often_the_run_is_resumed(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    each_takes(10.0, monkeypatch)
    never_narrow = itertools.cycle((0.1, -0.1))
    answer_pairs_with(noisy(never_narrow))
    plan, pair = ComparisonPlan(until=0.001, max_time_s=95), [subject("a"), subject("b")]
    records = carry_out(plan, "ab", store)
    assert len(records) == 10
    assert pair_runner.missing(plan, 2, records) == 0
    again: list[ComparisonProcess] = []
    run(records[0].run_id, plan, pair, Here(MACHINE), store, Watcher(), earlier=records, on_record=again.append)
    assert again == []
    assert pair_runner.missing(plan, 2, records[:4]) == 8
    for record in records[4:]:
        (store.path / f"{record.id}.json").unlink()
    run(records[0].run_id, plan, pair, Here(MACHINE), store, Watcher(), earlier=records[:4], on_record=again.append)
    assert len(again) == 6


def test_what_failed_is_repeated_though_the_time_was_up(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    each_takes(10.0, monkeypatch)
    answer_pairs_with(lambda job: Broken(reason="killed", detail="") if job.load_order == "AB" else timed_in_turn(job))
    plan, pair = ComparisonPlan(processes=8, until=0.001, max_time_s=80), [subject("a"), subject("b")]
    records = carry_out(plan, "ab", store)
    failed = {record.index for record in records if record.outcome is Outcome.FAILED}
    assert 0 < len(failed) < len(records) == 8
    answer_pairs_with(timed_in_turn)
    again: list[ComparisonProcess] = []
    run(records[0].run_id, plan, pair, Here(MACHINE), store, Watcher(), earlier=records, on_record=again.append)
    assert {(record.index, record.attempt) for record in again} == {(index, 1) for index in failed}


def test_until_gives_up_where_a_file_has_gone(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None], tmp_path: Path
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
        return timed_in_turn(job, 1 + next(sizes))

    answer_pairs_with(answer)
    records: list[ComparisonProcess] = []
    plan = ComparisonPlan(until=0.001, max_time_s=1e6)
    run("run", plan, subjects, Here(MACHINE), store, Watcher(), on_record=records.append)
    assert Counter(record.outcome for record in records) == {Outcome.OK: 8, Outcome.FAILED: 10}  # the look at 18


def test_on_another_machine_a_resumed_comparison_that_was_not_complete_begins_anew(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    answer_pairs_with(timed_in_turn)
    plan, subjects = ComparisonPlan(processes=3), [subject("a"), subject("b"), subject("c")]
    *earlier, lost = carry_out(plan, "abc", store)
    (store.path / f"{lost.id}.json").unlink()
    upgraded = msgspec.structs.replace(MACHINE, versions={"onnxruntime": "2"})
    assert pair_runner.missing(plan, 3, earlier) == 1
    again: list[ComparisonProcess] = []
    run(earlier[0].run_id, plan, subjects, Here(upgraded), store, Watcher(), earlier=earlier, on_record=again.append)
    assert [(record.target, record.index) for record in again] == [(lost.target, index) for index in (2, 3, 4)]
    found = [(each.candidate.name, each.machine.versions, each.processes) for each in compare([*earlier, *again])]
    assert found.count((lost.candidate.name, upgraded.versions, 3)) == 1
    assert found.count((lost.candidate.name, MACHINE.versions, 2)) == 1
    assert len(found) == 3
    assert pair_runner.missing(plan, 3, [*earlier, *again]) == 0


def test_progress_names_the_target_and_the_time_left(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 0.0
    monkeypatch.setattr(pair_runner, "monotonic_s", lambda: seconds)

    def answer(job: PairJob) -> PairTimed:
        nonlocal seconds
        seconds += 2
        return timed_in_turn(job)

    answer_pairs_with(answer)
    watcher = Watcher()
    plan = ComparisonPlan(processes=3, blocks=1)
    run(new_run_id(), plan, [subject("a"), subject("b")], Here(MACHINE), store, watcher, on_record=lambda _: None)
    assert {(name, rounds) for name, _, rounds, _ in watcher.shown} == {("b", 3)}
    assert watcher.shown[0] == ("b", 0, 3, None)  # nothing is known yet
    done = [done for _, done, _, _ in watcher.shown]
    assert done == sorted(done)
    assert watcher.shown[-1][3] == pytest.approx(1.9)  # one process of two seconds, begun 0.1 s ago


def test_whether_times_depend_on_the_input_is_tried_in_the_first_process_and_noted(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    def answer(job: PairJob) -> PairTimed:
        tried: dict[str, tuple[int, ...]] = {"A": (1, 2), "B": (3, 4)} if job.tries_other else {}
        return msgspec.structs.replace(timed_in_turn(job), fed_ns=tried, other_ns=tried)

    answer_pairs_with(answer)
    said = {"subnormals": Subnormals(weights=3), "remarks": Remarks(unaligned_channels=(6,))}
    counted = [msgspec.structs.replace(subject(name), **said) for name in "a"]
    records: list[ComparisonProcess] = []
    plan = ComparisonPlan(processes=2, blocks=5, targets=("a", "b"))
    pair_runner.run("run", plan, [*counted, subject("b")], Here(MACHINE), store, Watcher(), on_record=records.append)
    first, second = sorted(records, key=lambda record: record.index)
    assert (first.baseline_fed_ns, first.baseline_other_ns) == ((1, 2), (1, 2))
    assert (first.candidate_fed_ns, first.candidate_other_ns) == ((3, 4), (3, 4))
    assert (second.baseline_fed_ns, second.candidate_other_ns) == ((), ())
    assert (first.baseline_subnormals, first.candidate_subnormals) == (Subnormals(weights=3), None)
    assert (first.baseline_remarks, first.candidate_remarks) == (Remarks(unaligned_channels=(6,)), Remarks())


def test_a_target_that_could_not_be_made_is_one_record_that_says_so(
    store: Store, answer_pairs_with: Callable[[PairAnswer], None]
) -> None:
    answer_pairs_with(timed_in_turn)
    unmade = msgspec.structs.replace(subject("bad"), failure="no operator")
    records: list[ComparisonProcess] = []
    plan = ComparisonPlan(processes=2, blocks=2)
    subjects = [subject("a"), unmade, subject("c")]
    run(new_run_id(), plan, subjects, Here(MACHINE), store, Watcher(), on_record=records.append)
    assert [(each.candidate.name, each.index, each.failure) for each in records] == [
        ("bad", 0, "no operator"),
        ("c", 0, None),
        ("c", 1, None),
    ]
