"""Runs on a cluster that is not there."""

import csv
import io
import json
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from effmod_bench.errors import DeviceUnavailableError, TargetError
from effmod_bench.fleet import cluster, seat
from effmod_bench.fleet.cluster import NodeFacts, NodeLostError
from effmod_bench.options.places import Elsewhere
from effmod_bench.runs import prepare, repeat, where
from effmod_bench.runs.plan import RunPlan
from effmod_bench.runs.repeat import new_repetition
from effmod_bench.runs.reproduce import Reproduction
from effmod_bench.runs.supplied import gather
from effmod_bench.runs.where import check_places
from effmod_bench.screen.console import Console
from effmod_bench.targets.subjects import file_subject
from results import BenchPlan, Device, Round, Store
from tests.effmod_bench.fleet.test_seat import FakeNode
from tests.effmod_bench.support import effmod, store_with
from tests.fakes import make_round, on_board, write_onnx

SUITE = """title = "mine"
devices = ["cpu"]

[[measure]]
networks = ["a.onnx"]
runs = 2
rounds = 1

[[measure]]
networks = ["a.onnx"]
runs = 4
rounds = 2
"""


class Local:
    """A cluster of this machine alone: it lasts as long as the connection, and its node has another number each time.

    Attributes:
        started: how often it was.
        count: of its nodes.
        gpus: of each of them.
        is_lost: whether the first one is, after a round.
        cut_short: the round during which the user interrupts.
    """

    started: ClassVar[int] = 0
    count: ClassVar[int] = 1
    gpus: ClassVar[float] = 0.0
    is_there: ClassVar[bool] = False
    timed: ClassVar[int] = 0
    is_lost: ClassVar[bool] = False
    cut_short: ClassVar[int | None] = None

    @classmethod
    def connect(cls, *_: Any, **__: Any) -> None:
        if not cls.is_there:
            cls.is_there, cls.started = True, cls.started + 1

    @classmethod
    def reconnect(cls, *_: Any, **__: Any) -> None:
        cls.disconnect()
        cls.connect()

    @classmethod
    def disconnect(cls) -> None:
        cls.is_there = False

    @classmethod
    def nodes(cls) -> list[NodeFacts]:
        assert cls.is_there
        if cls.is_lost and cls.timed == cls.started == 1:
            raise NodeLostError("the head is gone")
        ids = (f"{cls.started + number}" * 56 for number in range(cls.count))
        return [NodeFacts(id=each, names=(), labels={}, cpus=1.0, gpus=cls.gpus) for each in ids]


class Interrupted(FakeNode):
    def time(self, *arguments: Any, **options: Any) -> Any:
        Local.timed += 1
        if Local.timed - 1 == Local.cut_short:
            raise KeyboardInterrupt
        return super().time(*arguments, **options)


@pytest.fixture(autouse=True)
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    write_onnx(Path("a.onnx"))
    Path("mine.toml").write_text(SUITE)
    monkeypatch.setattr(seat, "Node", Interrupted)
    for name, value in (("started", 0), ("count", 1), ("is_there", False), ("timed", 0), ("is_lost", False)):
        monkeypatch.setattr(Local, name, value)
    monkeypatch.setattr(Local, "cut_short", None)
    monkeypatch.setattr(Local, "gpus", 0.0)
    monkeypatch.setattr(Interrupted, "refusing", set())
    for name, fake in (
        ("parse_address", lambda _: "auto"),
        ("connect", Local.connect),
        ("reconnect", Local.reconnect),
        ("disconnect", Local.disconnect),
        ("read_nodes", Local.nodes),
        ("read_ids", lambda: {each.short_id for each in Local.nodes()}),
    ):
        monkeypatch.setattr(cluster, name, fake)
    monkeypatch.setattr(where, "disconnect", Local.disconnect)


def measured() -> list[tuple[str | None, str | None, str | None]]:
    found = sorted(Store(Path("records")).read_kind(Round), key=lambda each: (each.run_id, each.index))
    return [(each.environment.place, each.environment.node, each.environment.instead_of) for each in found]


def test_a_reproduction_has_one_cluster_from_its_first_run_to_its_last() -> None:
    done = effmod("reproduce", "./mine.toml", "--on", "ray://auto", "--store", "records")
    assert done.exit_code == 0, done.output
    assert measured() == [("cpu 1", "1" * 12, None)] * 3
    assert (Local.started, Local.is_there) == (1, False)
    assert "goes on at" not in done.stderr


def test_which_node_a_reproduction_is_measured_on_is_drawn_by_its_seed_which_each_of_its_runs_keeps() -> None:
    Local.count = 3
    drawn = []
    for seed in ("0", "1"):
        Local.started = 0  # with each connection it has other nodes
        done = effmod("reproduce", "./mine.toml", "--on", "ray://auto", "--seed", seed, "--store", seed)
        assert done.exit_code == 0, done.output
        store = Store(Path(seed))
        assert {run.drawn and run.drawn.seed for run in store.read_kind(RunPlan)} == {int(seed)}
        (node,) = {record.environment.node for record in store.read_kind(Round)}
        drawn.append(node)
    assert drawn[0] != drawn[1]


def test_a_cluster_that_is_lost_between_two_runs_of_a_reproduction_is_connected_to_again() -> None:
    Local.is_lost = True
    done = effmod("reproduce", "./mine.toml", "--on", "ray://auto", "--store", "records")
    assert done.exit_code == 0, done.output
    assert measured() == [("cpu 1", "1" * 12, None), *[("cpu 1", "2" * 12, None)] * 2]


def test_where_the_cluster_was_started_anew_places_keep_their_names() -> None:
    Local.cut_short = 2
    assert effmod("reproduce", "./mine.toml", "--on", "ray://auto", "--store", "records").exit_code == 130
    assert not Local.is_there
    done = effmod("reproduce", "--resume", "--on", "ray://auto", "--store", "records")
    assert done.exit_code == 0, done.output
    assert measured() == [*[("cpu 1", "1" * 12, None)] * 2, ("cpu 1", "2" * 12, None)]
    assert "the cluster was started anew since the run began" in done.stderr
    assert "goes on at" not in done.stderr


def theirs(*places: str) -> Path:
    """A store of somebody's, who measured on a machine of his, or at places, at each of them a round more."""
    artifact = file_subject(Path("a.onnx"), {}, batch_size=1).artifact
    rounds = [make_round([10.0], artifact=artifact, index=number, threads=1) for number in range(3 + len(places))]
    there = [
        msgspec.structs.replace(on_board(each, place), id=f"{each.id}-{place}")
        for number, place in enumerate(places, start=3)
        for each in rounds[:number]
    ]
    return store_with(Path("theirs"), *(there or rounds))


def again(*arguments: str) -> tuple[int, list[dict[str, str]], str]:
    """The exit code, the rows of the table, and what is said besides."""
    done = effmod(
        *("reproduce", *arguments, "--on", "ray://auto", "--store", "records", "--output-format", "csv"),
    )
    return done.exit_code, list(csv.DictReader(io.StringIO(done.stdout))), done.stderr


def test_somebodys_figures_are_measured_again_on_each_node() -> None:
    theirs()
    Local.count, Local.cut_short = 2, 3
    assert again("./theirs", "--files", ".", "--nodes", "2")[0] == 130
    assert not Local.is_there
    here = effmod("reproduce", "--resume", "--store", "records")
    assert here.exit_code == 2
    assert "measures on cpu 1, cpu 2, and its records name no host: say where these are by --on ray:" in here.stderr
    Local.cut_short, Local.started = None, 0
    code, rows, said = again("--resume")
    assert [(row["name"], row["place_ours"], row["why"]) for row in rows] == [
        ("a.onnx", "cpu 1", "outside"),
        ("a.onnx", "cpu 2", "outside"),
    ], said
    assert code == 4
    assert "error: a.onnx on cpu 2 is not reproduced" in said
    assert "--on ray://auto" in said
    assert len(measured()) == 6


def test_a_figure_of_a_place_is_set_beside_that_of_its_name_and_nothing_is_measured_unseen() -> None:
    theirs("cpu 2")
    Local.count = 2
    _, rows, said = again("./theirs", "--files", ".", "--nodes", "2")
    assert [row["place_ours"] for row in rows] == ["cpu 2", "cpu 1"], said
    assert len(measured()) == 6


def test_figures_of_several_places_are_each_set_beside_that_of_their_name_and_not_pooled() -> None:
    theirs("cpu 1", "cpu 2")
    Local.count = 2
    assert again("./theirs", "--files", ".", "--nodes", "2")[0] == 4
    done = effmod("reproduce", "--resume", "--on", "ray://auto", "--store", "records", "--output-format", "json")
    rows = json.loads(done.stdout)
    seen = [(row["theirs"]["place"], row["place"], row["ours"]["latency"]["rounds"]) for row in rows]
    assert seen == [("cpu 1", "cpu 1", 3), ("cpu 1", "cpu 2", 3), ("cpu 2", "cpu 2", 4), ("cpu 2", "cpu 1", 4)]


def planned(elsewhere: Elsewhere) -> Reproduction:
    """What measuring theirs again comes to."""
    supplied = gather(["a.onnx"], (), [], place=Path("brought"))
    return new_repetition(
        Console(0), "./theirs", Path("records"), supplied, select=(), margin=0.1, quick=False, elsewhere=elsewhere
    )


def test_a_figure_whose_place_was_lost_before_it_began_is_that_of_the_node_that_took_it_up() -> None:
    theirs("cpu 1")
    Local.count = 3
    whole = planned(Elsewhere(on="ray://auto", accelerator="cpu", nodes=2))
    (step,) = whole.steps
    artifact = file_subject(Path("a.onnx"), {}, batch_size=1).artifact
    rounds = []
    for place, instead_of in (("cpu 2", None), ("cpu 3", "cpu 1")):
        for index in range(3):
            each = on_board(make_round([10.0], artifact=artifact, index=index, threads=1), place)
            there = msgspec.structs.replace(each.environment, kind="cpu", node=place[-1] * 12, instead_of=instead_of)
            own = msgspec.structs.replace(each, id=f"{step.run.id}-{index}-{place}", run_id=step.run.id)
            rounds.append(msgspec.structs.replace(own, plan=step.run.plan, environment=there))
    store_with(Path("records"), whole, msgspec.structs.replace(step.run, artifacts=(artifact,)), *rounds)
    code, rows, said = again("--resume")
    assert [(row["place_ours"], row["verdict"]) for row in rows] == [("cpu 2", "reproduced"), ("cpu 3", "reproduced")]
    assert code == 0, said
    assert len(measured()) == 6


def test_a_figure_of_a_board_is_measured_on_the_board_of_its_name_alone() -> None:
    theirs("left", "right")
    boards = Elsewhere(on="left=ssh://a,right=ssh://b,other=ssh://c")
    found = planned(boards)
    assert [(step.run.places, step.run.plan.rounds) for step in found.steps] == [(("left",), 3), (("right",), 4)]
    for step in found.steps:
        check_places(step.run, boards, some=True)
    with pytest.raises(TargetError, match="measures on right, and its records name no host"):
        check_places(found.steps[1].run, Elsewhere(on="left=ssh://a"), some=True)


def test_what_nodes_have_is_not_looked_for_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise DeviceUnavailableError("no NVIDIA driver answers")

    for module in (prepare, repeat):
        monkeypatch.setattr(module, "check_installed", refuse)
    artifact = file_subject(Path("a.onnx"), {}, batch_size=1).artifact
    plan = BenchPlan(device=Device.CUDA)
    rounds = [make_round(artifact=artifact, index=number, threads=1) for number in range(2)]
    store_with(Path("theirs"), *(msgspec.structs.replace(each, plan=plan) for each in rounds))
    Local.gpus = 1.0
    _, rows, said = again("./theirs", "--files", ".")
    assert [row["verdict"] for row in rows] != ["not measured"], said
    assert len(measured()) == 2


def test_of_a_place_that_was_lost_each_figure_is_a_row_that_says_so() -> None:
    theirs()
    Local.count, Interrupted.refusing = 2, {"2" * 56}
    code, rows, said = again("./theirs", "--files", ".", "--nodes", "2")
    assert code == 4, said
    assert [(row["place_ours"], row["verdict"]) for row in rows] == [("cpu 1", "differs"), ("cpu 2", "not measured")]
    assert "a.onnx on cpu 2 was not measured: effmod is not installed there" in said


def test_what_no_place_can_run_is_a_row_and_where_none_can_be_reached_that_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store_with(Path("theirs"), msgspec.structs.replace(make_round(), plan=BenchPlan(device=Device.COREML)))

    def refuse(*_: Any, **__: Any) -> None:
        raise DeviceUnavailableError("nobody is there")

    code, rows, _ = again("./theirs", "--add", "toy")
    assert code == 1
    assert "nodes run Linux, and have no Core ML" in rows[0]["cause"]
    theirs()
    code, rows, said = again("./theirs", "--files", ".", "--select", "a.onnx", "--nodes", "2")
    assert (code, rows) == (3, [])
    assert "error: the cluster has 1 node of cpu, and 2 are asked for" in said
    monkeypatch.setattr(cluster, "connect", refuse)
    code, rows, said = again("./theirs", "--add", "toy")
    assert (code, rows) == (3, [])
    assert "error: nobody is there" in said
