"""What a place of a run does where its node is lost, with nodes that are not there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from effmod_bench.fleet import cluster, seat
from effmod_bench.fleet.cluster import NodeFacts, NodeLostError
from effmod_bench.fleet.draw import Drawn
from effmod_bench.fleet.errors import BoardError
from effmod_bench.fleet.messages import Ready
from effmod_bench.fleet.messages import Watched as Answer
from effmod_bench.fleet.seat import Pool, Seat
from effmod_bench.instrument import rounds
from effmod_bench.instrument.place import Place
from effmod_bench.instrument.process.messages import Timed
from effmod_bench.targets.subjects import file_subject
from results import BenchPlan, Environment, Outcome, Round, SessionFacts, Store
from tests.effmod_bench.instrument.support import Watcher
from tests.fakes import MACHINE, write_onnx

PLAN = BenchPlan(runs=4, rounds=4, warmup_runs=0, threads=1)


class FakeNode:
    """A node that does as it is told: opens or not, and is lost in the rounds of these numbers."""

    lost_in: ClassVar[dict[str, set[int]]] = {}
    refusing: ClassVar[set[str]] = set()
    rounds: ClassVar[dict[str, int]] = {}

    def __init__(self, facts: NodeFacts, *, name: str, kind: str, **_: Any) -> None:
        self.facts, self.name, self.kind = facts, name, kind
        self.ready: Ready | None = None
        self.is_broken = False

    def open(self) -> None:
        if self.facts.id in self.refusing:
            self.is_broken = True
            raise BoardError("effmod is not installed there")
        self.ready = Ready(machine=MACHINE, cores=None)

    def close(self) -> None:
        """Nothing is there."""

    def time(self, *_: Any, **__: Any) -> tuple[str, Answer]:
        number = self.rounds[self.facts.id] = self.rounds.get(self.facts.id, -1) + 1
        if number in self.lost_in.get(self.facts.id, ()):
            raise NodeLostError("the power of 10.0.0.7 failed")
        session = SessionFacts(runtime="onnxruntime 1", execution_provider="CPUExecutionProvider")
        outcome = Timed(session=session, load_ns=1, first_inference_ns=1, durations_ns=(1,), peak_memory_bytes=None)
        environment = Environment(machine=MACHINE, threads=1, session=session, load_average=None)
        return "2026-01-01T00:00:00.000+00:00", Answer(outcome=outcome, environment=environment, disturbed=False)


@pytest.fixture
def alive(monkeypatch: pytest.MonkeyPatch) -> list[NodeFacts]:
    """The nodes that there are."""
    found = [NodeFacts(id=letter * 56, names=("10.0.0.7",), labels={}, cpus=1.0, gpus=0.0) for letter in "abc"]
    monkeypatch.setattr(seat, "Node", FakeNode)
    monkeypatch.setattr(cluster, "read_nodes", lambda: list(found))
    monkeypatch.setattr(FakeNode, "lost_in", {})
    monkeypatch.setattr(FakeNode, "rounds", {})
    monkeypatch.setattr(FakeNode, "refusing", set())
    return found


def pool_of(nodes: int, facts: list[NodeFacts], said: list[str], known: dict[str, str] | None = None) -> Pool:
    drawn = Drawn(kinds=("cpu",), nodes=nodes)
    return Pool(drawn, facts, known or {}, command="effmod", wait=True, say=said.append)


def opened(pool: Pool) -> tuple[Seat, ...]:
    for place in pool.seats:
        place.open()
    return pool.seats


def measure(places: Sequence[Place], run_id: str = "run") -> list[Round]:
    """All rounds of these, one place after the other."""
    subject = file_subject(write_onnx(Path("a.onnx")), {}, batch_size=1)
    store, found = Store(Path("records")), list[Round]()
    store.check_writable()
    for place in places:
        rounds.run(run_id, PLAN, [subject], place, store, Watcher(), on_record=found.append)
    assert len({record.id for record in found}) == len(found)
    return found


def test_a_node_that_nobody_has_takes_what_a_lost_one_leaves(alive: list[NodeFacts]) -> None:
    said: list[str] = []
    pool = pool_of(2, alive, said)
    places = opened(pool)
    assert places[0].node is not None
    FakeNode.lost_in[places[0].node.facts.id] = {1}
    alive.remove(places[0].node.facts)
    found = measure(places)
    one = [record for record in found if record.environment.share == "cpu 1"]
    assert [(r.index, r.attempt, r.outcome, r.environment.place, r.environment.instead_of) for r in one] == [
        (0, 0, Outcome.OK, "cpu 1", None),
        (1, 0, Outcome.FAILED, "cpu 1", None),
        (1, 1, Outcome.OK, "cpu 3", "cpu 1"),
        (2, 0, Outcome.OK, "cpu 3", "cpu 1"),
        (3, 0, Outcome.OK, "cpu 3", "cpu 1"),
    ]
    assert one[1].failure == "the node was lost during the round: the power of ... failed"
    assert len(found) == 9
    assert said == ["cpu 1: goes on at cpu 3, since the power of ... failed"]


def test_where_all_have_work_one_of_them_does_both_and_where_none_is_left_the_place_is_lost(
    alive: list[NodeFacts],
) -> None:
    del alive[2]
    places = opened(pool_of(2, alive, []))
    first, second = (each.node for each in places)
    assert first is not None
    assert second is not None
    FakeNode.lost_in |= {first.facts.id: {1}, second.facts.id: {2}}
    alive.remove(first.facts)
    found = measure(places)
    one = [record for record in found if record.environment.share == "cpu 1"]
    assert [(r.index, r.attempt, r.outcome, r.environment.place) for r in one] == [
        (0, 0, Outcome.OK, "cpu 1"),
        (1, 0, Outcome.FAILED, "cpu 1"),
        (1, 1, Outcome.OK, "cpu 2"),
        (2, 0, Outcome.OK, "cpu 2"),
        (3, 0, Outcome.FAILED, "cpu 2"),  # the node is there, and what timed on it died: it is asked again
        (3, 1, Outcome.OK, "cpu 2"),
    ]
    two = [record for record in found if record.environment.share == "cpu 2"]
    assert [(r.index, r.attempt, r.outcome, r.environment.instead_of) for r in two] == [
        (index, 0, Outcome.OK, None) for index in range(4)
    ]
    assert [place.lost for place in places] == [None, None]
    alive.clear()
    FakeNode.lost_in[second.facts.id] = set(range(99))
    (failed,) = measure(places[1:], "another")
    assert failed.failure == "the node was lost during the round: the power of ... failed"
    assert places[1].lost == "the power of ... failed"


def test_a_node_that_cannot_be_used_is_left_for_one_that_nobody_has_or_the_place_is_lost(
    alive: list[NodeFacts],
) -> None:
    pool = pool_of(2, alive, [])
    FakeNode.refusing.update(each.node.facts.id for each in pool.seats if each.node)
    one, two = opened(pool)
    assert one.node is not None
    assert one.node.name == "cpu 3"
    assert [one.lost, two.lost] == [None, "effmod is not installed there"]


def test_on_resuming_a_place_whose_node_is_gone_goes_on_at_another(alive: list[NodeFacts]) -> None:
    said: list[str] = []
    one, two = (each.node for each in opened(pool_of(2, alive, said, {"0" * 12: "cpu 1", "a" * 12: "cpu 2"})))
    assert one is not None
    assert two is not None
    assert (one.name, two.name) == ("cpu 3", "cpu 2")
    assert two.facts.id == "a" * 56
    assert said == ["cpu 1: goes on at cpu 3, since the node that it began on is gone"]


def test_versions_that_were_not_to_differ_are_refused_of_what_comes_later(alive: list[NodeFacts]) -> None:
    said: list[str] = []
    pool = pool_of(1, alive, said)
    (place,) = opened(pool)
    pool.allow_only({"python": "2.7"})
    assert place.node is not None
    FakeNode.lost_in[place.node.facts.id] = {0}
    alive.remove(place.node.facts)
    (failed,) = measure([place])
    assert failed.outcome is Outcome.FAILED
    assert place.lost is not None
    assert sum("--same-versions was asked for" in each for each in said) == 2


def test_a_place_is_lost_where_the_cluster_ends_before_another_node_is_found(
    alive: list[NodeFacts], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of(1, alive, [])
    assert pool.seats[0].node is not None
    FakeNode.refusing = {pool.seats[0].node.facts.id}

    def gone() -> list[NodeFacts]:
        raise NodeLostError("the head is gone")

    monkeypatch.setattr(cluster, "read_nodes", gone)
    (place,) = opened(pool)
    assert place.lost == "the cluster was lost: the head is gone"
