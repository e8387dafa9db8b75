from collections.abc import Callable
from typing import Any

from effmod_bench.instrument import pairs, rounds
from effmod_bench.instrument.place import Here
from effmod_bench.instrument.process.messages import Job, Timed
from effmod_bench.instrument.watch import Watched
from results import BenchPlan, ComparisonPlan, ComparisonProcess, Outcome, Round, Store
from tests.effmod_bench.instrument.support import Answer, Watcher, never, subject, timed
from tests.fakes import MACHINE


class Lost(Here):
    """A place that nothing can be timed at."""

    lost = "board 1 cannot be reached"

    def time(self, *_: object, **__: object) -> Watched[Any]:
        raise AssertionError("nothing is to be timed there")


def test_a_place_that_is_lost_leaves_a_row_of_each_artifact_with_the_reason(store: Store) -> None:
    seen: list[Round] = []
    subjects = [subject("a"), subject("b")]
    plan = BenchPlan(runs=4, rounds=2, threads=1)
    left = rounds.run("run", plan, subjects, Lost(MACHINE), store, Watcher(), on_record=seen.append)
    assert left == 4
    assert {(record.artifact.name, record.outcome, record.failure) for record in store.read()} == {
        (name, Outcome.FAILED, "board 1 cannot be reached") for name in "ab"
    }
    assert len(seen) == 2


def test_what_a_lost_place_had_before_is_enough(store: Store, answer_with: Callable[[Answer], None]) -> None:
    answer_with(timed)
    plan = BenchPlan(runs=4, rounds=2, threads=1)
    seen: list[Round] = []
    rounds.run("run", plan, [subject("a")], Here(MACHINE), store, Watcher(), on_record=seen.append)
    assert rounds.run("run", plan, [subject("a")], Lost(MACHINE), store, Watcher(), on_record=never, earlier=seen) == 0
    left = rounds.run("run", plan, [subject("a")], Lost(MACHINE), store, Watcher(), on_record=never, earlier=seen[:1])
    assert left == 1  # there is a row of it already


def test_a_comparison_at_a_lost_place_is_a_row_with_the_reason(store: Store) -> None:
    seen: list[ComparisonProcess] = []
    plan, subjects = ComparisonPlan(processes=2), [subject("a"), subject("b"), subject("c")]
    pairs.run("run", plan, subjects, Lost(MACHINE), store, Watcher(), on_record=seen.append)
    assert [(record.target, record.index, record.failure) for record in store.read_kind(ComparisonProcess)] == [
        (target, 0, "board 1 cannot be reached") for target in (1, 2)
    ]
    again: list[ComparisonProcess] = []
    left = pairs.run("run", plan, subjects, Lost(MACHINE), store, Watcher(), on_record=again.append, earlier=seen)
    assert (again, left) == ([], 4)  # the rows are there, and the processes are not


def test_what_is_fed_and_asked_is_the_same_job_for_every_place(
    store: Store, answer_with: Callable[[Answer], None]
) -> None:
    """A place chooses the threads, where nobody says, and nothing else."""
    jobs: list[Job] = []

    class Larger(Here):
        def threads(self, _: object) -> int:
            return 3

    def answer(job: Job) -> Timed:
        jobs.append(job)
        return timed(job)

    answer_with(answer)
    for name, place in (("one", Here(MACHINE)), ("two", Larger(MACHINE))):
        rounds.run(name, BenchPlan(runs=2, rounds=1), [subject("a")], place, store, Watcher(), on_record=lambda _: None)
    assert jobs[1].session.intra_op_num_threads == 3
    assert jobs[0].session.path == jobs[1].session.path
    assert (jobs[0].inputs, jobs[0].runs, jobs[0].feeds) == (jobs[1].inputs, jobs[1].runs, jobs[1].feeds)
    assert [record.environment.threads for record in store.read()][1] == 3
