"""`--on ray://...` with real raylets: several on this machine, each a node with a lock of its own."""

import csv
import importlib.util
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from effmod_bench.errors import ExitCode
from results import ComparisonProcess, Outcome, Round, Store
from tests.effmod_bench.fleet.raylets import Nodes, cluster_of
from tests.effmod_bench.support import EFFMOD, Run
from tests.fakes import write_onnx

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray, of effmod's extra cluster, is not installed"
    ),
]
KINDS = ("A", "A", "B")
# As fast as Ray notices that a node is gone; by itself it takes half a minute.
_HEALTH = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 5,
}
_LONG_S = 120.0


@pytest.fixture(scope="module")
def _cluster() -> Iterator[Nodes]:
    folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
    try:
        with cluster_of(KINDS, folder, config=_HEALTH) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def nodes(_cluster: Nodes, monkeypatch: pytest.MonkeyPatch) -> Nodes:
    monkeypatch.setenv("RAY_ADDRESS", _cluster.address)
    write_onnx(Path("a.onnx"))
    write_onnx(Path("b.onnx"), nodes=30)
    return _cluster


def protocol(runs: int, rounds: int) -> tuple[str, ...]:
    return ("--runs", str(runs), "--rounds", str(rounds), "--warmup", "1", "--threads", "1")


def begun(*command: object) -> "subprocess.Popen[str]":
    """In a process of its own: `tests.effmod_bench.fleet.raylets` says why none that uses Ray is pytest's."""
    return subprocess.Popen(
        [*map(str, command)],
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(rounds: Callable[[list[Round]], bool], store: str = "records") -> list[Round]:
    """Until the store holds these."""
    end = time.monotonic() + _LONG_S
    while time.monotonic() < end:
        found = Store(Path(store)).read_kind(Round) if Path(store).exists() else []
        if rounds(found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"it did not come to that: {found}")


def spans(rounds: Sequence[Round]) -> list[tuple[str, float, float]]:
    """Where and from when to when each was timed."""
    found = []
    for record in rounds:
        began = datetime.fromisoformat(record.started_at).timestamp()
        conditions = record.environment.conditions
        assert conditions is not None
        assert record.environment.node is not None
        found.append((record.environment.node, began, began + conditions.elapsed_s))
    return found


def overlapping(where: Sequence[tuple[str, float, float]]) -> list[tuple[Any, Any]]:
    """Those on one node at once."""
    by_node = sorted(where)
    return [(one, two) for one, two in pairwise(by_node) if one[0] == two[0] and two[1] < one[2]]


@pytest.mark.usefixtures("nodes")
def test_each_job_is_on_its_kind_and_alone_on_its_node_whatever_else_is_queued() -> None:
    """Two runs at once, and jobs of others, which Ray would run beside them: the node has a place for one."""
    queue = begun(sys.executable, Path(__file__).with_name("others.py"))
    assert queue.stdout is not None
    kinds = json.loads(queue.stdout.readline())
    both = [
        begun(
            EFFMOD, "bench", "a.onnx", "b.onnx", *protocol(2000, 2), "--store", "records", "--on", "ray://auto", *drawn
        )
        for drawn in (("--accelerator", "A,B"), ("--nodes", "2", "--accelerator", "A"))
    ]
    wait_for(lambda found: len(found) >= 2)
    others = [(node, began, end) for node, began, end in json.loads(queue.communicate("more", timeout=_LONG_S)[0])]
    said = [each.communicate(timeout=_LONG_S)[1] for each in both]
    assert [each.returncode for each in both] == [0, 0], "\n".join(said)
    rounds = Store(Path("records")).read_kind(Round)
    assert {record.environment.kind == kinds[str(record.environment.node)] for record in rounds} == {True}
    assert Counter((record.environment.place, record.outcome) for record in rounds) == {
        ("A 1", Outcome.OK): 8,
        ("A 2", Outcome.OK): 4,
        ("B 1", Outcome.OK): 4,
    }
    where = spans(rounds)
    assert overlapping([*where, *others]) == []
    behind = [node for node, began, _ in others if any(node == of and began > end for of, _, end in where)]
    assert behind, "none was queued behind the runs"


@pytest.mark.usefixtures("nodes")
def test_a_suite_is_measured_on_the_nodes_of_a_kind_and_a_comparison_on_each(effmod_process: Run) -> None:
    Path("mine.toml").write_text(
        'title = "mine"\ndevices = ["cpu"]\n[[measure]]\nnetworks = ["a.onnx"]\nruns = 4\nrounds = 2\nthreads = 1\n'
    )
    on = ("--on", "ray://auto", "--accelerator", "A", "--nodes", "2")
    done = effmod_process("reproduce", "./mine.toml", "--store", "records", *on)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "By kind of machine" in done.stdout
    assert "--resume" in done.stderr
    assert "--on ray://auto" in done.stderr
    rounds = Store(Path("records")).read_kind(Round)
    assert Counter(record.environment.place for record in rounds) == {"A 1": 2, "A 2": 2}
    kinds = effmod_process("show", "records", "--only", "nodes", "--output-format", "csv")
    (row,) = csv.DictReader(io.StringIO(kinds.stdout))
    assert (row["kind"], row["nodes"]) == ("A", "2")

    few = ("--processes", "2", "--blocks", "3", "--warmup", "1", "--threads", "1", "--store", "pairs", *on)
    compared = effmod_process("compare", "a.onnx", "b.onnx", *few, "--fail-if-slower", "9900%")
    assert compared.returncode == ExitCode.OK, compared.stderr
    pairs = Store(Path("pairs")).read_kind(ComparisonProcess)
    assert Counter((record.environment.place, record.outcome) for record in pairs) == {
        ("A 1", Outcome.OK): 2,
        ("A 2", Outcome.OK): 2,
    }


@pytest.mark.usefixtures("nodes")
def test_the_status_says_who_measures_and_a_driver_that_is_killed_leaves_its_node_to_be_resumed(
    effmod_process: Run,
) -> None:
    asked = ("b.onnx", *protocol(30_000, 3), "--store", "records")
    driver = begun(EFFMOD, "bench", *asked, "--on", "ray://auto", "--accelerator", "B")
    before = wait_for(lambda found: len(found) == 1)
    driver.send_signal(signal.SIGSTOP)  # the node stays its own meanwhile
    status = effmod_process("cluster", "status", "--output-format", "csv")
    assert status.returncode == ExitCode.OK, status.stderr
    rows = {row["node"]: row for row in csv.DictReader(io.StringIO(status.stdout))}
    assert [row["kind"] for row in rows.values()] == ["A", "A", "B"]
    busy = rows[str(before[0].environment.node)]
    assert busy["state"] == "measuring"
    assert busy["holder"].startswith(f"effmod bench, run {before[0].run_id}, from another machine")
    assert [row for row in rows.values() if row["state"] == "measuring"] == [busy]
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    refused = effmod_process("bench", "--resume", "--store", "records")
    assert refused.returncode == ExitCode.USAGE
    assert "measures on B 1, and its records name no host: say where these are by --on ray://auto" in refused.stderr
    done = effmod_process("bench", "--resume", "--store", "records", "--on", "ray://auto")
    assert done.returncode == ExitCode.OK, done.stderr
    rounds = Store(Path("records")).read_kind(Round)
    assert [(record.index, record.attempt, record.environment.place) for record in rounds] == [
        (number, 0, "B 1") for number in range(3)
    ]
    assert len({record.environment.node for record in rounds}) == 1
    assert before[0] in rounds


def test_what_a_node_that_dies_leaves_is_taken_by_another_of_its_kind(nodes: Nodes, effmod_process: Run) -> None:
    """The last test: it takes one of the two nodes."""
    killed: list[str] = []

    def kill_in_a_round() -> None:
        (first, *_) = wait_for(lambda found: len(found) >= 1)
        time.sleep(0.4)
        killed.append(str(first.environment.node))
        nodes.kill(killed[0])

    killer = threading.Thread(target=kill_in_a_round)
    killer.start()
    done = effmod_process(
        *("bench", "b.onnx", *protocol(200_000, 3), "--store", "records", "--output-format", "csv"),
        *("--on", "ray://auto", "--accelerator", "A"),
    )
    killer.join()
    assert done.returncode == ExitCode.OK, done.stderr
    rounds = Store(Path("records")).read_kind(Round)
    good = [record for record in rounds if record.outcome is Outcome.OK]
    (failed,) = [record for record in rounds if record.outcome is Outcome.FAILED]
    assert sorted(record.index for record in good) == [0, 1, 2]
    assert {record.environment.share for record in rounds} == {"A 1"}
    assert failed.environment.node == killed[0]
    assert str(failed.failure).startswith("the node was lost during the round")
    again = next(record for record in good if record.index == failed.index)
    assert (again.attempt, again.environment.place, again.environment.instead_of) == (1, "A 2", "A 1")
    assert done.stdout.startswith("name,"), "Ray has no say on standard output"
    assert "A 1: goes on at A 2, since" in done.stderr

    few = effmod_process("bench", "a.onnx", *protocol(2, 1), "--store", "none", "--on", "ray://auto", "--nodes", "2")
    assert few.returncode == ExitCode.UNAVAILABLE
    assert "error: the cluster has 1 node of A, and 2 are asked for; it has 1 of A, 1 of B" in few.stderr
    assert not Path("none").exists()
