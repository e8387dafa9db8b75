import json
import math
from pathlib import Path

import msgspec
import pytest

from effmod_bench.fleet.draw import Drawn
from effmod_bench.options.export import OnnxChoices
from effmod_bench.runs.expected import kinds_of, pace_of
from effmod_bench.runs.plan import new_run
from effmod_bench.screen.progress import in_words
from results import BenchPlan, Conditions, Round, Store
from tests.effmod_bench.support import effmod
from tests.fakes import make_round, timed_artifact


def seen_at(kind: str | None, name: str, ms: float, *, place: str = "A 1", runs: int = 10, index: int = 0) -> Round:
    """A round that took half a second besides its inferences and 5 of its warm-up."""
    artifact = msgspec.structs.replace(timed_artifact(name), macs=1_000_000)
    record = make_round([ms] * runs, artifact=artifact, index=index)
    conditions = Conditions(elapsed_s=0.5 + (runs + 5) * ms / 1e3)
    environment = msgspec.structs.replace(record.environment, place=place, kind=kind, conditions=conditions)
    return msgspec.structs.replace(record, environment=environment, warmup_runs=5)


RUN = msgspec.structs.replace(
    new_run(
        targets=["x"],
        plan=BenchPlan(runs=100, rounds=2, warmup_runs=5),
        choices=OnnxChoices().choices(batch_size=1),
        input_shapes={},
    ),
    places=("A 1", "A 2"),
    drawn=Drawn(kinds=("A",), nodes=2),
)


def test_a_run_takes_what_its_processes_and_their_inferences_took_before() -> None:
    pace = pace_of("A", RUN, [seen_at("A", "x", 20.0), seen_at("B", "x", 1.0, place="B 1"), seen_at(None, "x", 1.0)])
    assert pace is not None
    artifact = timed_artifact("x")
    run_s = pace.of("x", artifact.image_size, 1, None)
    assert run_s == pytest.approx(0.020)
    assert pace.rounds_s(0.020, runs=100, rounds=2) == pytest.approx(2 * (0.5 + 5 * 0.020) + 100 * 0.020)


def test_what_was_never_seen_there_is_told_by_its_multiply_adds() -> None:
    pace = pace_of("A", RUN, [seen_at("A", "x", 20.0)])
    assert pace is not None
    assert pace.of("y", 224, 1, 3_000_000) == pytest.approx(0.060)
    assert pace.of("y", 224, 1, None) is None


def test_other_devices_threads_and_failures_tell_nothing() -> None:
    asked = msgspec.structs.replace(RUN, plan=msgspec.structs.replace(RUN.plan, threads=7))
    assert pace_of("A", asked, [seen_at("A", "x", 20.0)]) is None
    assert pace_of("A", RUN, [make_round(failure="killed")]) is None


def test_a_board_is_one_of_its_own_kind() -> None:
    boards = msgspec.structs.replace(RUN, drawn=None, places=("pi5", "orange"))
    assert kinds_of(boards) == {"pi5": 1, "orange": 1}
    assert kinds_of(RUN) == {"A": 2}
    assert pace_of("pi5", boards, [seen_at(None, "x", 20.0, place="pi5")]) is not None


def test_kinds_that_work_at_once_take_as_long_as_the_slowest_of_them_takes_for_all() -> None:
    """And not as long as the slowest of each network, one after the other."""
    store = Store(Path("records"))
    store.check_writable()
    names = ("efficientmod_xxs", "mobilenetv2_100")
    for kind, times_ms in (("A", (20.0, 1.0)), ("B", (1.0, 30.0))):
        for name, ms in zip(names, times_ms, strict=True):
            store.write(msgspec.structs.replace(seen_at(kind, name, ms, place=f"{kind} 1"), id=f"{kind}-{name}"))
    on = ("--on", "ray://head:10001", "--accelerator", "A,B", "--store", "records")
    asked = ("bench", *names, "--runs", "10000", "--rounds", "1", "--warmup", "5", "--dry-run", *on)
    rows = json.loads(effmod(*asked, "--output-format", "json").stdout)
    exports_s = sum(12 for row in rows if row["action"] != "cached")
    a_s, b_s = ((200 + 10 + 2 * 0.5 + 5 * 0.021), (10 + 300 + 2 * 0.5 + 5 * 0.031))
    assert sum(row["about_s"] for row in rows) == pytest.approx(exports_s + 200 + 300 + 2 * 0.5 + 5 * 0.050)
    said = " ".join(effmod(*asked).stdout.split())
    assert f"; {in_words(exports_s + b_s)} in all; " in said
    assert f"{in_words(a_s)} on each of 1 of A, {in_words(b_s)} on each of 1 of B" in said


def test_a_dry_run_plans_for_a_cluster_that_is_not_there_by_what_one_node_measured() -> None:
    """59 networks x 4 kinds x 3 nodes x 4000 runs; nothing is connected to."""
    store = Store(Path("records"))
    store.check_writable()
    for number, kind in enumerate(("P100", "V100", "T4", "A100")):
        record = seen_at(kind, "efficientmod_xxs", 8.0 / 2**number, place=f"{kind} 1")
        artifact = msgspec.structs.replace(record.artifact, macs=583_000_000)
        store.write(msgspec.structs.replace(record, id=kind, artifact=artifact))
    asked = ("bench", "--table", "1", "--anchor", "none", "--dry-run", "--store", "records", "--on", "ray://head:10001")
    every = ("--nodes", "3", "--accelerator", "P100,V100,T4,A100")
    done = effmod(*asked, *every, "--output-format", "json")
    assert done.exit_code == 0, done.output
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    xxs = rows["efficientmod_xxs"]
    slowest_s = 5 * (0.5 + 50 * 0.008) + 4000 * 0.008  # the P100, whose warm-up is at least what is asked for
    assert xxs["about_s"] == pytest.approx(slowest_s + (0 if xxs["action"] == "cached" else 12), rel=1e-6)
    assert all(row["about_s"] is not None and math.isfinite(row["about_s"]) for row in rows.values())
    said = " ".join(effmod(*asked, *every).stdout.split())
    assert "cpu of 12 places: P100 1, P100 2, P100 3, V100 1" in said
    assert "All places work at once: about" in said
    assert "on each of 3 of P100" in said
    unknown = " ".join(effmod(*asked, "--accelerator", "P100,H100").stdout.split())
    assert "Nothing in the store tells of H100: measure one network on one of each" in unknown
